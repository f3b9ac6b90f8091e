//! `smolc fix`: applies the fixes that diagnostics carry.

use crate::cli::FixArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::output::{Console, Style, number};
use crate::spec::{self, Summary};
use crate::world::RealWorld;
use smolc_ide::{Applied, Fixed};
use std::path::Path;

/// Applies fixes until none is left, shows each, writes the files whole, and shows what remains.
pub fn execute(args: &FixArgs, console: &Console) -> Result<Exit, Failure> {
    let path = spec::path(&args.spec)?;
    let fixed = smolc_ide::fix(&RealWorld, path, &args.spec.set, args.r#unsafe)
        .map_err(|e| Failure::new(Exit::Spec, format!("`{path}` is left as it is: {e}")))?;
    for applied in &fixed.applied {
        console.out.line(&line(applied, console))?;
    }
    if !args.dry_run {
        for (path, text) in &fixed.files {
            files::write_whole(Path::new(path), text)?;
        }
    }
    report(&fixed, args, console)
}

fn line(a: &Applied, console: &Console) -> String {
    let (line, column) = a.line_column;
    let quoted = |t: &str| format!("`{}`", t.trim_end_matches('\n').replace('\n', "⏎"));
    let change = match (a.before.is_empty(), a.after.is_empty()) {
        (true, _) => format!("insert {}", quoted(&a.after)),
        (false, true) => format!("remove {}", quoted(&a.before)),
        (false, false) => format!("{} → {}", quoted(&a.before), quoted(&a.after)),
    };
    let place = console.out.style(Style::Name, &format!("{}:{line}:{column}", a.place.path));
    let code = console.out.style(Style::Dim, &format!("[{}]", a.code));
    format!("{place}: {change}  {} {code}", a.message)
}

fn report(fixed: &Fixed, args: &FixArgs, console: &Console) -> Result<Exit, Failure> {
    let done = number::count(fixed.applied.len() as u64, "change", "changes");
    let in_files = number::count(fixed.files.len() as u64, "file", "files");
    let text = match (fixed.applied.is_empty(), args.dry_run) {
        (true, _) => "nothing to fix".to_owned(),
        (false, true) => format!("{done} in {in_files}, not written (--dry-run)"),
        (false, false) => format!("{done} in {in_files}"),
    };
    console.err.line(&text)?;
    let shown = spec::render(&fixed.left, &fixed.sources, &console.err);
    let summary = Summary::of(&fixed.left, &args.spec.deny);
    if !shown.is_empty() {
        console.err.print(&format!("\n{}\n\n{}\n", shown.trim_end(), summary.text(&console.err)))?;
        let guesses = fixed.left.iter().filter(|d| d.fix.is_some()).count() as u64;
        if guesses > 0 && !args.r#unsafe {
            let some = number::count(guesses, "guess", "guesses");
            console.err.line(&format!("{some} could be tried with --unsafe; look at the result"))?;
        }
    }
    Ok(summary.exit())
}
