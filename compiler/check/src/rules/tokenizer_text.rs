//! `smol::data::tokenizer`, as a lint: a vocabulary that cannot have been learned from the text it is trained on.
//!
//! A merge of byte-level BPE is worth a row of the embedding where its token is met often. At [`LEAST`] bytes of text for a
//! token, one of four bytes is met ten times on average, and, words being as unequal as they are (Zipf), most are met once
//! or twice: they are pieces of single documents.

use crate::rational::Fraction;
use crate::units::{Dim, grouped, quantity};
use crate::value::DatasetValue;
use smolc_diag::{Diagnostic, Span};
use std::rc::Rc;

/// Bytes of text for each token, from which on nothing is said.
const LEAST: u64 = 40;
/// Bytes of a token, to know the text of a dataset by its stated tokens.
const BYTES: u64 = 4;

/// Reports a vocabulary of `vocab` tokens that is trained on less text than it takes; `bytes` are taken from each dataset.
pub fn check(vocab: u64, train: &[Rc<DatasetValue>], bytes: u64, at: Span, out: &mut Vec<Diagnostic>) {
    let of = |d: &Rc<DatasetValue>| {
        d.stated_tokens.map_or(bytes, |tokens| bytes.min(tokens.saturating_mul(BYTES)))
    };
    let text = train.iter().map(of).fold(0, u64::saturating_add);
    let wanted = vocab.saturating_mul(LEAST);
    if text >= wanted {
        return;
    }
    let said = |bytes: u64| quantity(Fraction::integer(bytes), Dim::Bytes);
    let each = text as f64 / vocab.max(1) as f64;
    let enough = text / LEAST;
    let smaller =
        if enough < 512 { String::new() } else { format!(", or ask for {} tokens", grouped(enough.into())) };
    out.push(
        Diagnostic::warning(
            "smol::data::tokenizer",
            at,
            format!(
                "{} tokens are learned from {} of text, {each:.1} for each",
                grouped(vocab.into()),
                said(text)
            ),
        )
        .label("most of them would be met once or twice")
        .help(format!(
            "train it on {} or more, {LEAST} for each token: a larger `bytes`, or more datasets{smaller}",
            said(wanted)
        )),
    );
}
