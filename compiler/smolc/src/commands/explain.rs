//! `smolc explain`: the page of a diagnostic code, or where a value of a spec comes from.

use crate::cli::{ExplainArgs, SpecArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Console, Style};
use crate::world::RealWorld;
use smolc_check::Provenance;
use smolc_check::provenance;
use smolc_diag::{Sources, codes};
use std::path::Path;

/// Prints the page, every code, or a value and every place that touched it.
pub fn execute(args: &ExplainArgs, console: &Console) -> Result<Exit, Failure> {
    let Some(asked) = args.code.as_deref().filter(|_| !args.list) else {
        let list: String = codes::all().map(|code| format!("{code}\n")).collect();
        console.out.print(&list)?;
        return Ok(Exit::Done);
    };
    if Path::new(asked).extension().is_some_and(|e| e == "smol") {
        return value(asked, args, console);
    }
    if let Some(path) = &args.path {
        return Err(Failure::usage(format!("`{asked}` is no spec, so it has no value `{path}`"))
            .help("write `smolc explain FILE.smol PATH`, or `smolc explain CODE`"));
    }
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

/// A value of a spec, which place won, and which others set it.
fn value(spec: &str, args: &ExplainArgs, console: &Console) -> Result<Exit, Failure> {
    let spec = SpecArgs { spec: spec.into(), set: args.set.clone(), deny: Vec::new() };
    let (checked, all) = smolc_check::trace(&RealWorld, crate::spec::path(&spec)?, &spec.set);
    let summary = crate::spec::Summary::of(&checked.diagnostics, &[]);
    if summary.exit() == Exit::Environment {
        let text = crate::spec::render(&checked.diagnostics, &checked.sources, &console.err);
        console.err.print(&format!("{}\n", text.trim_end()))?;
        return Ok(Exit::Environment);
    }
    let Some(path) = &args.path else {
        let list: String = all.iter().map(|p| format!("{}\n", p.path)).collect();
        console.out.print(&list)?;
        return Ok(Exit::Done);
    };
    let found = provenance::at(&all, path);
    if found.is_empty() {
        let failure = Failure::usage(format!("the spec has no value at `{path}`"));
        let bare = path.strip_prefix("run.").unwrap_or(path);
        return Err(match smolc_diag::suggest::nearest(bare, all.iter().map(|p| p.path.as_str())) {
            Some(near) => failure.help(format!("did you mean `{near}`?")),
            None => failure.help("`smolc explain SPEC` lists every path; they begin with the name of a run"),
        });
    }
    let text: Vec<String> = found.iter().map(|p| one(p, &checked.sources, console)).collect();
    console.out.print(&text.concat())?;
    Ok(Exit::Done)
}

fn one(p: &Provenance, sources: &Sources, console: &Console) -> String {
    let out = &console.out;
    let mut text = format!("{} = {}\n", out.style(Style::Name, &p.path), p.value);
    for touch in &p.touches {
        let (line, column) = sources.line_column(touch.span.file, touch.span.start);
        let place = format!("{}:{line}:{column}", sources.path(touch.span.file));
        let line =
            sources.text(touch.span.file).lines().nth(line.saturating_sub(1) as usize).unwrap_or("").trim();
        text.push_str(&format!("  {}  {}\n    {line}\n", out.style(Style::Dim, &place), touch.how));
    }
    text
}
