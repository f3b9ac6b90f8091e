//! `smol::data::validation`: a run that validates needs documents that were set aside.

use crate::spec::{Run, Spec};
use smolc_diag::Diagnostic;

/// Reports a run that validates on nothing.
pub fn check(run: &Run, spec: &Spec, out: &mut Vec<Diagnostic>) {
    let Some((validation, at)) = run.validation.as_ref().zip(run.validate_span) else { return };
    if validation.every.is_none() && !validation.stage_end && !validation.end {
        return;
    }
    let mut read = run.stages.iter().filter_map(|s| s.mix.as_ref()).flatten().peekable();
    if read.peek().is_none() || run.stages.iter().any(|s| s.mix.is_none()) {
        return;
    }
    if read.all(|e| spec.datasets.get(e.dataset).is_some_and(|d| d.validation_per_million == 0)) {
        out.push(
            Diagnostic::warning(
                "smol::data::validation",
                at,
                format!("run `{}` validates, but none of its datasets sets documents aside", run.name),
            )
            .help("end a dataset's pipeline with `|> split(validation: 1%)`, or leave `validate` out"),
        );
    }
}
