//! `smol::stage::at_once`: a guard may end its stage before the first step.

use crate::spec::Run;
use smolc_diag::Diagnostic;

/// Reports stages whose least length is nothing.
pub fn check(run: &Run, out: &mut Vec<Diagnostic>) {
    for stage in &run.stages {
        let (Some(guard), Some(least)) = (&stage.guard, stage.least_steps) else { continue };
        if least.round() > 0 {
            continue;
        }
        out.push(
            Diagnostic::warning(
                "smol::stage::at_once",
                stage.length_span,
                format!("stage `{}` may end before its first step", stage.name),
            )
            .also(guard.span, "if this holds from the beginning")
            .help("give it a least length above zero, or say why: `#[allow(smol::stage::at_once, reason = \"…\")]`"),
        );
    }
}
