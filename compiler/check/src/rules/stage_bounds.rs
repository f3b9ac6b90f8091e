//! `smol::stage::bounds`: a guard needs static bounds, and bounds need a guard. With them every budget can be checked
//! before the run; without a guard nothing would ever decide between the two lengths.

use crate::eval::StageLayers;
use smolc_diag::Diagnostic;

/// Reports a range without a guard, or a guard without a range.
pub fn check(owner: &str, range: bool, stage: &StageLayers<'_>, out: &mut Vec<Diagnostic>) {
    match (&stage.length, &stage.until, range) {
        (Some((length, _)), None, true) => out.push(
            Diagnostic::error(
                "smol::stage::bounds",
                length.span,
                format!("{owner} has two lengths and no guard"),
            )
            .help("say what ends it: `until plateau(eval.NAME, over: 4 evals)`; or give one length"),
        ),
        (Some((length, _)), Some((guard, _)), false) => out.push(
            Diagnostic::error(
                "smol::stage::bounds",
                guard.span,
                format!("{owner} has a guard, but no bounds"),
            )
            .also(length.span, "one length")
            .help("write how short and how long it may become: `for 4T..6T tokens until …`"),
        ),
        _ => {}
    }
}
