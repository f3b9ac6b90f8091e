//! `smol::model::context`: a window is no longer than the model's context.

use crate::spec::Run;
use smolc_diag::Diagnostic;

/// Reports a window beyond the context.
pub fn check(run: &Run, out: &mut Vec<Diagnostic>) {
    let (Some(model), Some(batch)) = (&run.model, &run.batch) else { return };
    if batch.window > model.model.context {
        out.push(
            Diagnostic::error(
                "smol::model::context",
                run.window_span,
                format!(
                    "the window of run `{}` is {} tokens, the model's context {}",
                    run.name, batch.window, model.model.context
                ),
            )
            .also(model.at("context"), "the context")
            .help("lengthen the context, or shorten the window"),
        );
    }
}
