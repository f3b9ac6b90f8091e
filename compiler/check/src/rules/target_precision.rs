//! `smol::target::precision`: a run and its target mean the same precision.

use crate::spec::Run;
use smolc_diag::{Diagnostic, Span};

/// The one precision of a run and its target: what either says, bf16 if neither does. `written` is where the run says it.
pub fn settle(run: &mut Run, written: Option<Span>, out: &mut Vec<Diagnostic>) {
    let Some((target, _)) = &mut run.target else { return };
    let Some(at) = written else {
        run.precision = target.precision;
        return;
    };
    let stated = run.target_spans.iter().find(|(name, _)| name == "precision").map(|(_, span)| *span);
    match stated {
        Some(there) if target.precision != run.precision => out.push(
            Diagnostic::error(
                "smol::target::precision",
                at,
                format!(
                    "run `{}` computes in {}, its target `{}` in {}",
                    run.name,
                    run.precision.name(),
                    target.name,
                    target.precision.name()
                ),
            )
            .also(there, "and here the other")
            .help("write it in one of the two; the other follows"),
        ),
        _ => target.precision = run.precision,
    }
}
