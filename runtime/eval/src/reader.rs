//! What reads a text and continues it.

use crate::decoder::Decoder;
use crate::error::EvalError;
use crate::sampling::Sampling;
use smolc_engine::{CudaDecoder, SamplingSettings};

/// A model that continues one text, token by token.
pub trait Reader {
    /// Forgets what was read and reads a prompt. Its continuation is drawn as `sampling` says; at most `most` tokens of it
    /// will be asked for.
    ///
    /// Errors when the prompt has no tokens, when one is outside the vocabulary, and when they do not fit into the context.
    fn begin(&mut self, prompt: &[u32], sampling: &Sampling, most: usize) -> Result<(), EvalError>;

    /// The next token of the continuation. Errors when a logit is not finite, and when the context is full.
    fn token(&mut self) -> Result<u32, EvalError>;

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
    fn begin(&mut self, prompt: &[u32], sampling: &Sampling, _most: usize) -> Result<(), EvalError> {
        self.reset();
        self.draw_from(prompt, sampling)
    }

    fn token(&mut self) -> Result<u32, EvalError> {
        self.draw()
    }

    fn context(&self) -> usize {
        Decoder::context(self)
    }
}

impl Reader for CudaDecoder<'_> {
    fn begin(&mut self, prompt: &[u32], sampling: &Sampling, most: usize) -> Result<(), EvalError> {
        check(prompt, 0, self.context(), self.vocab())?;
        Ok(CudaDecoder::begin(self, prompt, &sampling.on_a_device(), most)?)
    }

    fn token(&mut self) -> Result<u32, EvalError> {
        let token = CudaDecoder::token(self)?;
        token.ok_or(EvalError::NotFinite { position: self.position() })
    }

    fn context(&self) -> usize {
        CudaDecoder::context(self)
    }
}

impl Sampling {
    /// The same for the kernel that draws. `self` was verified.
    pub fn on_a_device(&self) -> SamplingSettings {
        SamplingSettings {
            temperature: self.temperature as f32,
            top_p: self.top_p as f32,
            min_p: self.min_p as f32,
            // More than any vocabulary has is all of it.
            top_k: self.top_k.map_or(0, |k| u32::try_from(k).unwrap_or(u32::MAX)),
            seed: self.seed,
            counter: 0,
        }
    }
}
