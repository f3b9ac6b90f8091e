//! `smolc amend`: another plan for a run under way, if what has already happened is the same under it.

use crate::cli::{AmendArgs, Format};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Console, Stream, Style, number};
use crate::stored;
use serde_json::json;
use smolc_plan::Change;
use smolc_train::amend::{self, Examined};
use std::path::{Path, PathBuf};

/// Shows what the new plan changes, refuses one that changes the past, and with `--apply` accepts it.
pub fn execute(args: &AmendArgs, console: &Console) -> Result<Exit, Failure> {
    let new = match super::diff::plan(&args.new, &args.set, console)? {
        Ok(plan) => plan,
        Err(exit) => return Ok(exit),
    };
    let dir = directory(&args.run)?;
    let examined = amend::examine(&dir, &new).map_err(super::run::failure)?;
    let refused = examined.iter().any(|e| e.past().next().is_some());
    let same = stored::hash(&new)?;
    let unchanged = examined.iter().all(|e| e.from == same);
    match args.format {
        Format::Json => {
            let runs: Vec<_> = examined.iter().map(run_json).collect();
            let report = json!({
                "version": 1, "directory": dir.display().to_string(), "new": same, "accepted": !refused,
                "applied": args.apply && !refused, "runs": runs,
            });
            console.out.print(&format!("{report:#}\n"))?;
        }
        Format::Text => console.out.print(&text(&examined, unchanged, &console.out))?,
    }
    if refused {
        let past = examined.iter().find(|e| e.past().next().is_some());
        let (name, done) = past.map_or(("", 0), |e| (e.run.as_str(), e.done));
        return Err(Failure::new(
            Exit::OtherPlan,
            format!(
                "the new plan changes what run `{name}` has already done in its {}",
                number::count(done, "step", "steps")
            ),
        )
        .help("leave the past as it is, or train the new spec in another directory (--out)"));
    }
    if args.apply {
        amend::apply(&dir, &new).map_err(super::run::failure)?;
        if args.format == Format::Text {
            console.out.line(&format!(
                "{}; continue with `smolc run {} --out {}`",
                console.out.style(Style::Good, if unchanged { "nothing to amend" } else { "amended" }),
                args.new.display(),
                dir.display()
            ))?;
        }
    }
    Ok(Exit::Done)
}

/// The spec's directory: the one named, or the parent of the run's.
fn directory(run: &Path) -> Result<PathBuf, Failure> {
    let shown = run.display();
    if !run.is_dir() {
        return Err(Failure::environment(format!("`{shown}` is not a directory of a run"))
            .help("name what `smolc run` has written to, `runs/<spec name>` by default"));
    }
    if run.join("plan.json").exists() {
        // `.` has no parent to take apart textually.
        let full = run
            .canonicalize()
            .map_err(|e| Failure::environment(format!("cannot resolve the directory `{shown}`: {e}")))?;
        return match run.parent().filter(|p| !p.as_os_str().is_empty()) {
            Some(parent) if run.file_name().is_some() => Ok(parent.to_path_buf()),
            _ => full
                .parent()
                .map(Path::to_path_buf)
                .ok_or_else(|| Failure::environment(format!("`{shown}` has no parent directory"))),
        };
    }
    stored::read(run)?;
    Ok(run.to_path_buf())
}

fn text(examined: &[Examined], unchanged: bool, out: &Stream) -> String {
    if unchanged {
        return "the plan is the one that is there\n".into();
    }
    let mut text = String::new();
    for e in examined {
        text.push_str(&format!(
            "{} {}: {} of {} steps made\n",
            out.style(Style::Dim, "run"),
            out.style(Style::Name, &e.run),
            number::thousands(e.done),
            number::thousands(e.steps.0),
        ));
        let past: Vec<&Change> = e.past().collect();
        if past.is_empty() {
            let draws = match e.compared {
                Some(n) if n > 0 => format!("; {} of its draws compared one by one", number::thousands(n)),
                _ => String::new(),
            };
            let line = format!("the past is unchanged{draws}");
            text.push_str(&format!("  {}\n", out.style(Style::Good, &line)));
        } else {
            text.push_str(&format!("  {}\n", out.style(Style::Error, "of the past, this differs:")));
            past.iter().for_each(|c| text.push_str(&format!("    {}\n", amend::line(c, e.step_tokens))));
        }
        let future: Vec<&Change> = e.future().collect();
        if !future.is_empty() {
            text.push_str("  what is to come:\n");
            future.iter().for_each(|c| text.push_str(&format!("    {}\n", amend::line(c, e.step_tokens))));
        }
    }
    text
}

fn run_json(e: &Examined) -> serde_json::Value {
    let change = |c: &Change| {
        json!({ "from_step": c.from, "from_token": c.from.map(|s| s.saturating_mul(e.step_tokens)),
                "path": c.difference.path, "old": c.difference.old, "new": c.difference.new })
    };
    json!({
        "run": e.run, "steps_made": e.done, "steps": e.steps.0, "steps_after": e.steps.1, "old": e.from,
        "draws_compared": e.compared,
        "past": e.past().map(change).collect::<Vec<_>>(), "future": e.future().map(change).collect::<Vec<_>>(),
    })
}
