//! One file a command. A command takes its arguments and the console, and gives the exit code or why it failed.

mod check;
mod completions;
mod doctor;
mod explain;
mod generate;
mod gpu_bench;
mod kernels;
mod plan;
mod run;
mod score;

use crate::cli::Command;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Console;

/// Runs the command that was asked for.
pub fn dispatch(command: &Command, console: &Console) -> Result<Exit, Failure> {
    match command {
        Command::Run(args) => run::execute(args, console),
        Command::Check(args) => check::execute(args, console),
        Command::Plan(args) => plan::execute(args, console),
        Command::Generate(args) => generate::execute(args, console),
        Command::Score(args) => score::execute(args, console),
        Command::Explain(args) => explain::execute(args, console),
        Command::Doctor(args) => doctor::execute(args, console),
        Command::GpuBench(args) => gpu_bench::execute(args, console),
        Command::Kernels(args) => kernels::execute(args, console),
        Command::Completions(args) => completions::execute(args, console),
    }
}
