//! What executes bound operators.

use crate::bind::Kernel;
use crate::error::EngineError;
pub use smolc_kernels_cpu::Segment;
use std::ops::Range;

/// One device's implementation of the operators.
///
/// A back end owns the memory behind the arena's offsets. The engine has resolved every operand to a [`Span`] of 4-byte
/// words in that arena; a device with memory of its own uses the same offsets from its own base address, and a layout of
/// its own (tiles, packed weights) lives beside the arena and is refreshed in [`Backend::update`] and
/// [`Backend::host_mut`].
///
/// [`Span`]: crate::Span
pub trait Backend {
    /// Runs one operator in one layer. `scale` is the factor of the loss, read by the head only.
    fn execute(&mut self, kernel: &Kernel, layer: usize, scale: f32) -> Result<(), EngineError>;

    /// Sets a range of words to zero.
    fn zero(&mut self, words: Range<usize>);

    /// Global L2 norm of the gradients in these words.
    fn grad_norm(&mut self, gradients: Range<usize>) -> f64;

    /// One AdamW update of all parameters.
    fn update(&mut self, update: &Update<'_>) -> Result<(), EngineError>;

    /// The words as the host sees them. A device with memory of its own copies them to its mirror first.
    fn host(&self, words: Range<usize>) -> &[f32];

    /// The words for the host to change; the back end may not assume anything about them afterwards.
    fn host_mut(&mut self, words: Range<usize>) -> &mut [f32];

    /// Bytes allocated now: the arena and any scratch memory beside it.
    fn allocated_bytes(&self) -> u64;

    /// Threads at work.
    fn threads(&self) -> usize;
}

/// The arguments of an AdamW update. All ranges are words of the arena and have one length and one layout.
pub struct Update<'a> {
    /// Parameters.
    pub parameters: Range<usize>,
    /// Gradients.
    pub gradients: Range<usize>,
    /// First moments.
    pub moments1: Range<usize>,
    /// Second moments.
    pub moments2: Range<usize>,
    /// Consecutive runs of parameters that tile them, with whether they decay.
    pub segments: &'a [Segment],
    /// Learning rate.
    pub lr: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Number of this update, from 1.
    pub step: u64,
    /// Factor of the gradients: the clip coefficient.
    pub grad_scale: f64,
}
