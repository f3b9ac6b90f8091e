//! What executes bound operators.

use crate::bind::{Kernel, Operator};
use crate::error::EngineError;
pub use smolc_kernels_cpu::Segment;
use smolc_plan::Precision;
use std::ops::Range;

/// One device's implementation of the operators.
///
/// A back end owns the memory behind the arena's offsets. The engine has resolved every operand to a [`Span`] of 4-byte
/// words in that arena; a device with memory of its own uses the same offsets from its own base address, and a layout of
/// its own (tiles, packed weights) lives beside the arena and is refreshed in [`Backend::update`] and
/// [`Backend::write`].
///
/// Calls may return before the work is done; [`Backend::sums`] waits for what [`Backend::reduce`] queued, [`Backend::read`]
/// for everything, and an error of earlier work may appear in a later call.
///
/// [`Span`]: crate::Span
pub trait Backend {
    /// Whether it computes in this precision.
    fn supports(&self, precision: Precision) -> bool;

    /// Called once, before anything is stored in the arena, with every operator that [`Backend::execute`] will name. The
    /// arena's contents are undefined before and zero afterwards.
    fn prepare(&mut self, operators: &[Operator<'_>]) -> Result<(), EngineError>;

    /// The inputs of a micro-batch into their words, and the factor of the loss that the head reads. May overlap with the
    /// work before it, and takes effect after it.
    fn load(&mut self, inputs: &[(Range<usize>, &[f32])], scale: f32) -> Result<(), EngineError>;

    /// Runs operator `id` of [`Backend::prepare`] in one layer.
    fn execute(&mut self, id: usize, kernel: &Kernel, layer: usize) -> Result<(), EngineError>;

    /// Sets a range of words to zero.
    fn zero(&mut self, words: Range<usize>) -> Result<(), EngineError>;

    /// Before the passes of a micro-batch: its gradients start from zero if it is the `first` of a step, else they are
    /// added to what lies in these words.
    fn begin(&mut self, gradients: Range<usize>, first: bool) -> Result<(), EngineError>;

    /// Adds Σ weights·nll of the micro-batch just run to a sum that begins at 0 if `first`, in f64 and in one order.
    fn add_loss(&mut self, nll: Range<usize>, weights: Range<usize>, first: bool) -> Result<(), EngineError>;

    /// The global L2 norm of the gradients in these words, 0 without words; a device also keeps the coefficient that
    /// brings the norm to at most `clip`.
    fn reduce(&mut self, gradients: Range<usize>, clip: Option<f64>) -> Result<(), EngineError>;

    /// Waits for the last [`Backend::reduce`], not for what was queued after it: the sum of [`Backend::add_loss`] up to
    /// it, and its norm.
    fn sums(&mut self) -> Result<Sums, EngineError>;

    /// One AdamW update of all parameters. A back end that is [asynchronous](Backend::asynchronous) scales the gradients by
    /// the coefficient that [`Backend::reduce`] found, and changes nothing if the loss or the norm is not finite.
    fn update(&mut self, update: &Update<'_>) -> Result<(), EngineError>;

    /// Copies words to the host.
    fn read(&self, words: Range<usize>, out: &mut [f32]) -> Result<(), EngineError>;

    /// Copies words from the host.
    fn write(&mut self, words: Range<usize>, values: &[f32]) -> Result<(), EngineError>;

    /// Called when the host has written parameters, before they are used: what is derived from them is refreshed, their
    /// bf16 copies among it (no words in f32).
    fn parameters_written(
        &mut self,
        parameters: Range<usize>,
        rounded: Range<usize>,
    ) -> Result<(), EngineError>;

    /// Whether calls return before their work is done, so that the host's clock says nothing of a single operator.
    fn asynchronous(&self) -> bool {
        false
    }

    /// Bytes allocated now: the arena and any scratch memory beside it.
    fn allocated_bytes(&self) -> u64;

    /// Threads of the host at work.
    fn threads(&self) -> usize;

    /// The device, for people.
    fn device(&self) -> String;
}

/// A back end whose arena is memory of the host: its words can be borrowed.
pub trait Resident: Backend {
    /// The words.
    fn host(&self, words: Range<usize>) -> &[f32];

    /// The words, to change.
    fn host_mut(&mut self, words: Range<usize>) -> &mut [f32];
}

/// What a step comes to before its update.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sums {
    /// Σ weights·nll.
    pub loss: f64,
    /// Global L2 norm of the gradients.
    pub norm: f64,
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
    /// bf16 copies of the parameters, two a word; empty in f32.
    pub rounded: Range<usize>,
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
    /// Factor of the gradients: the clip coefficient. An asynchronous back end uses the one it computed itself.
    pub grad_scale: f64,
}

impl<B: Backend + ?Sized> Backend for Box<B> {
    fn supports(&self, precision: Precision) -> bool {
        (**self).supports(precision)
    }

    fn prepare(&mut self, operators: &[Operator<'_>]) -> Result<(), EngineError> {
        (**self).prepare(operators)
    }

    fn load(&mut self, inputs: &[(Range<usize>, &[f32])], scale: f32) -> Result<(), EngineError> {
        (**self).load(inputs, scale)
    }

    fn execute(&mut self, id: usize, kernel: &Kernel, layer: usize) -> Result<(), EngineError> {
        (**self).execute(id, kernel, layer)
    }

    fn zero(&mut self, words: Range<usize>) -> Result<(), EngineError> {
        (**self).zero(words)
    }

    fn begin(&mut self, gradients: Range<usize>, first: bool) -> Result<(), EngineError> {
        (**self).begin(gradients, first)
    }

    fn add_loss(&mut self, nll: Range<usize>, weights: Range<usize>, first: bool) -> Result<(), EngineError> {
        (**self).add_loss(nll, weights, first)
    }

    fn reduce(&mut self, gradients: Range<usize>, clip: Option<f64>) -> Result<(), EngineError> {
        (**self).reduce(gradients, clip)
    }

    fn sums(&mut self) -> Result<Sums, EngineError> {
        (**self).sums()
    }

    fn update(&mut self, update: &Update<'_>) -> Result<(), EngineError> {
        (**self).update(update)
    }

    fn read(&self, words: Range<usize>, out: &mut [f32]) -> Result<(), EngineError> {
        (**self).read(words, out)
    }

    fn write(&mut self, words: Range<usize>, values: &[f32]) -> Result<(), EngineError> {
        (**self).write(words, values)
    }

    fn parameters_written(
        &mut self,
        parameters: Range<usize>,
        rounded: Range<usize>,
    ) -> Result<(), EngineError> {
        (**self).parameters_written(parameters, rounded)
    }

    fn asynchronous(&self) -> bool {
        (**self).asynchronous()
    }

    fn allocated_bytes(&self) -> u64 {
        (**self).allocated_bytes()
    }

    fn threads(&self) -> usize {
        (**self).threads()
    }

    fn device(&self) -> String {
        (**self).device()
    }
}
