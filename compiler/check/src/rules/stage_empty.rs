//! `smol::stage::empty`: a stage has one step at least. A shorter one would train on nothing without a word.

use crate::rational::Fraction;
use crate::units::{decimal, grouped};
use smolc_diag::{Diagnostic, Span};

/// Reports a stage that comes to no step.
pub fn report(name: &str, at: Span, asked: Fraction, batch_tokens: u64, batch_at: Span) -> Diagnostic {
    Diagnostic::error("smol::stage::empty", at, format!("stage `{name}` comes to no step at all"))
        .label(format!("{} of a step", decimal(asked)))
        .also(batch_at, format!("a step is {} tokens", grouped(i128::from(batch_tokens))))
        .help("make it longer, or the batch smaller")
}
