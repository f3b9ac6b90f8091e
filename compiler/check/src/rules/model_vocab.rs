//! `smol::model::vocab`: the embedding has a row for every token. A larger id would read past the table; frameworks
//! find out in the first step that draws it.

use crate::spec::{Run, Spec};
use smolc_diag::Diagnostic;

/// Reports an embedding smaller than the tokenizer; a larger one, if it is not padding, is a lint.
pub fn check(run: &Run, spec: &Spec, out: &mut Vec<Diagnostic>) {
    let (Some(model), Some((index, at))) = (&run.model, run.tokenizer) else { return };
    let Some(tokenizer) = spec.tokenizers.get(index) else { return };
    let Some(tokens) = tokenizer.vocab else { return };
    let rows = model.model.vocab;
    if rows < tokens {
        out.push(
            Diagnostic::error(
                "smol::model::vocab",
                model.at("vocab"),
                format!(
                    "the model has {rows} embedding rows, the tokenizer `{}` {tokens} tokens",
                    tokenizer.name
                ),
            )
            .label("rows of the embedding")
            .also(at, format!("{tokens} tokens"))
            .help(match tokens.next_multiple_of(64) {
                even if even == tokens => format!("write `vocab: {tokens}`"),
                even => format!("write `vocab: {tokens}`, or the next multiple of 64: `vocab: {even}`"),
            }),
        );
    } else if rows >= tokens.next_multiple_of(1024).max(tokens + tokens / 20) && rows > tokens {
        out.push(
            Diagnostic::warning(
                "smol::model::padding",
                model.at("vocab"),
                format!(
                    "{} of {rows} embedding rows belong to no token of `{}`",
                    rows - tokens,
                    tokenizer.name
                ),
            )
            .also(at, format!("{tokens} tokens"))
            .help(format!("`vocab: {tokens}` is enough")),
        );
    }
}
