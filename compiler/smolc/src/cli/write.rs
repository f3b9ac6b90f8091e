//! Commands that write specs and about them: fmt, fix, new, doc, and the server that editors start.

use super::SpecArgs;
use clap::{Args, ValueHint};
use std::path::PathBuf;

pub(super) const FMT_HELP: &str = "\
A file with a syntax error is left alone and its diagnostics are shown (exit code 1).

Examples:
  smolc fmt my.smol
  smolc fmt specs                       # every .smol file in the directory
  smolc fmt --check specs               # exit code 1 if something would change
  smolc fmt - < my.smol                 # standard input to standard output";

/// `smolc fmt`.
#[derive(Debug, Args)]
pub struct FmtArgs {
    /// Files, directories, or `-` for standard input
    #[arg(value_name = "PATH", required = true, value_hint = ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,
    /// Write nothing; say what would change
    #[arg(long)]
    pub check: bool,
}

pub(super) const FIX_HELP: &str = "\
Applies fixes to the spec and to the files it imports until none is left, and shows each. Safe fixes restore what was
evidently meant; --unsafe also applies guesses, such as the nearest known name. Exit code 1 if errors remain.

Examples:
  smolc fix my.smol
  smolc fix my.smol --unsafe --dry-run";

/// `smolc fix`.
#[derive(Debug, Args)]
pub struct FixArgs {
    #[command(flatten)]
    pub spec: SpecArgs,
    /// Apply guesses too
    #[arg(long)]
    pub r#unsafe: bool,
    /// Write nothing; show what would be done
    #[arg(long)]
    pub dry_run: bool,
}

pub(super) const NEW_HELP: &str = "\
Examples:
  smolc new my-model
  smolc run my-model/my-model.smol";

/// `smolc new`.
#[derive(Debug, Args)]
pub struct NewArgs {
    /// The directory to create; its name is the spec's
    #[arg(value_name = "NAME", value_hint = ValueHint::DirPath)]
    pub path: PathBuf,
}

pub(super) const DOC_HELP: &str = "\
Examples:
  smolc doc my.smol --out my.html
  smolc doc std --out std.html          # the standard library, records, functions and types";

/// `smolc doc`.
#[derive(Debug, Args)]
pub struct DocArgs {
    /// A .smol file, or `std`
    #[arg(value_name = "SPEC", value_hint = ValueHint::FilePath)]
    pub spec: PathBuf,
    /// Document the files it imports too
    #[arg(long)]
    pub imports: bool,
    /// Write to a file instead of standard output
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub out: Option<PathBuf>,
}

pub(super) const LSP_HELP: &str = "\
Editors start this themselves; docs/editors.md says how to set up VS Code, Neovim, Helix, Zed and Emacs.

Examples:
  smolc lsp
  smolc lsp --log smolc-lsp.log";

/// `smolc lsp`.
#[derive(Debug, Args)]
pub struct LspArgs {
    /// Append what goes wrong to a file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub log: Option<PathBuf>,
    /// Accepted because editors pass it: standard input and output are used in any case
    #[arg(long, hide = true)]
    pub stdio: bool,
}
