//! `smolc completions`: a script that teaches a shell our options.

use crate::cli::{Cli, CompletionsArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Console;
use clap::CommandFactory;

/// Prints the script.
pub fn execute(args: &CompletionsArgs, console: &Console) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "smolc", &mut script);
    console.out.print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
