//! `smol::target::memory`: what a device must hold fits into it, while training, while evaluating and while saving.
//!
//! Bytes a parameter (Rajbhandari et al., 2020, section 3): with bf16 2 for the weight, 4 for the master weight, 8 for
//! Adam's moments, 2 for the gradient and 4 for its f32 sum; with f32 4 + 8 + 4. ZeRO divides the optimizer's part, then
//! gradients, then weights among the replicas. Activations are those of the step program: per token and layer the residual
//! stream twice, two normed copies, q, k and v, attention's output, gate, up and their product, and three sums in f32;
//! plus the logits of one chunk and the backward pass's scratch. The activation figures are approximate by design: a
//! tenth of the device is left for the allocator, communication and whatever else runs there.

use crate::spec::{ModelSpec, Run};
use smolc_diag::Diagnostic;
use smolc_plan::{Batch, Precision, Recompute, Target};

/// Share of the device that the plan leaves alone.
const SPARE: f64 = 0.1;
/// Tokens whose logits exist at one time.
const HEAD_CHUNK: u64 = 512;

/// What one device holds, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Memory {
    /// Weights in the training precision.
    pub weights: f64,
    /// Master weights and moments.
    pub optimizer: f64,
    /// Gradients and their sum.
    pub gradients: f64,
    /// Activations of a micro-batch.
    pub activations: f64,
    /// Evaluation: activations of one forward pass, which replace the others.
    pub evaluation: f64,
    /// Saving: a layer's weights gathered from all replicas.
    pub saving: f64,
}

impl Memory {
    /// The most there is at one time.
    pub fn peak(&self) -> f64 {
        let held = self.weights + self.optimizer + self.gradients;
        held + self.activations.max(self.evaluation).max(self.saving)
    }
}

/// Memory of a run on one device of a target.
pub fn memory(model: &ModelSpec, batch: &Batch, target: &Target) -> Option<Memory> {
    let m = &model.model;
    let (tensor, replicas) = (target.tensor_parallel as f64, target.data_parallel as f64);
    let sharing = tensor * target.pipeline_parallel as f64;
    let parameters = m.parameters()? as f64 / sharing;
    let (weight, gradient, master) = match target.precision {
        Precision::Bf16 => (2.0, 6.0, 12.0),
        Precision::F32 => (4.0, 4.0, 8.0),
    };
    let divided = |least: u64| if target.zero >= least { replicas } else { 1.0 };
    let layers = m.layers as f64 / target.pipeline_parallel as f64;
    let (hidden, ffn) = (m.hidden as f64, m.ffn as f64 / tensor);
    let q = (m.heads * m.head_dim) as f64 / tensor;
    let kv = (m.kv_heads * m.head_dim) as f64 / tensor;
    let heads = m.heads as f64 / tensor;
    let tokens = (batch.micro * batch.window) as f64;
    let chunk = tokens.min(HEAD_CHUNK as f64);
    // Per token: x and y, n1 and n2, qkv, the attention's output, gate and up, their product; r1, r2 and lse are f32.
    let layer = weight * (4.0 * hidden + 2.0 * q + 2.0 * kv + 3.0 * ffn) + 4.0 * (2.0 + heads);
    let logits = 4.0 * chunk * m.vocab as f64 / tensor;
    let scratch = weight * (3.0 * hidden + q + 2.0 * kv + 3.0 * ffn) * tokens;
    let kept = match target.recompute {
        Recompute::None => layers * layer,
        Recompute::Layers => layers * weight * hidden + layer,
    };
    // A pipeline holds a micro-batch for each of its groups.
    let in_flight = target.pipeline_parallel as f64;
    Some(Memory {
        weights: weight * parameters / divided(3),
        optimizer: master * parameters / divided(1),
        gradients: gradient * parameters / divided(2),
        activations: kept * tokens * in_flight + scratch + logits,
        evaluation: layer * tokens + logits,
        saving: match target.zero {
            3 => 4.0 * parameters / layers.max(1.0),
            _ => 0.0,
        },
    })
}

fn gib(bytes: f64) -> String {
    format!("{:.1} GiB", bytes / f64::from(1u32 << 30))
}

/// Reports a run that does not fit, with the breakdown and the nearest changes that would make it fit.
pub fn check(run: &Run, out: &mut Vec<Diagnostic>) {
    let (Some((target, at)), Some(batch), Some(model)) = (&run.target, &run.batch, &run.model) else {
        return;
    };
    let Some(memory) = memory(model, batch, target) else { return };
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
            gib(memory.peak()),
            gib(target.device.memory as f64)
        ),
    )
    .label(format!("{} of {} are for the run", gib(room), target.device.name))
    .also(
        model.span,
        format!(
            "weights {}, optimizer {}, gradients {}, activations {}",
            gib(memory.weights),
            gib(memory.optimizer),
            gib(memory.gradients),
            gib(most)
        ),
    );
    if let Some(batch_at) = run.batch.as_ref().map(|_| run.batch_span) {
        d = d.also(batch_at, format!("micro-batches of {} sequences of {}", batch.micro, batch.window));
    }
    let fixes = fixes(model, batch, target, room);
    out.push(match fixes.is_empty() {
        true => d.help("no micro-batch, recomputation or division among replicas makes it fit; use more or larger devices"),
        false => d.help(format!("it fits with {}", fixes.join(", or with "))),
    });
}

/// The smallest single changes that make a run fit.
fn fixes(model: &ModelSpec, batch: &Batch, target: &Target, room: f64) -> Vec<String> {
    let fits = |b: &Batch, t: &Target| memory(model, b, t).is_some_and(|m| m.peak() <= room);
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
    let layers = Target { recompute: Recompute::Layers, ..target.clone() };
    if target.recompute == Recompute::None && fits(batch, &layers) {
        out.push("`recompute: layers`".into());
    }
    if out.is_empty() {
        let all = Target { zero: 3, recompute: Recompute::Layers, ..target.clone() };
        let one = Batch { micro: 1, ..batch.clone() };
        if target.data_parallel > 1 && fits(&one, &all) {
            out.push("`micro_batch: 1 sequences`, `zero: 3` and `recompute: layers` together".into());
        }
    }
    out
}
