//! `smol::time::interval`: what is to happen at intervals happens at least once.

use crate::spec::Run;
use crate::units::grouped;
use smolc_diag::{Diagnostic, Span};

/// Reports validations and evaluations that a run is too short for.
pub fn check(run: &Run, out: &mut Vec<Diagnostic>) {
    let Some(steps) = run.steps else { return };
    let mut report = |what: &str, every: Option<u64>, ends: bool, at: Span| {
        let Some(every) = every.filter(|every| *every > steps && !ends) else { return };
        out.push(
            Diagnostic::warning(
                "smol::time::interval",
                at,
                format!("run `{}` is over before it {what} for the first time", run.name),
            )
            .label(format!("every {} steps", grouped(i128::from(every))))
            .also(run.span, format!("{} steps in all", grouped(i128::from(steps))))
            .help("shorten the interval, or add `and at end`"),
        );
    };
    if let Some((validation, at)) = run.validation.as_ref().zip(run.validate_span) {
        report("validates", validation.every, validation.stage_end || validation.end, at);
    }
    for event in &run.events {
        report("evaluates", event.every, event.stage_end || event.end, event.span);
    }
}
