//! `smol::target::memory`: what a device must hold fits into it, while training, while evaluating and while saving.
//!
//! The formulas are those of [`smolc_plan::memory`].

use crate::spec::{ModelSpec, Run};
use smolc_diag::Diagnostic;
use smolc_plan::memory::{SPARE, memory};
use smolc_plan::{Batch, Objective, Recompute, Target, smaller_head_chunks};

/// Bytes as people say them; a small model's parts are no part of a GiB.
fn size(bytes: f64) -> String {
    let gib = f64::from(1u32 << 30);
    match bytes {
        b if b >= gib => format!("{:.1} GiB", b / gib),
        b if b >= gib / 1024.0 => format!("{:.0} MiB", b / gib * 1024.0),
        b => format!("{:.0} KiB", b / 1024.0),
    }
}

/// Reports a run that does not fit, with the breakdown and the nearest changes that would make it fit.
pub fn check(run: &Run, out: &mut Vec<Diagnostic>) {
    let (Some((target, at)), Some(batch), Some(model)) = (&run.target, &run.batch, &run.model) else {
        return;
    };
    let reference = matches!(run.objective, Some((Objective::Dpo { .. }, _)));
    let Some(memory) = memory(&model.model, batch, target, reference) else { return };
    let room = target.device.memory as f64 * (1.0 - SPARE);
    if memory.peak() <= room {
        return;
    }
    let (what, most) =
        [("training", memory.activations), ("evaluating", memory.evaluation), ("saving", memory.saving)]
            .into_iter()
            .fold(("training", 0.0f64), |best, next| if next.1 > best.1 { next } else { best });
    let mut d = Diagnostic::error(
        "smol::target::memory",
        *at,
        format!(
            "run `{}` does not fit on `{}`: {what} takes {} of {} a device",
            run.name,
            target.name,
            size(memory.peak()),
            size(target.device.memory as f64)
        ),
    )
    .label(format!("{} of {} are for the run", size(room), target.device.name))
    .also(
        model.span,
        format!(
            "weights {}, optimizer {}, gradients {}, activations {}, workspace {}",
            size(memory.weights + memory.reference),
            size(memory.optimizer),
            size(memory.gradients),
            size(most),
            size(memory.workspace)
        ),
    );
    if let Some(batch_at) = run.batch.as_ref().map(|_| run.batch_span) {
        d = d.also(batch_at, format!("micro-batches of {} sequences of {}", batch.micro, batch.window));
    }
    let fixes = fixes(model, batch, target, reference, room);
    out.push(match fixes.is_empty() {
        true => d.help("no micro-batch, recomputation or division among replicas makes it fit; use more or larger devices"),
        false => d.help(format!("it fits with {}", fixes.join(", or with "))),
    });
}

/// The smallest single changes that make a run fit.
fn fixes(model: &ModelSpec, batch: &Batch, target: &Target, reference: bool, room: f64) -> Vec<String> {
    let fits =
        |b: &Batch, t: &Target| memory(&model.model, b, t, reference).is_some_and(|m| m.peak() <= room);
    let mut out = Vec::new();
    let smaller = (1..batch.micro).rev().filter(|m| batch.sequences.is_multiple_of(target.data_parallel * m));
    if let Some(micro) = smaller.map(|micro| Batch { micro, ..batch.clone() }).find(|b| fits(b, target)) {
        out.push(format!("`micro_batch: {} sequences`", micro.micro));
    }
    let zero = (target.zero + 1..=3).map(|zero| Target { zero, ..target.clone() });
    if target.data_parallel > 1
        && let Some(t) = zero.into_iter().find(|t| fits(batch, t))
    {
        out.push(format!("`zero: {}`", t.zero));
    }
    let mut again = Recompute::ALL.into_iter().skip_while(|level| *level != target.recompute).skip(1);
    if let Some(level) = again.find(|level| fits(batch, &Target { recompute: *level, ..target.clone() })) {
        out.push(format!("`recompute: {}`", level.name()));
    }
    let smaller = smaller_head_chunks(target.head_chunk);
    let mut smaller = smaller.map(|head_chunk| Target { head_chunk, ..target.clone() });
    if let Some(t) = smaller.find(|t| fits(batch, t)) {
        out.push(format!("`head_chunk: {} tokens`", t.head_chunk));
    }
    if out.is_empty() {
        let zero = if target.data_parallel > 1 { 3 } else { target.zero };
        let all = Target { zero, recompute: Recompute::Layers, ..target.clone() };
        let one = Batch { micro: 1, ..batch.clone() };
        if fits(&one, &all) {
            let zero = if target.data_parallel > 1 { "`zero: 3`, " } else { "" };
            out.push(format!("{zero}`micro_batch: 1 sequences` and `recompute: layers` together"));
        }
    }
    out
}
