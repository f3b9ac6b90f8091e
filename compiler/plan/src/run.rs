//! A run: one training, its stages, schedule and events.

use crate::evaluation::EvaluationEvent;
use crate::model::{Model, Parameter};
use crate::program::{Precision, Program};
use crate::ratio::Ratio;
use crate::target::Target;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

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
    /// The run it begins from; `None` = from initialization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// What is learned.
    #[serde(default, skip_serializing_if = "Objective::is_next_token")]
    pub objective: Objective,
    /// Benchmarks and when they are run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evaluations: Vec<EvaluationEvent>,
    /// The machine it is meant for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// Weight decay over the run, in the place of the optimizer's constant; like `lr`, over `t` and `end`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<Schedule>,
    /// Tokens attend within their document only, and no prediction crosses a document's end.
    pub document_mask: bool,
    /// In what it computes. A plan without the field means f32, and is written without it.
    #[serde(default, skip_serializing_if = "Precision::is_default")]
    pub precision: Precision,
    /// Parameters by their Hugging Face names, in the order of `model.safetensors`.
    pub parameters: Arc<[Parameter]>,
    /// The step program of one micro-batch and of the update. Runs of the same model and batch share it in memory.
    pub program: Arc<Program>,
}

/// Where a run begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parent {
    /// Index of a run that stands earlier in the plan.
    pub run: usize,
    /// Updates of it that have been made: its number of steps, or the step of one of its checkpoints.
    pub step: u64,
    /// What is taken over.
    pub carry: Carry,
}

/// What a run takes over from the one it begins from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Carry {
    /// The weights; the optimizer begins anew.
    Weights,
    /// Weights and optimizer moments.
    Everything,
}

/// What a run learns.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Objective {
    /// The next token of every document.
    #[default]
    NextToken,
    /// The next token of conversations.
    Sft {
        /// Which tokens count.
        mask: Mask,
        /// Several conversations share a window.
        pack: bool,
        /// Chat template, Jinja.
        template: String,
    },
    /// Preferred over rejected answers (Rafailov et al., 2023): -ln σ(β (Δ chosen - Δ rejected)), Δ = log-probability less
    /// that under the parent run's model, which stays as it is.
    Dpo {
        /// β over the run, over `t` and `end` as the learning rate is.
        beta: Schedule,
        /// Share of labels taken to be wrong.
        label_smoothing: f64,
        /// Tokens of a prompt at most; longer ones lose their beginning.
        max_prompt: Option<u64>,
        /// Chat template, Jinja.
        template: String,
    },
}

impl Objective {
    /// True for the default.
    pub fn is_next_token(&self) -> bool {
        *self == Objective::NextToken
    }
}

/// Tokens of a conversation that count for the loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mask {
    /// Those of the assistant's answers.
    Assistant,
    /// All of them.
    All,
}

/// Ends a stage before its length is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    /// True when the stage may end; over the names of `signals`. It is asked after every step from `from_step` on.
    pub expr: smolc_expr::Expr,
    /// How the spec wrote it.
    pub source: String,
    /// What it reads.
    pub signals: Vec<Signal>,
    /// Steps of the stage that are made in any case.
    pub least_steps: u64,
}

/// Something a guard reads, known only while training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signal {
    /// Its name in the expression.
    pub name: String,
    /// What it is.
    pub of: SignalKind,
}

/// Kinds of signal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum SignalKind {
    /// Training loss of the last step.
    Loss,
    /// Exponential mean of the training loss, weight 2 / (steps + 1).
    LossMean {
        /// Span of the mean.
        steps: u64,
    },
    /// Norm of the gradient before clipping.
    GradientNorm,
    /// Newest score of an evaluation of the plan; NaN before the first.
    Score {
        /// Index of the evaluation.
        evaluation: usize,
    },
    /// 1 when the best of the last `evals` scores is no better than the best before them by more than `tolerance`; 0 until
    /// there are so many and one more.
    Plateau {
        /// Index of the evaluation.
        evaluation: usize,
        /// How many scores.
        evals: u64,
        /// By how much a score must be better to count.
        tolerance: f64,
    },
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
    /// Set for a part of a stage whose mixture changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// Ends the stage early; on its first part, for all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Guard>,
}

impl Stage {
    /// True if a stage of the spec ends where this one does: always, but for parts before the last.
    pub fn ends_stage(&self) -> bool {
        self.part.as_ref().is_none_or(|p| p.index + 1 == p.of)
    }

    /// The stage's name in the spec.
    pub fn stage_name(&self) -> &str {
        self.part.as_ref().map_or(&self.name, |p| &p.stage)
    }
}

/// A stage of the spec whose mixture changes (`5% -> 14%`, `enter: blend over …`) is cut into parts. Each has the exact
/// mixture of the moment in its middle, so that weights stay rational and the order of data stays a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The stage.
    pub stage: String,
    /// Which part, from 0.
    pub index: u64,
    /// How many there are.
    pub of: u64,
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
    /// Steps whose checkpoint is kept for good, because another run begins there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pinned: Vec<u64>,
}

/// When the validation splits of the run's datasets are evaluated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validation {
    /// Every so many steps; `None` = not at intervals.
    pub every: Option<u64>,
    /// At each stage's end.
    pub stage_end: bool,
    /// At the run's end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub end: bool,
    /// Tokens evaluated per dataset at most, rounded down to whole windows (at least one).
    pub tokens: u64,
}

impl Validation {
    /// Whether it is due after `done` of a run's `steps`, where a stage ends or not.
    pub fn is_due(&self, done: u64, steps: u64, stage_end: bool) -> bool {
        self.every.is_some_and(|n| n > 0 && done.is_multiple_of(n))
            || self.stage_end && stage_end
            || self.end && done == steps
    }
}

#[cfg(test)]
mod tests {
    use super::Validation;

    #[test]
    fn a_validation_is_due_at_its_interval_at_stage_ends_and_at_the_end() {
        let due = |every, stage_end, end| -> Vec<u64> {
            let validation = Validation { every, stage_end, end, tokens: 1 };
            // Stages of 4 and 6 steps.
            (1..=10).filter(|&done| validation.is_due(done, 10, done == 4 || done == 10)).collect()
        };
        assert_eq!(due(None, false, false), [0; 0]);
        assert_eq!(due(None, false, true), [10]);
        assert_eq!(due(None, true, true), [4, 10]);
        assert_eq!(due(Some(3), false, true), [3, 6, 9, 10]);
        assert_eq!(due(Some(3), true, false), [3, 4, 6, 9, 10]);
    }
}
