//! What checking yields: a typed, resolved specification with the places its parts were written at.
//!
//! A spec may be partial: what could not be worked out is `None`, and [`Spec::complete`] is false. Lowering demands a
//! complete one; an editor uses whatever is there.

use crate::rational::Fraction;
use crate::share::Share;
use smolc_diag::Span;
use smolc_plan::{
    AdamW, Batch, Carry, Checkpoints, Columns, Model, Objective, Signal, Source, Step, Take, Target,
    TokenizerSource, Validation,
};

/// A checked specification.
#[derive(Clone, Debug, Default)]
pub struct Spec {
    /// The file's stem.
    pub name: String,
    /// The `smol N` line.
    pub language: u32,
    /// Tokenizers that runs use, in order of first use.
    pub tokenizers: Vec<Tokenizer>,
    /// Datasets that runs and their tokenizers read, in order of first use.
    pub datasets: Vec<Dataset>,
    /// Classifiers that filters call.
    pub classifiers: Vec<Classifier>,
    /// Evaluations that runs, guards and pipelines use, in order of first use.
    pub evaluations: Vec<Evaluation>,
    /// Sweeps.
    pub sweeps: Vec<Sweep>,
    /// Runs, each behind the one it begins from, otherwise in the order written.
    pub runs: Vec<Run>,
    /// No error was found: the spec may be lowered.
    pub complete: bool,
}

/// A tokenizer.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    /// Name in the spec.
    pub name: String,
    /// Where the name is defined.
    pub span: Span,
    /// Where it comes from; indices of a trained one point into [`Spec::datasets`].
    pub source: TokenizerSource,
    /// Text of the token that ends a document.
    pub eos: String,
    /// Text of the token that begins a document, if any.
    pub bos: Option<String>,
    /// Number of tokens; `None` when it is neither stated nor could be read.
    pub vocab: Option<u64>,
}

/// A dataset.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// Name in the spec, with the module's name in front if it is imported.
    pub name: String,
    /// Where the name is defined.
    pub span: Span,
    /// What is read; patterns are resolved.
    pub source: Source,
    /// Where each pattern was written.
    pub pattern_spans: Vec<Span>,
    /// How much of it is taken.
    pub take: Option<Take>,
    /// Documents per million set aside for validation.
    pub validation_per_million: u32,
    /// Size stated, in tokens.
    pub stated_tokens: Option<u64>,
    /// Size stated, in documents.
    pub stated_documents: Option<u64>,
    /// Columns, when a document is not one text.
    pub columns: Option<Columns>,
    /// Steps before the sample and the split, and where each stands.
    pub steps: Vec<(Step, Span)>,
    /// Passes it allows.
    pub limit: Option<(Fraction, Span)>,
    /// Columns that are read, and where each is named.
    pub reads: Vec<(String, Span)>,
}

/// A classifier.
#[derive(Clone, Debug)]
pub struct Classifier {
    /// As the plan holds it; the dataset is an index into [`Spec::datasets`].
    pub plan: smolc_plan::Classifier,
    /// Where it is defined.
    pub span: Span,
    /// Where its column of text is named.
    pub text: Span,
    /// Where its column of labels is named.
    pub label: Span,
}

/// An evaluation.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// As the plan holds it.
    pub plan: smolc_plan::Evaluation,
    /// Where it is defined.
    pub span: Span,
}

/// A sweep.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// As the plan holds it; indices into [`Spec::runs`] and [`Spec::evaluations`].
    pub plan: smolc_plan::Sweep,
    /// Where it is defined.
    pub span: Span,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Provenance {
    /// `pretrain.model.rope.theta`
    pub path: String,
    /// The value, as people say it.
    pub value: String,
    /// Places that set it, the one that won first.
    pub touches: Vec<Touch>,
}

/// A place that set a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Touch {
    /// Where.
    pub span: Span,
    /// What it is: `set here`, `taken over from run `pretrain``, `which is`.
    pub how: String,
}

/// A model and the places of its numbers.
#[derive(Clone, Debug)]
pub struct ModelSpec {
    /// The shape.
    pub model: Model,
    /// Places of the fields by name; fields left to their defaults have none.
    pub spans: Vec<(String, Span)>,
    /// The whole value.
    pub span: Span,
}

impl ModelSpec {
    /// Where a field was written, or the model itself when it is a default or comes from another file.
    pub fn at(&self, field: &str) -> Span {
        let own = |(name, span): &&(String, Span)| name == field && span.file == self.span.file;
        self.spans.iter().find(own).map_or(self.span, |(_, span)| *span)
    }
}

/// Which parameters weight decay applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decay {
    /// All of them (nanotron for SmolLM2).
    All,
    /// Those of two dimensions.
    Matrices,
    /// Those of two dimensions except the embedding (and the head).
    NoEmbedding,
}

