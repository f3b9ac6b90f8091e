//! Why a training did not go on. Every variant has an exit code, so that scripts can tell them apart.

use smolc_plan::diff::{Difference, listing};
use std::path::PathBuf;
use thiserror::Error;

/// A sample of the batch that caused a numerical fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultSample {
    /// Global sample index.
    pub index: u64,
    /// Name of its dataset.
    pub dataset: String,
}

/// The loss or the gradient stopped being a finite number.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Step that failed, 1-based, as in the ledger.
    pub step: u64,
    /// Stage it belongs to.
    pub stage: String,
    /// What was not finite, with its value: `the loss is NaN`.
    pub what: String,
    /// Learning rate of the step.
    pub lr: f64,
    /// Global indices of the batch's samples: first and one past the last.
    pub samples: (u64, u64),
    /// Samples of the batch per dataset, by name.
    pub mix: Vec<(String, u64)>,
    /// Micro-batches of the step whose loss was not finite, by their first global sample index.
    pub suspects: Vec<FaultSample>,
    /// Checkpoint of the state before the failed step.
    pub checkpoint: PathBuf,
}

/// Why training failed.
#[derive(Debug, Error)]
pub enum TrainError {
    /// A file could not be read or written.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried: `write`, `read`, `create`.
        action: &'static str,
        /// The path.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A checkpoint did not fit on the disk.
    #[error(
        "no room for the checkpoint of step {step}: it needs {bytes} bytes in `{}` and the disk is full; {}",
        path.display(), older(*kept)
    )]
    DiskFull {
        /// Step of the checkpoint.
        step: u64,
        /// Bytes the whole checkpoint needs.
        bytes: u64,
        /// Directory that was written to.
        path: PathBuf,
        /// Newest checkpoint that is still there.
        kept: Option<u64>,
    },
    /// The directory holds something `smolc` did not make.
    #[error(
        "`{}` was not made by smolc (it holds `{found}` and no {marker}); nothing was written. \
         Give another directory with --out, or empty this one",
        path.display()
    )]
    NotOurs {
        /// The directory.
        path: PathBuf,
        /// One entry of it.
        found: String,
        /// File that would have marked it.
        marker: &'static str,
    },
    /// Another process is at work in the directory.
    #[error("`{}` is in use by another smolc process{}; wait for it to end, or stop it", path.display(), by(*process))]
    Locked {
        /// The directory.
        path: PathBuf,
        /// Process id it left there.
        process: Option<u32>,
    },
    /// The directory belongs to another plan.
    #[error(
        "`{}` belongs to another plan ({old}, this one is {new}). What differs:\n{}\n\
         Continue with the spec it was made from, or give another directory with --out",
        path.display(), listing(differences)
    )]
    OtherPlan {
        /// The run directory.
        path: PathBuf,
        /// Hash of the plan there, short.
        old: String,
        /// Hash of the plan given, short.
        new: String,
        /// Field by field.
        differences: Vec<Difference>,
    },
    /// The plan is the same, the data are not.
    #[error(
        "dataset `{dataset}` is not the one `{}` was trained on: it had {old_tokens} tokens ({old:016x}), now it has \
         {new_tokens} ({new:016x}). Restore the text, or give another directory with --out",
        path.display()
    )]
    OtherData {
        /// The run directory.
        path: PathBuf,
        /// The dataset's name.
        dataset: String,
        /// Content identity recorded.
        old: u64,
        /// Content identity found.
        new: u64,
        /// Tokens recorded.
        old_tokens: u64,
        /// Tokens found.
        new_tokens: u64,
    },
    /// `plan.json` cannot be read as a plan.
    #[error("`{}` is damaged: {reason}; restore it, or give another directory with --out", path.display())]
    BadPlanFile {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Checkpoints exist and none of them can be used.
    #[error(
        "none of the checkpoints in `{}` can be used, and starting again from step 0 would bury them:\n{}\n\
         Restore one, or move the run directory away to start over",
        path.display(), reasons(reasons_each)
    )]
    NoCheckpoint {
        /// The checkpoints directory.
        path: PathBuf,
        /// Each checkpoint and what is wrong with it.
        reasons_each: Vec<(String, String)>,
    },
    /// Weights, gradients or loss stopped being finite.
    #[error("{}", fault_text(.0))]
    Fault(Box<Fault>),
    /// The learning rate of a step is not a usable number.
    #[error("the learning rate of step {step} is {value}: `{source_text}` must be finite and not negative")]
    LearningRate {
        /// Step, 1-based.
        step: u64,
        /// What the schedule gave.
        value: f64,
        /// How the spec wrote it.
        source_text: String,
    },
    /// The schedule cannot be evaluated.
    #[error("the schedule `{source_text}` cannot be evaluated: {reason}")]
    Schedule {
        /// How the spec wrote it.
        source_text: String,
        /// Why.
        reason: String,
    },
    /// Every target of a batch is masked.
    #[error(
        "no token of step {step} has a target: every document of samples {first}..{end} ends where it begins under \
         the document mask. Use longer documents, or `document_mask: false`"
    )]
    NoTargets {
        /// Step, 1-based.
        step: u64,
        /// First global sample index.
        first: u64,
        /// One past the last.
        end: u64,
    },
    /// The plan has no run of that index.
    #[error("the plan has {runs} runs, there is no run {run}")]
    NoRun {
        /// Index asked for.
        run: usize,
        /// Runs there are.
        runs: usize,
    },
    /// The plan is not what this machine can run.
    #[error("run `{run}` cannot be executed: {reason}")]
    Plan {
        /// The run.
        run: String,
        /// Why.
        reason: String,
    },
    /// A dataset was not prepared.
    #[error("dataset `{dataset}` has not been prepared: run `smolc prepare` or `smolc run` on the spec")]
    NotPrepared {
        /// Its name.
        dataset: String,
    },
    /// The data could not be prepared or read.
    #[error(transparent)]
    Data(#[from] smolc_data::DataError),
    /// The Hugging Face folder could not be written.
    #[error("the model folder cannot be written: {0}")]
    Model(#[from] smolc_engine::hf::HfError),
    /// The engine refused.
    #[error(transparent)]
    Engine(#[from] smolc_engine::EngineError),
    /// Something could not be written as JSON; a number that is not finite is the only known cause.
    #[error("cannot write JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl TrainError {
    /// The exit code of the command line: 3 data or environment, 4 numerical fault, 5 the directory belongs to another
    /// plan.
    pub fn exit_code(&self) -> u8 {
        match self {
            TrainError::Fault(_) | TrainError::LearningRate { .. } => 4,
            TrainError::Data(e) if e.is_mismatch() => 5,
            TrainError::OtherPlan { .. } | TrainError::OtherData { .. } | TrainError::NotOurs { .. } => 5,
            TrainError::Io { .. }
            | TrainError::DiskFull { .. }
            | TrainError::Locked { .. }
            | TrainError::BadPlanFile { .. }
            | TrainError::NoCheckpoint { .. }
            | TrainError::Schedule { .. }
            | TrainError::NoTargets { .. }
            | TrainError::NoRun { .. }
            | TrainError::Plan { .. }
            | TrainError::NotPrepared { .. }
            | TrainError::Data(_)
            | TrainError::Model(_)
            | TrainError::Engine(_)
            | TrainError::Json(_) => 3,
        }
    }

    /// An [`TrainError::Io`] for `map_err`.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> TrainError {
        let path = path.into();
        move |source| TrainError::Io { action, path, source }
    }
}

fn older(step: Option<u64>) -> String {
    match step {
        Some(step) => format!("the checkpoint of step {step} is intact. Free some room and run again"),
        None => "there is no earlier checkpoint. Free some room and run again".into(),
    }
}

fn by(process: Option<u32>) -> String {
    process.map_or_else(String::new, |id| format!(" (process {id})"))
}

fn reasons(each: &[(String, String)]) -> String {
    each.iter().map(|(name, why)| format!("  {name}: {why}")).collect::<Vec<_>>().join("\n")
}

fn fault_text(fault: &Fault) -> String {
    let mix: Vec<String> = fault.mix.iter().map(|(name, n)| format!("{n} of `{name}`")).collect();
    let suspects: Vec<String> =
        fault.suspects.iter().take(8).map(|s| format!("{} (`{}`)", s.index, s.dataset)).collect();
    let suspects = if suspects.is_empty() {
        String::new()
    } else {
        let more = fault.suspects.len().saturating_sub(suspects.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!(" Samples with a loss that is not finite: {}{more}.", suspects.join(", "))
    };
    format!(
        "{} at step {} of stage `{}` (learning rate {:e}; samples {}..{}: {}).{suspects} The state before the step is \
         in `{}`",
        fault.what,
        fault.step,
        fault.stage,
        fault.lr,
        fault.samples.0,
        fault.samples.1,
        mix.join(", "),
        fault.checkpoint.display()
    )
}
