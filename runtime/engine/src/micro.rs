//! What a pass is given.

use crate::error::EngineError;

/// One micro-batch: every array has B·T values, sequence after sequence.
#[derive(Clone, Copy, Debug)]
pub struct Micro<'a> {
    /// Token ids.
    pub tokens: &'a [u32],
    /// The token each position predicts; a valid id also where the weight is 0.
    pub targets: &'a [u32],
    /// Weight of each prediction in the loss; 0 masks it.
    pub weights: &'a [f32],
    /// Position of each token within its document, less than the window.
    pub positions: &'a [u32],
    /// First token of its own row that each token may attend to; not after the token.
    pub document_start: &'a [u32],
}

/// Refuses an array of another length, and a value above the most its place may hold.
pub(crate) fn check(
    what: &'static str,
    values: &[u32],
    expected: usize,
    most: impl Fn(usize) -> u32,
) -> Result<(), EngineError> {
    if values.len() != expected {
        return Err(EngineError::Length { what, found: values.len(), expected });
    }
    match values.iter().enumerate().find(|(i, v)| **v > most(*i)) {
        Some((index, value)) => Err(EngineError::Value { what, value: *value, index, most: most(index) }),
        None => Ok(()),
    }
}