/// One training.
#[derive(Clone, Debug)]
pub struct Run {
    /// Name in the spec.
    pub name: String,
    /// Where the name stands.
    pub span: Span,
    /// The model.
    pub model: Option<ModelSpec>,
    /// Index into [`Spec::tokenizers`], and where the run names it.
    pub tokenizer: Option<(usize, Span)>,
    /// Batch shape.
    pub batch: Option<Batch>,
    /// Where `batch` is set.
    pub batch_span: Span,
    /// Where `window` is set, or the model whose context it is.
    pub window_span: Span,
    /// Where `validate` is set.
    pub validate_span: Option<Span>,
    /// Optimizer.
    pub optimizer: Option<(AdamW, Decay)>,
    /// Learning rate.
    pub lr: Option<Schedule>,
    /// Stages in order.
    pub stages: Vec<Stage>,
    /// Steps of the whole run, when every length is known.
    pub steps: Option<u64>,
    /// Checkpoints.
    pub checkpoints: Option<Checkpoints>,
    /// Validation.
    pub validation: Option<Validation>,
    /// Attention stays within documents.
    pub document_mask: bool,
    /// In what it computes.
    pub precision: smolc_plan::Precision,
    /// Seed.
    pub seed: u64,
    /// The run it begins from.
    pub parent: Option<Parent>,
    /// What is learned, and where that is said.
    pub objective: Option<(Objective, Span)>,
    /// Evaluations and when.
    pub events: Vec<Event>,
    /// The machine it is meant for, and where it is named.
    pub target: Option<(Target, Span)>,
    /// Weight decay that changes over the run.
    pub weight_decay: Option<Schedule>,
    /// Values of the target by field, for the place of each.
    pub target_spans: Vec<(String, Span)>,
}

/// Where a run begins.
#[derive(Clone, Debug)]
pub struct Parent {
    /// Index into [`Spec::runs`].
    pub run: usize,
    /// Updates of it that were made; `None` when there is no checkpoint (reported).
    pub step: Option<u64>,
    /// What is taken over.
    pub carry: Carry,
    /// Where it is named.
    pub span: Span,
    /// The schedule of that run is continued.
    pub continues: bool,
}

/// When a run is evaluated.
#[derive(Clone, Debug)]
pub struct Event {
    /// Indices into [`Spec::evaluations`].
    pub evaluations: Vec<usize>,
    /// Every so many steps.
    pub every: Option<u64>,
    /// At each stage's end.
    pub stage_end: bool,
    /// At the run's end.
    pub end: bool,
    /// Where it is said.
    pub span: Span,
}

/// A learning-rate schedule, ready to run.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Over `t` and `end` in steps.
    pub expr: smolc_expr::Expr,
    /// As written.
    pub source: String,
    /// Where.
    pub span: Span,
    /// The argument called `peak`, if a function made the schedule.
    pub peak: Option<(f64, Span)>,
    /// The argument called `warmup`, in steps.
    pub warmup: Option<(Fraction, Span)>,
    /// The argument called `decay`, in steps.
    pub decay: Option<(Fraction, Span)>,
    /// The argument called `floor`.
    pub floor: Option<(f64, Span)>,
}

/// A stage.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Name.
    pub name: String,
    /// Where the name stands.
    pub span: Span,
    /// Where the length stands.
    pub length_span: Span,
    /// Length asked for, in steps, before rounding; exact.
    pub asked_steps: Option<Fraction>,
    /// First step and number of steps, once the run's batch and all lengths before it are known.
    pub steps: Option<(u64, u64)>,
    /// Mixture; `None` when it has an error.
    pub mix: Option<Vec<Entry>>,
    /// How long the mixture before passes into this one, in steps, exact.
    pub blend: Option<(Fraction, Span)>,
    /// Ends the stage early.
    pub guard: Option<Guard>,
    /// Least length asked for, in steps, of a stage with a guard.
    pub least_steps: Option<Fraction>,
    /// The stage cut where its mixture changes; one part when it does not.
    pub parts: Vec<Part>,
}

/// A span of a stage with one mixture.
#[derive(Clone, Debug)]
pub struct Part {
    /// First step of the run.
    pub first: u64,
    /// Steps.
    pub steps: u64,
    /// Mixture in the middle of the part.
    pub mix: Vec<Drawn>,
}

/// What is drawn from a dataset.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// Index into [`Spec::datasets`].
    pub dataset: usize,
    /// Share, exact, above zero.
    pub weight: Fraction,
    /// The term of the mixture that brought it in.
    pub span: Span,
}

/// A guard.
#[derive(Clone, Debug)]
pub struct Guard {
    /// The condition.
    pub expr: smolc_expr::Expr,
    /// As written.
    pub source: String,
    /// Where.
    pub span: Span,
    /// What it reads, and where.
    pub signals: Vec<(Signal, Span)>,
}

impl Stage {
    /// What the whole stage draws from each dataset, in steps' worth of tokens, in the order of the mixture.
    pub fn draws(&self) -> Vec<Drawn> {
        let mut out: Vec<Drawn> = Vec::new();
        for part in &self.parts {
            for drawn in &part.mix {
                let Some(steps) = drawn.weight.mul(Fraction::integer(part.steps)) else { continue };
                match out.iter_mut().find(|d| d.dataset == drawn.dataset) {
                    Some(seen) => seen.weight = seen.weight.add(steps).unwrap_or(seen.weight),
                    None => out.push(Drawn { weight: steps, ..drawn.clone() }),
                }
            }
        }
        out
    }
}

/// A dataset's share of a stage.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Index into [`Spec::datasets`].
    pub dataset: usize,
    /// Share over the stage, exact.
    pub weight: Share,
    /// The term of the stage's mixture that brought it in.
    pub span: Span,
}
