//! From a path on the command line to a checked spec and its plan, with everything worth saying about it printed.

use crate::cli::{Deny, SpecArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Console, Stream, Style, number};
use crate::world::RealWorld;
use smolc_check::Checked;
use smolc_diag::{Diagnostic, Severity, Sources};
use smolc_plan::Plan;

/// The code of a spec that cannot be read: a problem of the environment, not of the spec.
const UNREADABLE: &str = "smol::file::read";

/// Numbers of diagnostics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Errors.
    pub errors: u64,
    /// Warnings.
    pub warnings: u64,
    /// Warnings that `--deny` makes fail.
    denied: u64,
    /// The spec itself could not be read.
    unreadable: bool,
}

impl Summary {
    /// Counts.
    pub fn of(diagnostics: &[Diagnostic], deny: &[Deny]) -> Summary {
        let count = |s: Severity| diagnostics.iter().filter(|d| d.severity == s).count() as u64;
        let denied = |d: &&Diagnostic| {
            d.severity == Severity::Warning
                && deny.iter().any(|w| match w {
                    Deny::Warnings => true,
                    Deny::Code(code) => *code == d.code,
                })
        };
        Summary {
            denied: diagnostics.iter().filter(denied).count() as u64,
            errors: count(Severity::Error),
            warnings: count(Severity::Warning),
            unreadable: diagnostics.iter().any(|d| d.code == UNREADABLE),
        }
    }

    /// The exit code of a command that only looks.
    pub fn exit(&self) -> Exit {
        match (self.unreadable, self.errors + self.denied) {
            (true, _) => Exit::Environment,
            (false, 0) => Exit::Done,
            (false, _) => Exit::Spec,
        }
    }

    /// `2 errors, 1 warning`, `3 warnings, 1 of them denied`.
    pub fn text(&self, stream: &Stream) -> String {
        let mut parts = Vec::new();
        if self.errors > 0 {
            parts.push(stream.style(Style::Error, &number::count(self.errors, "error", "errors")));
        }
        if self.warnings > 0 {
            parts.push(stream.style(Style::Warning, &number::count(self.warnings, "warning", "warnings")));
        }
        if self.denied > 0 {
            let of_them = if self.denied == self.warnings {
                "denied".into()
            } else {
                format!("{} of them denied", self.denied)
            };
            parts.push(stream.style(Style::Error, &of_them));
        }
        if parts.is_empty() { stream.style(Style::Good, "no errors, no warnings") } else { parts.join(", ") }
    }
}

/// The spec's path as text.
pub fn path(args: &SpecArgs) -> Result<&str, Failure> {
    args.spec.to_str().ok_or_else(|| {
        Failure::usage(format!("the path `{}` is not UTF-8", args.spec.display()))
            .help("rename the file; a plan names files as text")
    })
}

/// Reads and checks the spec.
pub fn check(args: &SpecArgs) -> Result<Checked, Failure> {
    Ok(smolc_check::check(&RealWorld, path(args)?, &args.set))
}

/// Diagnostics with source and labels for a stream; empty when there are none.
pub fn render(diagnostics: &[Diagnostic], sources: &Sources, stream: &Stream) -> String {
    if diagnostics.is_empty() {
        return String::new();
    }
    smolc_diag::render::graphical(diagnostics, sources, stream.width, stream.color)
}

/// Checks and lowers the spec. Diagnostics go to standard error; `Err(exit)` inside when they forbid to go on.
pub fn plan(args: &SpecArgs, console: &Console) -> Result<Result<Plan, Exit>, Failure> {
    planned(args, console, true)
}

/// The same for a command that compares specs: warnings about each are not its business. They are printed with the errors
/// of a spec that has some.
pub fn plan_quietly(args: &SpecArgs, console: &Console) -> Result<Result<Plan, Exit>, Failure> {
    planned(args, console, false)
}

fn planned(args: &SpecArgs, console: &Console, warn: bool) -> Result<Result<Plan, Exit>, Failure> {
    let checked = check(args)?;
    let (mut diagnostics, mut plan) = (checked.diagnostics, None);
    if checked.spec.complete {
        match smolc_lower::lower(&checked.spec) {
            Ok(lowered) => plan = Some(lowered),
            Err(more) => diagnostics.extend(more),
        }
    }
    let summary = Summary::of(&diagnostics, &args.deny);
    if !diagnostics.is_empty() && (warn || summary.errors > 0) {
        let text = render(&diagnostics, &checked.sources, &console.err);
        console.err.print(&format!("{}\n{}\n\n", text.trim_end(), summary.text(&console.err)))?;
    }
    match (summary.exit(), plan) {
        (Exit::Done, Some(plan)) => Ok(Ok(plan)),
        // A spec that is incomplete without saying why would be a bug of the checker.
        (Exit::Done, None) => Err(Failure::new(Exit::Spec, "the spec cannot be planned")),
        (exit, _) => Ok(Err(exit)),
    }
}

/// The runs of a plan that `--run` selects, by index: all of them without it.
pub fn select(plan: &Plan, name: Option<&str>) -> Result<Vec<usize>, Failure> {
    let Some(name) = name else {
        return Ok((0..plan.runs.len()).collect());
    };
    match plan.runs.iter().position(|r| r.name == name) {
        Some(index) => Ok(vec![index]),
        None => {
            let names: Vec<String> = plan.runs.iter().map(|r| format!("`{}`", r.name)).collect();
            Err(Failure::usage(format!("the spec has no run `{name}`"))
                .help(format!("its runs are {}", names.join(", "))))
        }
    }
}
