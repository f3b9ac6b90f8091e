//! A prompt continued.

use crate::error::EvalError;
use crate::reader::Reader;
use crate::sampling::Sampling;
use std::ops::ControlFlow;

/// Why a continuation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// The model ended the text. The end token is not part of the continuation.
    EndOfText,
    /// As many tokens as were asked for.
    MaxTokens,
    /// The context is full.
    Context,
    /// The caller had enough.
    Caller,
}

/// A continuation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generated {
    /// Its tokens, without the prompt and without the end token.
    pub tokens: Vec<u32>,
    /// Why it ended.
    pub stop: Stop,
}

/// Continues `prompt` by at most `max_tokens` tokens; `on_token` sees each as it is chosen and may stop.
///
/// The reader starts from the beginning. Any of the `eos` tokens ends the text.
///
/// Errors: a prompt that is empty, too long or holds tokens outside the vocabulary; sampling options out of range;
/// logits that are not finite. A prompt that fills the context exactly gives one token, read from the last position.
pub fn generate(
    reader: &mut impl Reader,
    prompt: &[u32],
    sampling: &Sampling,
    max_tokens: usize,
    eos: &[u32],
    on_token: &mut dyn FnMut(u32) -> ControlFlow<()>,
) -> Result<Generated, EvalError> {
    sampling.verify()?;
    reader.begin(prompt, sampling, max_tokens)?;
    let mut tokens = Vec::new();
    let stop = loop {
        if tokens.len() == max_tokens {
            break Stop::MaxTokens;
        }
        // The token drawn last has no position to be read at.
        if prompt.len() + tokens.len() > reader.context() {
            break Stop::Context;
        }
        let token = reader.token()?;
        if eos.contains(&token) {
            break Stop::EndOfText;
        }
        tokens.push(token);
        if on_token(token).is_break() {
            break Stop::Caller;
        }
    };
    Ok(Generated { tokens, stop })
}
