//! `smolc diff`: what differs between two specs, or between a spec and a run, and how far they agree step by step.

use crate::cli::{DiffArgs, Format, SpecArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Console, Stream, Style, number};
use crate::{spec, stored};
use serde_json::json;
use smolc_plan::{Change, Difference, Plan};
use std::path::Path;

/// Prints the differences; that there are some is no failure.
pub fn execute(args: &DiffArgs, console: &Console) -> Result<Exit, Failure> {
    let mut plans = Vec::new();
    for path in [&args.old, &args.new] {
        match plan(path, &args.set, console)? {
            Ok(plan) => plans.push(plan),
            Err(exit) => return Ok(exit),
        }
    }
    let [old, new] = plans.as_slice() else {
        return Err(Failure::environment("two plans are needed"));
    };
    let bug = |e: &dyn std::fmt::Display| Failure::new(Exit::Spec, e.to_string());
    let differences = old.diff(new).map_err(|e| bug(&e))?;
    let mut names: Vec<&str> = old.runs.iter().map(|r| r.name.as_str()).collect();
    names.extend(new.runs.iter().map(|r| r.name.as_str()).filter(|n| !old.runs.iter().any(|r| r.name == *n)));
    let mut runs = Vec::new();
    for name in names {
        runs.push((name, old.changes(new, name).map_err(|e| bug(&e))?));
    }
    let text = match args.format {
        Format::Text => text(old, new, &differences, &runs, &console.out),
        Format::Json => {
            let runs: Vec<_> = runs.iter().map(|(name, changes)| run_json(old, name, changes)).collect();
            let report = json!({
                "version": 1, "same": differences.is_empty(), "old": stored::hash(old)?, "new": stored::hash(new)?,
                "differences": differences, "runs": runs,
            });
            format!("{report:#}\n")
        }
    };
    console.out.print(&text)?;
    Ok(Exit::Done)
}

/// The plan of a spec, of a `plan.json` or of a run's directory.
pub(super) fn plan(
    path: &Path,
    set: &[(String, String)],
    console: &Console,
) -> Result<Result<Plan, Exit>, Failure> {
    if stored::is_plan(path) {
        return Ok(Ok(stored::read(path)?));
    }
    spec::plan_quietly(&SpecArgs { spec: path.to_path_buf(), set: set.to_vec(), deny: Vec::new() }, console)
}

/// First step that any change touches.
fn first(changes: &[Change]) -> Option<u64> {
    changes.iter().filter_map(|c| c.from).min()
}

fn step_tokens(plan: &Plan, run: &str) -> u64 {
    plan.runs.iter().find(|r| r.name == run).map_or(0, |r| r.batch.tokens())
}

fn run_json(old: &Plan, name: &str, changes: &[Change]) -> serde_json::Value {
    let tokens = step_tokens(old, name);
    let changes: Vec<_> = changes
        .iter()
        .map(|c| {
            json!({ "from_step": c.from, "from_token": c.from.map(|s| s.saturating_mul(tokens)),
                    "path": c.difference.path, "old": c.difference.old, "new": c.difference.new })
        })
        .collect();
    json!({ "run": name, "changes": changes })
}

fn text(
    old: &Plan,
    new: &Plan,
    differences: &[Difference],
    runs: &[(&str, Vec<Change>)],
    out: &Stream,
) -> String {
    if differences.is_empty() {
        return format!("{}\n", out.style(Style::Good, "no difference: the plans are the same"));
    }
    let mut text = String::new();
    for d in differences {
        text.push_str(&format!("  {d}\n"));
    }
    text.push('\n');
    let width = runs.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, changes) in runs {
        let padding = " ".repeat(width - name.chars().count());
        text.push_str(&format!(
            "{} {}{padding}  {}\n",
            out.style(Style::Dim, "run"),
            out.style(Style::Name, name),
            verdict(old, new, name, changes)
        ));
    }
    text
}

/// How far a run is the same under both plans.
fn verdict(old: &Plan, new: &Plan, name: &str, changes: &[Change]) -> String {
    let has = |plan: &Plan| plan.runs.iter().any(|r| r.name == name);
    match (has(old), has(new)) {
        (true, false) => return "is gone".into(),
        (false, true) => return "is new".into(),
        _ => {}
    }
    // A run that begins from one that differs says so; nothing in its own part of the spec does.
    let parent = format!("run {name}.parent");
    let from = changes.iter().find(|c| c.difference.path == parent).and_then(|c| c.difference.new.as_deref());
    match (first(changes), from) {
        (None, _) => "makes the same steps under both".into(),
        (Some(0), Some(from)) => format!("differs from its first step on: it begins from {from}"),
        (Some(0), None) => "differs from its first step on: it would have to begin anew".into(),
        (Some(step), _) => format!(
            "is the same for its first {} ({} tokens); one that is not further may be amended",
            number::count(step, "step", "steps"),
            number::thousands(step.saturating_mul(step_tokens(old, name)))
        ),
    }
}
