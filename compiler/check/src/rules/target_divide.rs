//! `smol::target::divide`: the work divides evenly among the devices.

use crate::spec::Run;
use crate::units::grouped;
use smolc_diag::{Diagnostic, Span};

/// True if everything divides; otherwise each thing that does not is reported.
pub fn check(run: &Run, out: &mut Vec<Diagnostic>) -> bool {
    let (Some((target, at)), Some(batch), Some(model)) = (&run.target, &run.batch, &run.model) else {
        return false;
    };
    let before = out.len();
    let field = |name: &str| run.target_spans.iter().find(|(k, _)| k == name).map_or(*at, |(_, span)| *span);
    let share = target.data_parallel.checked_mul(batch.micro);
    if share.is_none_or(|s| !batch.sequences.is_multiple_of(s)) {
        let each = batch.sequences as f64 / target.data_parallel as f64;
        let each = if each.fract() == 0.0 { format!("{each}") } else { format!("{each:.2}") };
        let sizes: Vec<String> = (1..=batch.sequences.min(64))
            .filter(|m| {
                target.data_parallel.checked_mul(*m).is_some_and(|s| batch.sequences.is_multiple_of(s))
            })
            .map(|m| m.to_string())
            .collect();
        let d = Diagnostic::error(
            "smol::target::divide",
            run.batch_span,
            format!(
                "a batch of {} sequences does not divide among {} replicas of `{}`",
                grouped(i128::from(batch.sequences)),
                target.data_parallel,
                target.name
            ),
        )
        .label(format!("{each} sequences a replica, in micro-batches of {}", batch.micro))
        .also(*at, format!("{} replicas", target.data_parallel));
        out.push(match sizes.is_empty() {
            true => d.help(format!("the batch is a multiple of {} sequences", target.data_parallel)),
            false => d.help(format!("`micro_batch` may be {} sequences", sizes.join(", "))),
        });
    }
    let m = &model.model;
    let tensor = target.tensor_parallel;
    for (name, size) in [("heads", m.heads), ("kv_heads", m.kv_heads), ("ffn", m.ffn), ("vocab", m.vocab)] {
        report(out, "tensor_parallel", tensor, name, size, model.at(name), field("tensor_parallel"));
    }
    report(
        out,
        "pipeline_parallel",
        target.pipeline_parallel,
        "layers",
        m.layers,
        model.at("layers"),
        field("pipeline_parallel"),
    );
    out.len() == before
}

fn report(out: &mut Vec<Diagnostic>, by: &str, parts: u64, name: &str, size: u64, at: Span, target: Span) {
    if parts == 0 || size.is_multiple_of(parts) {
        return;
    }
    out.push(
        Diagnostic::error(
            "smol::target::divide",
            at,
            format!("`{name}` is {size}, which does not divide by `{by}: {parts}`"),
        )
        .also(target, format!("{parts} parts"))
        .help(format!("choose a `{by}` that divides {size}, or another `{name}`")),
    );
}
