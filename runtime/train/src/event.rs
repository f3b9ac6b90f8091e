//! What a run tells the world: typed events. The ledger writes each as a line, the progress display shows them.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use smolc_data::Classified;
use smolc_data::pipeline::StepReport;
use std::path::PathBuf;

/// Something that happened in a run. The field `event` of a ledger line names the variant in lower case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Training starts, or goes on from a checkpoint.
    Start(Start),
    /// What the pipeline of a dataset kept; told once for each dataset that has one, before the first step.
    Prepared(Prepared),
    /// An optimizer step was done.
    Step(Step),
    /// A validation split was evaluated.
    Validation(Validation),
    /// A stage begins.
    Stage(Stage),
    /// A checkpoint was written.
    Checkpoint(Checkpoint),
    /// Something a person should know, and training goes on.
    Warning(Warning),
    /// The plan was amended: from here on another one holds.
    Amendment(Amendment),
    /// The process stops working on the run. A run that was interrupted has one for every stop.
    End(End),
}

/// See [`Event::Start`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// Run.
    pub run: String,
    /// Spec.
    pub spec: String,
    /// Hash of the plan, whole.
    pub plan: String,
    /// Step of the checkpoint it goes on from; `None` at the very beginning.
    pub resumed_from: Option<u64>,
    /// Steps of the whole run.
    pub steps: u64,
    /// Tokens of the whole run.
    pub total_tokens: u64,
    /// Trainable parameters.
    pub parameters: u64,
    /// Bytes of the arena.
    pub arena_bytes: u64,
    /// Threads that compute.
    pub threads: usize,
    /// The device that computes.
    #[serde(default)]
    pub device: String,
    /// Version of `smolc`.
    pub version: String,
    /// Operating system and processor kind, `linux x86_64`.
    pub platform: String,
}

/// See [`Event::Prepared`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prepared {
    /// Dataset.
    pub dataset: String,
    /// What each step of its pipeline kept, in order.
    pub steps: Vec<StepReport>,
    /// Documents in the training split.
    pub documents: u64,
    /// Documents in the validation split.
    pub validation_documents: u64,
    /// Tokens in the training split.
    pub tokens: u64,
    /// The classifiers that its filters ask: what they learned from, and how well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classifiers: Vec<Classified>,
}

/// See [`Event::Step`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Updates done, this one included: the first is 1.
    pub step: u64,
    /// Tokens drawn so far, this step's included.
    pub tokens: u64,
    /// Mean negative log-likelihood over the step's targets, nats.
    pub loss: f64,
    /// Learning rate of the update.
    pub lr: f64,
    /// Norm of the gradient before clipping.
    pub grad_norm: f64,
    /// Tokens of the step over its wall time; validation and checkpoints are not in it.
    pub tokens_per_second: f64,
    /// Stage the step belongs to.
    pub stage: String,
    /// Wall time of the step.
    pub seconds: f64,
    /// Targets that count: those not masked.
    pub targets: f64,
    /// Share of the step's wall time in each operator kind; what is missing to 1 is the host.
    pub shares: IndexMap<String, f64>,
}

/// See [`Event::Validation`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// Dataset.
    pub dataset: String,
    /// Mean negative log-likelihood over the targets, nats.
    pub loss: f64,
    /// Updates done.
    pub step: u64,
    /// Tokens drawn so far for training.
    pub tokens: u64,
    /// Targets evaluated.
    pub targets: f64,
    /// Windows evaluated; always the same ones.
    pub windows: u64,
    /// Wall time.
    pub seconds: f64,
}

/// See [`Event::Stage`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// The stage that begins.
    pub stage: String,
    /// Updates done before it.
    pub step: u64,
    /// Tokens drawn before it.
    pub tokens: u64,
    /// Steps it has.
    pub steps: u64,
    /// Its mixture, weights by dataset.
    pub mix: IndexMap<String, f64>,
}

/// See [`Event::Checkpoint`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Updates done.
    pub step: u64,
    /// Tokens drawn so far.
    pub tokens: u64,
    /// Its directory, relative to the run's.
    pub path: PathBuf,
    /// Size on disk.
    pub bytes: u64,
    /// Wall time of writing it.
    pub seconds: f64,
}

/// See [`Event::Warning`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Warning {
    /// What it is about, for programs: `checkpoint`, `ledger`, `version`.
    pub about: String,
    /// For people.
    pub message: String,
}

/// See [`Event::Amendment`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Amendment {
    /// Updates done when it was made. Nothing before it is touched.
    pub step: u64,
    /// Tokens drawn by then.
    pub tokens: u64,
    /// Hash of the plan before, whole.
    pub from: String,
    /// Hash of the plan after.
    pub to: String,
    /// What differs, one a line, with the step and token from which it does.
    pub changes: Vec<String>,
}

/// How a process left a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// All steps are done and the model is written.
    #[serde(rename = "finished")]
    Finished,
    /// Asked to stop; a checkpoint was written.
    #[serde(rename = "interrupted")]
    Interrupted,
    /// Loss or gradient were not finite.
    #[serde(rename = "numerical fault")]
    NumericalFault,
    /// Data, disk or environment.
    #[serde(rename = "failed")]
    Failed,
}

/// See [`Event::End`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct End {
    /// How it ended.
    pub status: Status,
    /// Updates done.
    pub step: u64,
    /// Tokens drawn.
    pub tokens: u64,
    /// Entropy of the unigram distribution of the targets drawn for training so far, nats. `None` before any.
    pub unigram_entropy: Option<f64>,
    /// Mean training loss of the last `final_loss_steps` steps, nats. `None` before any.
    pub final_loss: Option<f64>,
    /// Steps it is the mean of.
    pub final_loss_steps: u64,
    /// Wall time of all training so far, over all processes.
    pub seconds: f64,
    /// The model's directory, relative to the run's, once it is written.
    pub model: Option<PathBuf>,
    /// What went wrong, for a status that says that something did.
    pub reason: Option<String>,
}

/// Receives every event of a run as it happens.
pub trait Observer {
    /// Called on the training thread; a slow observer slows training down.
    fn event(&mut self, event: &Event);
}

/// An observer that looks away.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn event(&mut self, _: &Event) {}
}

impl<F: FnMut(&Event)> Observer for F {
    fn event(&mut self, event: &Event) {
        self(event);
    }
}

impl Event {
    /// Updates done when it happened, for the events that belong to a step.
    pub fn step(&self) -> Option<u64> {
        match self {
            Event::Step(e) => Some(e.step),
            Event::Validation(e) => Some(e.step),
            Event::Stage(e) => Some(e.step),
            Event::Checkpoint(e) => Some(e.step),
            Event::Start(_)
            | Event::Prepared(_)
            | Event::Warning(_)
            | Event::Amendment(_)
            | Event::End(_) => None,
        }
    }
}
