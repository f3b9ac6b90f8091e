//! Window, batch and micro-batch: everything in whole sequences.

use crate::eval::Eval;
use crate::rules::{batch_micro, batch_window};
use crate::schema::run::default;
use crate::value::{Num, Object, Value};
use smolc_diag::{Diagnostic, Span};
use smolc_plan::Batch;

fn size<'b>(eval: &Eval<'_>, block: &Object, field: &'b str) -> Option<batch_window::Size<'b>> {
    let node = block.get(field)?;
    match node.value {
        Value::Number(Num::Exact(value), dim) => {
            Some(batch_window::Size { field, value, dim, span: node.span, written: eval.written(node.span) })
        }
        _ => None,
    }
}

/// The batch of a run; `None` after a report.
pub(super) fn batch(eval: &mut Eval<'_>, block: &Object, window: u64, window_span: Span) -> Option<Batch> {
    if window == 0 {
        // A model's context of zero is reported by its own rule.
        if block.get("window").is_some() {
            let d = Diagnostic::error("smol::batch::window", window_span, "the window is zero")
                .help("it is the number of tokens in a sequence");
            eval.diagnostics.push(d);
        }
        return None;
    }
    let whole = size(eval, block, "batch")?;
    let sequences = batch_window::sequences(&whole, window, window_span, &mut eval.diagnostics)?;
    if sequences.checked_mul(window).is_none() {
        let d =
            Diagnostic::error("smol::eval::arithmetic", whole.span, "the batch is longer than 2^64 tokens");
        eval.diagnostics.push(d);
        return None;
    }
    let micro = match size(eval, block, "micro_batch") {
        Some(part) => {
            let micro = batch_window::sequences(&part, window, window_span, &mut eval.diagnostics)?;
            if !batch_micro::check(micro, part.span, sequences, whole.span, &mut eval.diagnostics) {
                return None;
            }
            micro
        }
        None if block.broken("micro_batch") => return None,
        None => (1..=default::MICRO).rev().find(|n| sequences.is_multiple_of(*n)).unwrap_or(1),
    };
    Some(Batch { sequences, window, micro })
}
