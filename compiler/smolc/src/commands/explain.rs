//! `smolc explain`: the page of a diagnostic code.

use crate::cli::ExplainArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Console;
use smolc_diag::codes;

/// Prints the page, or every code.
pub fn execute(args: &ExplainArgs, console: &Console) -> Result<Exit, Failure> {
    let Some(asked) = args.code.as_deref().filter(|_| !args.list) else {
        let list: String = codes::all().map(|code| format!("{code}\n")).collect();
        console.out.print(&list)?;
        return Ok(Exit::Done);
    };
    let asked = asked.trim().trim_matches('`');
    let full = if asked.starts_with("smol::") { asked.to_string() } else { format!("smol::{asked}") };
    match codes::page(&full) {
        Some(page) => {
            console.out.print(&format!("{}\n", page.trim_end()))?;
            Ok(Exit::Done)
        }
        None => {
            let failure = Failure::usage(format!("there is no diagnostic code `{asked}`"));
            Err(match smolc_diag::suggest::nearest(&full, codes::all()) {
                Some(near) => failure.help(format!("did you mean `{near}`?")),
                None => failure.help("`smolc explain --list` lists every code"),
            })
        }
    }
}
