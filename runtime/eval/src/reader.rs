//! What reads a text and predicts its next token.

use crate::decoder::Decoder;
use crate::error::EvalError;
use smolc_engine::CudaDecoder;

/// A model with the keys and values of what it has read.
pub trait Reader {
    /// Forgets what was read.
    fn reset(&mut self);

    /// Reads tokens; returns the logits `[V]` of the token that follows them.
    ///
    /// Errors when there are none, when one is outside the vocabulary, and when they do not fit into the context; what
    /// was read before then stays as it is.
    fn read(&mut self, tokens: &[u32]) -> Result<&[f32], EvalError>;

    /// Tokens read so far.
    fn position(&self) -> usize;

    /// Most tokens it can read.
    fn context(&self) -> usize;
}

/// Refuses what cannot be read at `position` of a context.
pub(crate) fn check(tokens: &[u32], position: usize, context: usize, vocab: usize) -> Result<(), EvalError> {
    if tokens.is_empty() {
        return Err(EvalError::EmptyPrompt);
    }
    if tokens.len() > context.saturating_sub(position) {
        return Err(if position == 0 {
            EvalError::PromptTooLong { tokens: tokens.len(), context }
        } else {
            EvalError::ContextFull { context }
        });
    }
    match tokens.iter().find(|t| **t as usize >= vocab) {
        Some(&token) => Err(EvalError::UnknownToken { token, vocab }),
        None => Ok(()),
    }
}

impl Reader for Decoder<'_> {
    fn reset(&mut self) {
        Decoder::reset(self);
    }

    fn read(&mut self, tokens: &[u32]) -> Result<&[f32], EvalError> {
        Decoder::read(self, tokens)
    }

    fn position(&self) -> usize {
        Decoder::position(self)
    }

    fn context(&self) -> usize {
        Decoder::context(self)
    }
}

impl Reader for CudaDecoder<'_> {
    fn reset(&mut self) {
        CudaDecoder::reset(self);
    }

    fn read(&mut self, tokens: &[u32]) -> Result<&[f32], EvalError> {
        check(tokens, self.position(), self.context(), self.vocab())?;
        Ok(CudaDecoder::read(self, tokens)?)
    }

    fn position(&self) -> usize {
        CudaDecoder::position(self)
    }

    fn context(&self) -> usize {
        CudaDecoder::context(self)
    }
}
