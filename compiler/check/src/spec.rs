//! What checking yields: a typed, resolved specification with the places its parts were written at.
//!
//! A spec may be partial: what could not be worked out is `None`, and [`Spec::complete`] is false. Lowering demands a
//! complete one; an editor uses whatever is there.

use crate::rational::Fraction;
use smolc_diag::Span;
use smolc_plan::{AdamW, Batch, Checkpoints, Model, Source, Take, TokenizerSource, Validation};

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
    /// Runs in the order written.
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
}

/// A dataset's share of a stage.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Index into [`Spec::datasets`].
    pub dataset: usize,
    /// Share, exact.
    pub weight: Fraction,
    /// The term of the stage's mixture that brought it in.
    pub span: Span,
}
