//! Commands about runs: run, diff, amend.

use super::{Format, SpecArgs, assignment};
use clap::{Args, ValueEnum, ValueHint};
use std::num::NonZeroUsize;
use std::path::PathBuf;

pub(super) const RUN_HELP: &str = "\
For each run NAME of the spec, DIR/NAME receives plan.json, ledger.jsonl (every event, one JSON object a line),
report.html, checkpoints/ and, at the end, model/: a Hugging Face folder that other software loads.

Ctrl-C stops after the current step with a checkpoint (exit code 75); the same command continues. A second Ctrl-C
stops at once; nothing but the steps since the newest checkpoint is lost. A directory that holds a run of another
plan is left untouched (exit code 5).

Examples:
  smolc run specs/quickstart.smol
  smolc run my.smol --out /mnt/runs/a --set root=/mnt/corpora --threads 8
  smolc run my.smol --deny warnings 2> log.txt
  smolc run my.smol --device cuda";

/// `smolc run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub spec: SpecArgs,
    /// Where to write [default: runs/<spec name>]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub out: Option<PathBuf>,
    /// Threads to compute with; results do not depend on it [default: all]
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// Only this run of the spec
    #[arg(long, value_name = "NAME")]
    pub run: Option<String>,
    /// What computes; auto takes a usable GPU and says why it took what it took
    #[arg(long, value_enum, default_value_t, value_name = "DEVICE")]
    pub device: DeviceChoice,
}

/// Devices that `--device` names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DeviceChoice {
    /// The CPU.
    Cpu,
    /// An NVIDIA GPU.
    Cuda,
    /// A usable GPU if there is one, else the CPU.
    #[default]
    Auto,
}

pub(super) const DIFF_HELP: &str = "\
Either side may be a spec, a plan.json or the directory of a run.

Examples:
  smolc diff old.smol new.smol
  smolc diff runs/quickstart specs/quickstart.smol
  smolc diff a.smol b.smol --format json | jq '.runs[].changes[0].from_token'";

/// `smolc diff`.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The old one
    #[arg(value_name = "OLD", value_hint = ValueHint::AnyPath)]
    pub old: PathBuf,
    /// The new one
    #[arg(value_name = "NEW", value_hint = ValueHint::AnyPath)]
    pub new: PathBuf,
    /// Set a parameter of both specs; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    pub set: Vec<(String, String)>,
    /// How to print the differences
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

pub(super) const AMEND_HELP: &str = "\
Without --apply nothing is written. A plan that changes a step already made is refused (exit code 5), with what of the
past differs. A run has made the steps of its newest checkpoint; later steps of a killed process are made again.

Examples:
  smolc amend runs/my my.smol                 # after a change to a later stage: what would happen?
  smolc amend runs/my my.smol --apply && smolc run my.smol";

/// `smolc amend`.
#[derive(Debug, Args)]
pub struct AmendArgs {
    /// The directory of the spec's runs, or of one of them
    #[arg(value_name = "RUN", value_hint = ValueHint::DirPath)]
    pub run: PathBuf,
    /// The new spec
    #[arg(value_name = "NEW", value_hint = ValueHint::FilePath)]
    pub new: PathBuf,
    /// Set a parameter of the new spec; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    pub set: Vec<(String, String)>,
    /// Accept the new plan, so that `smolc run` goes on under it
    #[arg(long)]
    pub apply: bool,
    /// How to print what changes
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}
