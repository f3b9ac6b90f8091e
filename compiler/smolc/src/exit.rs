//! Exit codes, the same for every command.

use std::process::ExitCode;

/// How a command ended. Scripts rely on the numbers; `docs/cli.md` lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, possibly with warnings.
    Done = 0,
    /// The spec is wrong, or has warnings under `--deny warnings`.
    Spec = 1,
    /// The command line is wrong. `clap` ends with the same number.
    Usage = 2,
    /// Data or the environment: a file, a disk, memory.
    Environment = 3,
    /// Stopped on a numerical fault (a loss that is not a number).
    Numerics = 4,
    /// The run directory belongs to another plan.
    OtherPlan = 5,
    /// Interrupted after a checkpoint; the same command continues. `EX_TEMPFAIL` of `sysexits.h`.
    Interrupted = 75,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}
