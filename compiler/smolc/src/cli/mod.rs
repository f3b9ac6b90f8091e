//! The command line: commands, options and help texts. `docs/cli.md` says the same at more length.

mod foreign;
mod gpu_bench;
mod machine;
mod model;
mod run;
mod spec;
mod write;

pub use foreign::{ExportArgs, Foreign, ImportArgs};
pub use gpu_bench::{
    GpuAttentionArgs, GpuBenchArgs, GpuBenchCommand, GpuDecodeArgs, GpuParityArgs, GpuTrainArgs,
    GpuVerifyArgs,
};
pub use machine::{CompletionsArgs, DoctorArgs, KernelsArgs, KernelsCommand};
pub use model::{GenerateArgs, PrecisionChoice, ScoreArgs};
pub use run::{AmendArgs, DeviceChoice, DiffArgs, RunArgs};
pub use spec::{CheckArgs, CheckFormat, Emit, ExplainArgs, PlanArgs, PlanFormat, SimulateArgs};
pub use write::{DocArgs, FixArgs, FmtArgs, LspArgs, NewArgs};

use crate::output::Color;
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use foreign::{EXPORT_HELP, IMPORT_HELP};
use machine::{COMPLETIONS_HELP, KERNELS_HELP};
use model::{GENERATE_HELP, SCORE_HELP};
use run::{AMEND_HELP, DIFF_HELP, RUN_HELP};
use smolc_check::allow::LINTS;
use spec::{CHECK_HELP, EXPLAIN_HELP, PLAN_HELP, SIMULATE_HELP};
use std::path::PathBuf;
use write::{DOC_HELP, FIX_HELP, FMT_HELP, LSP_HELP, NEW_HELP};

/// Version line, with the two formats a script may have to know.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (language 1, plan format 1)");

const EXIT_CODES: &str = "\
Exit codes:
  0   done (warnings allowed unless --deny names them)
  1   the spec is wrong
  2   the command line is wrong
  3   data or environment: a file, a disk, memory
  4   stopped on a numerical fault
  5   the run directory belongs to another plan
  75  interrupted after a checkpoint; the same command continues

Examples:
  smolc check specs/quickstart.smol
  smolc run specs/quickstart.smol
  smolc generate runs/quickstart --prompt \"fn main() {\"";

/// Compiler and runtime for .smol specs: what a language model is trained on, in what proportions, under which
/// schedules, with what shape, checked before a single step runs
#[derive(Debug, Parser)]
#[command(name = "smolc", version = VERSION, after_help = EXIT_CODES, max_term_width = 100)]
#[command(propagate_version = false, arg_required_else_help = true, subcommand_required = true)]
pub struct Cli {
    /// When to color the output
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train the model that a spec declares, or continue where it stopped
    #[command(after_help = RUN_HELP)]
    Run(RunArgs),
    /// Check a spec: names, types, units, mixtures, budgets, schedules
    #[command(after_help = CHECK_HELP)]
    Check(CheckArgs),
    /// Show what a spec will do: steps, tokens and epochs per dataset, memory, learning rate
    #[command(after_help = PLAN_HELP)]
    Plan(PlanArgs),
    /// Continue a text with a trained model
    #[command(after_help = GENERATE_HELP)]
    Generate(GenerateArgs),
    /// Perplexity and bits per byte of a text under a model
    #[command(after_help = SCORE_HELP)]
    Score(ScoreArgs),
    /// Explain a diagnostic code, or say where a value of a spec comes from
    #[command(after_help = EXPLAIN_HELP)]
    Explain(ExplainArgs),
    /// Lay out specs in the one canonical way
    #[command(after_help = FMT_HELP)]
    Fmt(FmtArgs),
    /// Apply the fixes that diagnostics propose
    #[command(after_help = FIX_HELP)]
    Fix(FixArgs),
    /// Start a project: a spec that checks clean and trains on the text beside it
    #[command(after_help = NEW_HELP)]
    New(NewArgs),
    /// Write the reference of a spec, a library or the standard library as one HTML file
    #[command(after_help = DOC_HELP)]
    Doc(DocArgs),
    /// Serve an editor over standard input and output (language server protocol)
    #[command(after_help = LSP_HELP)]
    Lsp(LspArgs),
    /// Say what this machine offers and what is missing
    Doctor(DoctorArgs),
    /// Compile the GPU kernels ahead of time
    #[command(after_help = KERNELS_HELP)]
    Kernels(KernelsArgs),
    /// Measurements and comparisons on a GPU; see tests/gpu
    #[command(hide = true)]
    GpuBench(GpuBenchArgs),
    /// Print a completion script for a shell
    #[command(after_help = COMPLETIONS_HELP)]
    Completions(CompletionsArgs),
    /// Walk every step of a plan without training, and check its counts
    #[command(after_help = SIMULATE_HELP)]
    Simulate(SimulateArgs),
    /// Turn another tool's configuration into a spec, and say what it gets wrong
    #[command(after_help = IMPORT_HELP)]
    Import(ImportArgs),
    /// Write a run as another tool's configuration, where that tool can say it
    #[command(after_help = EXPORT_HELP)]
    Export(ExportArgs),
    /// Say what differs between two specs or runs, and from which step on
    #[command(after_help = DIFF_HELP)]
    Diff(DiffArgs),
    /// Give a run under way another plan, if what has already happened is the same under it
    #[command(after_help = AMEND_HELP)]
    Amend(AmendArgs),
}

/// Options that decide what a spec says; the same for every command that reads one.
#[derive(Debug, Args)]
pub struct SpecArgs {
    /// The spec, a .smol file
    #[arg(value_name = "SPEC", value_hint = ValueHint::FilePath)]
    pub spec: PathBuf,
    /// Set a parameter of the spec; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    pub set: Vec<(String, String)>,
    /// Turn warnings into failure (exit code 1): `warnings` for all, or the code of one; may be given several times
    #[arg(long, value_name = "WHAT", value_parser = deny)]
    pub deny: Vec<Deny>,
}

/// What `--deny` denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deny {
    /// Every warning.
    Warnings,
    /// Warnings of one code.
    Code(&'static str),
}

/// Text or JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// For tools
    Json,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_string(), value.to_string())),
        _ => Err("write it as NAME=VALUE, for example root=/mnt/corpora".into()),
    }
}

/// `warnings`, or the code of a lint with or without `smol::` in front.
fn deny(text: &str) -> Result<Deny, String> {
    let text = text.trim().trim_matches('`');
    if text == "warnings" {
        return Ok(Deny::Warnings);
    }
    let code = if text.starts_with("smol::") { text.to_owned() } else { format!("smol::{text}") };
    if let Some(lint) = LINTS.iter().find(|l| **l == code) {
        return Ok(Deny::Code(lint));
    }
    if smolc_diag::codes::all().any(|c| c == code) {
        return Err(format!("`{code}` is an error whether it is denied or not"));
    }
    Err(match smolc_diag::suggest::nearest(&code, LINTS.iter().copied()) {
        Some(near) => format!("there is no such warning; did you mean `{near}`?"),
        None => "write `warnings`, or a code such as `smol::data::epochs`".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn an_assignment_has_a_name_and_a_value() {
        assert_eq!(assignment("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert!(assignment("a").is_err() && assignment("=b").is_err());
    }
}
