//! Commands about this machine: doctor, kernels, completions.

use super::Format;
use clap::{Args, Subcommand};
use clap_complete::Shell;
use smolc_kernels_cuda::host::Arch;
use std::num::NonZeroUsize;

/// `smolc doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// How to print the findings
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

pub(super) const KERNELS_HELP: &str = "\
A run compiles what it needs at its first start, which takes seconds; this does it before. The cache is SMOLC_CACHE, or
smolc in the user's cache. It needs NVRTC (pip install nvidia-cuda-nvrtc==13.*) and no GPU.

Examples:
  smolc kernels build                           # for the GPU of this machine
  smolc kernels build --arch sm_90a,sm_80";

/// `smolc kernels`.
#[derive(Debug, Args)]
pub struct KernelsArgs {
    #[command(subcommand)]
    pub command: KernelsCommand,
}

/// What to do about the kernels.
#[derive(Debug, Subcommand)]
pub enum KernelsCommand {
    /// Compile every kernel into the cache
    #[command(after_help = KERNELS_HELP)]
    Build {
        /// Architectures; may be given several times or separated by commas [default: that of this machine's GPU]
        #[arg(long, value_name = "ARCH", value_delimiter = ',', value_parser = architecture)]
        arch: Vec<Arch>,
        /// Threads to compile with [default: all]
        #[arg(long, value_name = "N")]
        threads: Option<NonZeroUsize>,
    },
}

fn architecture(text: &str) -> Result<Arch, String> {
    text.parse()
}

pub(super) const COMPLETIONS_HELP: &str = "\
Examples:
  smolc completions bash > ~/.local/share/bash-completion/completions/smolc
  smolc completions zsh > ~/.zfunc/_smolc
  smolc completions fish > ~/.config/fish/completions/smolc.fish";

/// `smolc completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: Shell,
}
