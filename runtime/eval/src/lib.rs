//! What a trained model says: how well it predicts a text, and how it continues one.
//!
//! [`score()`] runs the evaluation pass of a program over a text and gives perplexity and bits per byte. [`Decoder`] keeps
//! keys and values of what it has read, so that one more token costs one pass over the weights; [`generate`] samples
//! from it, and [`TextStream`] turns the tokens into text as they come.
//!
//! What does not live here: reading model folders (`runtime/engine`), tokenizers (`runtime/data`), printing (`smolc`).
//! Programs and weights are arguments.

mod decoder;
mod error;
mod generate;
mod random;
mod reader;
mod sampling;
mod score;
mod stream;
mod weights;

pub use decoder::Decoder;
pub use error::EvalError;
pub use generate::{Generated, Stop, generate};
pub use random::uniform;
pub use reader::Reader;
pub use sampling::Sampling;
pub use score::{Score, ScoredToken, score};
pub use stream::TextStream;
pub use weights::Weights;
