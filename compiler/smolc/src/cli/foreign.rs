//! Commands for other tools' configurations: import, export.

use super::SpecArgs;
use clap::{Args, ValueEnum, ValueHint};
use std::path::PathBuf;

/// Tools whose configurations are read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Foreign {
    /// nanotron's YAML
    Nanotron,
}

pub(super) const IMPORT_HELP: &str = "\
Several files are the stages of one run, in order. Findings go to standard error: `wrong` is what the configuration does
not do as it says, `lost` what a spec cannot say, `assumed` what had to be chosen.

Examples:
  smolc import nanotron config_smollm2_1B.yaml --out smollm2.smol && smolc check smollm2.smol
  smolc import nanotron stage1.yaml stage2.yaml stage3.yaml > smollm3.smol";

/// `smolc import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Whose configuration
    #[arg(value_enum, value_name = "TOOL")]
    pub format: Foreign,
    /// Its files
    #[arg(value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
    /// Write the spec to a file instead of standard output
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub out: Option<PathBuf>,
}

pub(super) const EXPORT_HELP: &str = "\
What the tool cannot say is an error (exit code 1) that names every such field.

Examples:
  smolc export nanotron specs/smollm2-1.7b.smol --out config.yaml
  smolc export nanotron my.smol --run pretrain";

/// `smolc export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// For which tool
    #[arg(value_enum, value_name = "TOOL")]
    pub format: Foreign,
    #[command(flatten)]
    pub spec: SpecArgs,
    /// The run, if the spec has several
    #[arg(long, value_name = "NAME")]
    pub run: Option<String>,
    /// Write to a file instead of standard output
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub out: Option<PathBuf>,
}
