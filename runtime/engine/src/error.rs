//! What can go wrong between a plan and a running engine.

use thiserror::Error;

/// Why the engine refused a program or a batch.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The arena could not be mapped.
    #[error(
        "cannot allocate the {bytes} bytes this run needs: {source}; make the micro-batch or the model smaller"
    )]
    Arena {
        /// Bytes of the plan's arena.
        bytes: u64,
        /// What the system said.
        source: std::io::Error,
    },
    /// The device does not compute in this precision.
    #[error(
        "this run has `precision: {precision}`, which {device} does not do; leave it out, or run on a GPU"
    )]
    Precision {
        /// As a spec writes it.
        precision: &'static str,
        /// The device.
        device: String,
    },
    /// A GPU failed.
    #[error(transparent)]
    Cuda(#[from] smolc_kernels_cuda::host::CudaError),
    /// A shape that the GPU's kernels do not do.
    #[error("{0}; run it with --device cpu, or change the model's shape")]
    Launch(#[from] smolc_kernels_cuda::LaunchError),
    /// The program contradicts itself.
    #[error("the step program is not runnable: {0}")]
    Program(String),
    /// A batch array has the wrong length.
    #[error("`{what}` has {found} values; this program's micro-batch has {expected}")]
    Length {
        /// Which array.
        what: &'static str,
        /// Its length.
        found: usize,
        /// B·T.
        expected: usize,
    },
    /// A batch value is out of range.
    #[error("`{what}` holds {value} at index {index}; it must be at most {most}")]
    Value {
        /// Which array.
        what: &'static str,
        /// The value.
        value: u32,
        /// Where.
        index: usize,
        /// Largest valid value there.
        most: u32,
    },
    /// A token weight is NaN or infinite.
    #[error("`weights` holds {value} at index {index}; it must be finite")]
    Weight {
        /// The value.
        value: f32,
        /// Where.
        index: usize,
    },
    /// Training was asked of a program built for evaluation.
    #[error("this program was built for evaluation only; it has no gradients")]
    NotTraining,
    /// No such parameter.
    #[error("the model has no parameter `{0}`")]
    UnknownParameter(String),
    /// A parameter was set to the wrong number of values.
    #[error("parameter `{name}` has {expected} values, not {found}")]
    ParameterLength {
        /// Hugging Face name.
        name: String,
        /// Values given.
        found: usize,
        /// Values it has.
        expected: usize,
    },
}
