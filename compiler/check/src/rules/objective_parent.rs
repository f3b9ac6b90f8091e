//! `smol::objective::parent`: DPO compares the model with the one it begins from, so it begins from one.

use crate::spec::Run;
use smolc_diag::Diagnostic;
use smolc_plan::Objective;

/// Reports a DPO run without a reference.
pub fn check(run: &Run, out: &mut Vec<Diagnostic>) {
    if let (Some((Objective::Dpo { .. }, at)), None) = (&run.objective, &run.parent) {
        out.push(
            Diagnostic::error(
                "smol::objective::parent",
                *at,
                format!("run `{}` learns preferences against no reference", run.name),
            )
            .help(format!(
                "begin from the run whose model is the reference: `run {} from sft {{ … }}`",
                run.name
            )),
        );
    }
}
