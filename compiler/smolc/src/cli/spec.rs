//! Commands that read a spec and say something about it: check, plan, explain, simulate.

use super::{DeviceChoice, Format, SpecArgs, assignment};
use clap::{Args, ValueEnum, ValueHint};
use std::num::NonZeroUsize;
use std::path::PathBuf;

pub(super) const CHECK_HELP: &str = "\
Examples:
  smolc check my.smol
  smolc check my.smol --format json | jq '.diagnostics[].code'
  smolc check my.smol --format sarif > my.sarif
  smolc check my.smol --format short          # FILE:LINE:COLUMN: severity: message [code]";

/// `smolc check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    pub spec: SpecArgs,
    /// How to print the diagnostics
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: CheckFormat,
    /// Also check that every run fits this device
    #[arg(long, value_enum, value_name = "DEVICE")]
    pub device: Option<DeviceChoice>,
    /// Print a layer of the compiler instead; the diagnostics go to standard error
    #[arg(long, value_enum, value_name = "LAYER", conflicts_with = "format")]
    pub emit: Option<Emit>,
}

/// Formats of `smolc check`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// With source and labels, for people
    #[default]
    Text,
    /// One JSON object, for tools
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// One line a diagnostic, for editors
    Short,
}

pub(super) const PLAN_HELP: &str = "\
Examples:
  smolc plan specs/smollm2-1.7b.smol
  smolc plan my.smol --format json --out plan.json
  smolc plan my.smol --format html --out plan.html
  smolc plan my.smol --emit clif              # the schedules as Cranelift sees them
  smolc plan my.smol --emit step | less       # the operators with shapes, bytes, FLOPs and offsets";

/// `smolc plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    pub spec: SpecArgs,
    /// How to print the plan
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT", conflicts_with = "emit")]
    pub format: PlanFormat,
    /// Print a layer of the compiler instead
    #[arg(long, value_enum, value_name = "LAYER")]
    pub emit: Option<Emit>,
    /// Only this run of the spec (not for JSON)
    #[arg(long, value_name = "NAME")]
    pub run: Option<String>,
    /// Write to a file instead of standard output
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub out: Option<PathBuf>,
}

/// Formats of `smolc plan`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// For people
    #[default]
    Text,
    /// The plan itself, for tools
    Json,
    /// One self-contained page with figures
    Html,
}

/// Layers of the compiler that `--emit` prints, from the text down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Emit {
    /// The syntax tree, with the place of every node
    Tree,
    /// The checked spec: every value that was worked out, with its place
    Typed,
    /// The run-time expressions of each run
    Ir,
    /// The same as Cranelift is given them
    Clif,
    /// The same as machine code of this host
    Asm,
    /// The step program of each run
    Step,
}

pub(super) const EXPLAIN_HELP: &str = "\
Examples:
  smolc explain smol::mix::sum
  smolc explain mix::sum
  smolc explain --list
  smolc explain my.smol pretrain.lr           # the value, the place that won, every other place that set it
  smolc explain my.smol                       # every path there is";

/// `smolc explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The code that a diagnostic shows, with or without `smol::`; or a spec
    #[arg(value_name = "CODE|SPEC", required_unless_present = "list")]
    pub code: Option<String>,
    /// A value of the spec: pretrain.lr, pretrain.model.rope.theta, pretrain.anneal.mix
    #[arg(value_name = "PATH")]
    pub path: Option<String>,
    /// Give a parameter of the spec a value
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    pub set: Vec<(String, String)>,
    /// List every code
    #[arg(long, conflicts_with = "code")]
    pub list: bool,
}

pub(super) const SIMULATE_HELP: &str = "\
SPEC may also be a plan.json or the directory of a run; with prepared data the order is that of the run.
What is counted is compared with the plan's token ledger; a difference is an error (exit code 1) with both numbers.

Examples:
  smolc simulate specs/smollm2-1.7b.smol      # 5.24 million steps, 5.37 billion draws
  smolc simulate runs/quickstart --full
  smolc simulate my.smol --format json | jq '.runs[].datasets'";

/// `smolc simulate`.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    #[command(flatten)]
    pub spec: SpecArgs,
    /// Evaluate the permutation of every draw too: which window of the dataset it is
    #[arg(long)]
    pub full: bool,
    /// How to print the counts
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
    /// Only this run of the spec
    #[arg(long, value_name = "NAME")]
    pub run: Option<String>,
    /// Threads to walk on [default: all]
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
}
