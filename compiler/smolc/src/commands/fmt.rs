//! `smolc fmt`: the canonical layout.

use crate::cli::FmtArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Console, Style, number};
use crate::{files, spec};
use smolc_diag::Sources;
use smolc_syntax::format::format;
use std::io::Read;
use std::path::Path;

/// Lays out files in place, or standard input onto standard output; with `--check` only says what would change.
pub fn execute(args: &FmtArgs, console: &Console) -> Result<Exit, Failure> {
    if args.paths.iter().any(|p| p == Path::new("-")) {
        return match args.paths.as_slice() {
            [_] => stdin(args.check, console),
            _ => Err(Failure::usage("`-` stands for standard input and goes with no other file")),
        };
    }
    let (mut changed, mut broken) = (0u64, false);
    let specs = files::specs(&args.paths)?;
    for path in &specs {
        let text = files::read(path)?;
        let Some(out) = layout(&path.display().to_string(), &text, console)? else {
            broken = true;
            continue;
        };
        if out == text {
            continue;
        }
        changed += 1;
        if args.check {
            console.out.line(&format!(
                "{} {}",
                console.out.style(Style::Warning, "would change"),
                path.display()
            ))?;
        } else {
            files::write_whole(path, &out)?;
            console.out.line(&format!(
                "{} {}",
                console.out.style(Style::Good, "formatted"),
                path.display()
            ))?;
        }
    }
    if args.check && changed > 0 {
        console.err.line(&format!(
            "{} of {} would change; `smolc fmt` without --check does it",
            changed,
            number::count(specs.len() as u64, "file", "files")
        ))?;
    }
    Ok(if broken || args.check && changed > 0 { Exit::Spec } else { Exit::Done })
}

fn stdin(check: bool, console: &Console) -> Result<Exit, Failure> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .read_to_end(&mut bytes)
        .map_err(|e| Failure::environment(format!("cannot read standard input: {e}")))?;
    let text =
        String::from_utf8(bytes).map_err(|_| Failure::environment("standard input is not UTF-8 text"))?;
    let Some(out) = layout("<stdin>", &text, console)? else { return Ok(Exit::Spec) };
    if check {
        return Ok(if out == text { Exit::Done } else { Exit::Spec });
    }
    console.out.print(&out)?;
    Ok(Exit::Done)
}

/// The layout of a text; `None` after its syntax errors were shown.
fn layout(name: &str, text: &str, console: &Console) -> Result<Option<String>, Failure> {
    match format(text) {
        Ok(out) => Ok(Some(out)),
        Err(diagnostics) => {
            let mut sources = Sources::default();
            // The formatter knows one file, the first.
            sources.add(name, text);
            let shown = spec::render(&diagnostics, &sources, &console.err);
            console.err.print(&format!("{}\n\n", shown.trim_end()))?;
            console.err.line(&format!("`{name}` is left as it is: it does not parse"))?;
            Ok(None)
        }
    }
}
