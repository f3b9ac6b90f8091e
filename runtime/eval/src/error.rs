//! What can go wrong while scoring or generating.

use smolc_engine::EngineError;

/// Why a text could not be scored or continued.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// Nothing to predict.
    #[error(
        "the text has {tokens} token(s) and nothing stands before it, so no token can be predicted; \
         give at least two tokens, or a start token"
    )]
    TooShort {
        /// Tokens in the text.
        tokens: usize,
    },
    /// A prompt of no tokens.
    #[error("the prompt has no tokens; give some text, or begin with the model's end-of-text token")]
    EmptyPrompt,
    /// A prompt that leaves no room.
    #[error("the prompt has {tokens} tokens, but the model's context holds {context}; shorten the prompt")]
    PromptTooLong {
        /// Tokens in the prompt.
        tokens: usize,
        /// Tokens the context holds.
        context: usize,
    },
    /// The cache is full.
    #[error("the context of {context} tokens is full; no further token can be read")]
    ContextFull {
        /// Tokens the context holds.
        context: usize,
    },
    /// A token the model has no embedding for: tokenizer and model do not belong together.
    #[error(
        "token {token} is outside the model's vocabulary of {vocab}; is this the tokenizer it was trained with?"
    )]
    UnknownToken {
        /// The token.
        token: u32,
        /// Tokens the model knows.
        vocab: usize,
    },
    /// A sampling option outside its range.
    #[error("{option} is {value}; it must be {range}")]
    Option {
        /// The option.
        option: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        range: &'static str,
    },
    /// Logits that are not numbers.
    #[error("the model's logits are not finite after {position} tokens; its weights are damaged")]
    NotFinite {
        /// Tokens read so far.
        position: usize,
    },
    /// The program does not fit the model, or is not one this crate understands.
    #[error("the program does not describe this model: {0}")]
    Program(String),
    /// The engine refused.
    #[error(transparent)]
    Engine(#[from] EngineError),
}
