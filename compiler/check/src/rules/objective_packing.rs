//! `smol::objective::packing`: conversations that share a window see each other.
//!
//! Packing puts several conversations into one window. Without a document mask the later ones attend to the earlier ones,
//! which no user of the model ever sends (axolotl PR#3796, transformers PR#46634; restarting positions alone changes nothing,
//! nanoVLM PR#204). Pretraining lives with it; of a few thousand conversations it makes other ones.

use crate::spec::Run;
use smolc_diag::Diagnostic;
use smolc_plan::Objective;

/// Reports fine-tuning that packs without a document mask.
pub fn check(run: &Run, out: &mut Vec<Diagnostic>) {
    let Some((Objective::Sft { pack: true, .. }, at)) = &run.objective else { return };
    if run.document_mask {
        return;
    }
    out.push(
        Diagnostic::warning(
            "smol::objective::packing",
            *at,
            format!("run `{}` packs conversations into windows in which they see each other", run.name),
        )
        .help(
            "set `document_mask: true`, or `pack: false`; if it is meant, say why: \
             `#[allow(smol::objective::packing, reason = \"…\")]`",
        ),
    );
}
