//! One file a command. A command takes its arguments and the console, and gives the exit code or why it failed.

mod amend;
mod check;
mod completions;
mod diff;
mod doc;
mod doctor;
mod explain;
mod export;
mod fix;
mod fmt;
mod generate;
mod gpu_bench;
mod import;
mod kernels;
mod lsp;
mod new;
mod plan;
mod run;
mod score;
mod simulate;

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
        Command::Fmt(args) => fmt::execute(args, console),
        Command::Fix(args) => fix::execute(args, console),
        Command::New(args) => new::execute(args, console),
        Command::Doc(args) => doc::execute(args, console),
        Command::Lsp(args) => lsp::execute(args, console),
        Command::Doctor(args) => doctor::execute(args, console),
        Command::GpuBench(args) => gpu_bench::execute(args, console),
        Command::Kernels(args) => kernels::execute(args, console),
        Command::Completions(args) => completions::execute(args, console),
        Command::Simulate(args) => simulate::execute(args, console),
        Command::Import(args) => import::execute(args, console),
        Command::Export(args) => export::execute(args, console),
        Command::Diff(args) => diff::execute(args, console),
        Command::Amend(args) => amend::execute(args, console),
    }
}
