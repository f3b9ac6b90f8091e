//! A run: one training, its stages, schedule and events.

use crate::model::{Model, Parameter};
use crate::program::{Precision, Program};
use crate::ratio::Ratio;
use serde::{Deserialize, Serialize};

/// One training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Name in the spec.
    pub name: String,
    /// The model it trains.
    pub model: Model,
    /// Index into the plan's tokenizers.
    pub tokenizer: usize,
    /// Batch shape.
    pub batch: Batch,
    /// Number of optimizer steps: the sum over the stages.
    pub steps: u64,
    /// Seed of initialisation, order and every other random choice; each use derives its own key.
    pub seed: u64,
    /// Optimizer.
    pub optimizer: AdamW,
    /// Learning rate of update number `t` (0-based): see [`Schedule`].
    pub lr: Schedule,
    /// Stages in order; they tile the run.
    pub stages: Vec<Stage>,
    /// When checkpoints are written.
    pub checkpoints: Checkpoints,
    /// When the validation splits are evaluated.
    pub validation: Validation,
    /// Tokens attend within their document only, and no prediction crosses a document's end.
    pub document_mask: bool,
    /// In what it computes. A plan without the field means f32, and is written without it.
    #[serde(default, skip_serializing_if = "Precision::is_default")]
    pub precision: Precision,
    /// Parameters by their Hugging Face names, in the order of `model.safetensors`.
    pub parameters: Vec<Parameter>,
    /// The step program of one micro-batch and of the update.
    pub program: Program,
}

/// Batch shape. `sequences = micro · accumulation`, summed over ranks when there are several.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// Sequences in one optimizer step (the global batch).
    pub sequences: u64,
    /// Tokens in a sequence (the window).
    pub window: u64,
    /// Sequences in one micro-batch; divides `sequences`.
    pub micro: u64,
}

impl Batch {
    /// Tokens in one optimizer step.
    pub fn tokens(&self) -> u64 {
        self.sequences * self.window
    }
}

/// AdamW as `torch.optim.AdamW` defines it, after clipping by the global norm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdamW {
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Decoupled weight decay, multiplied by the learning rate.
    pub weight_decay: f64,
    /// Gradients are scaled by `min(1, clip / (norm + 1e-6))`; `None` = no clipping.
    pub clip: Option<f64>,
}

/// A schedule over the run, evaluated once a step.
///
/// `expr` reads the variables `t` (updates done so far: the first update sees 0, as nanotron's `LambdaLR` does) and
/// `end` (steps of the run), both in steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// The expression.
    pub expr: smolc_expr::Expr,
    /// How the spec wrote it, for people.
    pub source: String,
}

/// A stage: a span of the run with one mixture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Name in the spec.
    pub name: String,
    /// First step, 0-based.
    pub first_step: u64,
    /// Number of steps.
    pub steps: u64,
    /// Length the spec asked for, in tokens, before rounding to steps.
    pub asked_tokens: u64,
    /// The mixture: weights sum to exactly 1, no dataset twice, none zero.
    pub mix: Vec<MixEntry>,
}

/// One dataset's share of a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MixEntry {
    /// Index into the plan's datasets.
    pub dataset: usize,
    /// Share of the stage's samples (all samples have one length, so of its tokens too).
    pub weight: Ratio,
}

/// When checkpoints are written. One is always written at the end of the run and of every stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoints {
    /// Every so many steps.
    pub every: u64,
    /// How many of the newest are kept.
    pub keep: u64,
}

/// When the validation splits of the run's datasets are evaluated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validation {
    /// Every so many steps; `None` = not at intervals.
    pub every: Option<u64>,
    /// At each stage's end.
    pub stage_end: bool,
    /// Tokens evaluated per dataset at most, rounded down to whole windows (at least one).
    pub tokens: u64,
}
