//! `smolc check`: diagnostics, and nothing else, on standard output.

use crate::cli::{CheckArgs, CheckFormat};
use crate::device;
use crate::emit;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Console, Style, number};
use crate::spec::{self, Summary};
use smolc_check::Checked;

/// Checks, prints, and says by the exit code whether the spec would run.
pub fn execute(args: &CheckArgs, console: &Console) -> Result<Exit, Failure> {
    let mut checked = spec::check(&args.spec)?;
    // Lowering finds what only the step program shows: sizes beyond the address space, for instance.
    if checked.spec.complete {
        match smolc_lower::lower(&checked.spec) {
            Ok(plan) => {
                if let Some(asked) = args.device {
                    let choice = device::choose(asked)?;
                    for run in &plan.runs {
                        device::check(&choice, run)?;
                    }
                }
            }
            Err(more) => {
                checked.diagnostics.extend(more.into_iter().filter(|d| d.code != "smol::lower::no_run"));
            }
        }
    }
    let summary = Summary::of(&checked.diagnostics, &args.spec.deny);
    if let Some(layer) = args.emit {
        let said = spec::render(&checked.diagnostics, &checked.sources, &console.err);
        console.err.print(&said)?;
        let plan = if checked.spec.complete { smolc_lower::lower(&checked.spec).ok() } else { None };
        console.out.print(&emit::render(layer, &checked, plan.as_ref(), None)?)?;
        return Ok(summary.exit());
    }
    let text = match args.format {
        CheckFormat::Text => text(&checked, &summary, console),
        CheckFormat::Json => {
            format!("{:#}\n", smolc_diag::json::report(&checked.diagnostics, &checked.sources))
        }
        CheckFormat::Sarif => {
            let version = env!("CARGO_PKG_VERSION");
            format!("{:#}\n", smolc_diag::sarif::log(&checked.diagnostics, &checked.sources, version))
        }
        CheckFormat::Short => smolc_diag::render::short(&checked.diagnostics, &checked.sources),
    };
    console.out.print(&text)?;
    Ok(summary.exit())
}

fn text(checked: &Checked, summary: &Summary, console: &Console) -> String {
    let out = &console.out;
    let rendered = spec::render(&checked.diagnostics, &checked.sources, out);
    if rendered.is_empty() {
        let what = |n: usize, one, many| number::count(n as u64, one, many);
        let spec = &checked.spec;
        return format!(
            "{} {}: {}, {}, {}\n",
            out.style(Style::Good, "ok"),
            spec.name,
            what(spec.runs.len(), "run", "runs"),
            what(spec.runs.iter().map(|r| r.stages.len()).sum(), "stage", "stages"),
            what(spec.datasets.len(), "dataset", "datasets"),
        );
    }
    format!("{}\n\n{}\n", rendered.trim_end(), summary.text(out))
}
