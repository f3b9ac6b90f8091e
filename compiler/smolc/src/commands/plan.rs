//! `smolc plan`: what a spec will do, for people, for tools, or as a step program.

use crate::cli::{Emit, PlanArgs, PlanFormat};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Console, Stream};
use crate::{plan_html, plan_text, spec};
use smolc_lower::program::Text;
use smolc_plan::Plan;
use std::fmt::Write;

/// Prints the plan, or writes it to `--out`.
pub fn execute(args: &PlanArgs, console: &Console) -> Result<Exit, Failure> {
    let plan = match spec::plan(&args.spec, console)? {
        Ok(plan) => plan,
        Err(exit) => return Ok(exit),
    };
    let runs = spec::select(&plan, args.run.as_deref())?;
    let text = match (args.emit, args.format) {
        (Some(Emit::Step), _) => programs(&plan, &runs),
        (None, PlanFormat::Json) => {
            plan.to_json().map_err(|e| Failure::environment(format!("cannot write the plan: {e}")))?
        }
        (None, PlanFormat::Html) => plan_html::render(&plan, &runs)?,
        (None, PlanFormat::Text) => {
            // A file has neither color nor the terminal's width.
            let file = Stream::plain(100);
            plan_text::render(&plan, &runs, if args.out.is_some() { &file } else { &console.out })?
        }
    };
    match &args.out {
        None => console.out.print(&text)?,
        Some(path) => std::fs::write(path, text)
            .map_err(|e| Failure::environment(format!("cannot write `{}`: {e}", path.display())))?,
    }
    Ok(Exit::Done)
}

fn programs(plan: &Plan, runs: &[usize]) -> String {
    let mut text = String::new();
    for run in runs.iter().filter_map(|i| plan.runs.get(*i)) {
        if plan.runs.len() > 1 {
            let _ = writeln!(text, "# run {}", run.name);
        }
        let _ = write!(text, "{}", Text(&run.program));
    }
    text
}
