//! `smolc`: checks, plans and runs `.smol` specs.
//!
//! This crate is the command line and the only place that reads the environment, prints, or decides an exit code. One
//! file a command in [`commands`]; how things look is in [`output`], [`plan_text`] and [`progress`].
//!
//! What does not live here: anything about the language (`smolc-check`), plans (`smolc-plan`, `smolc-lower`) or training
//! (`smolc-train`). A command only wires those together.

mod cli;
mod columns;
mod commands;
mod device;
mod doc_html;
mod doctor;
mod emit;
mod exit;
mod failure;
mod files;
mod lsp;
mod model;
mod output;
mod panic;
mod plan_html;
mod plan_text;
mod progress;
mod signals;
mod simulate;
mod spec;
mod stored;
mod threads;
mod world;

use clap::Parser;
use output::Console;
use std::process::ExitCode;

fn main() -> ExitCode {
    panic::install();
    let cli = cli::Cli::parse();
    let console = Console::new(cli.color);
    match commands::dispatch(&cli.command, &console) {
        Ok(exit) => exit.into(),
        Err(failure) => failure.report(&console).into(),
    }
}
