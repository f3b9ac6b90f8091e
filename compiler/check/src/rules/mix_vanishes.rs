//! `smol::mix::starved`: a share so small that a batch holds less than one sequence of it.
//!
//! It is drawn all the same, once in several batches; but gradients of single sequences a few times a stage teach little,
//! and a figure such as 0.02% more often is a slip.

use crate::spec::Part;
use crate::units::{decimal, percent};
use smolc_diag::Diagnostic;
use smolc_plan::Batch;

/// Reports shares below one sequence a batch, in a part where the mixture does not change.
pub fn check(stage: &str, parts: &[Part], batch: Option<&Batch>, out: &mut Vec<Diagnostic>) {
    let Some(batch) = batch else { return };
    let Some(part) = parts.last() else { return };
    for drawn in &part.mix {
        let Some(sequences) = drawn.weight.mul(crate::rational::Fraction::integer(batch.sequences)) else {
            continue;
        };
        if sequences >= crate::rational::Fraction::ONE {
            continue;
        }
        out.push(
            Diagnostic::warning(
                "smol::mix::starved",
                drawn.span,
                format!("stage `{stage}` draws less than one sequence a batch from here"),
            )
            .label(format!("{} of {} sequences = {}", percent(drawn.weight), batch.sequences, decimal(sequences)))
            .help("raise the share, enlarge the batch, or say why: `#[allow(smol::mix::starved, reason = \"…\")]`"),
        );
    }
}
