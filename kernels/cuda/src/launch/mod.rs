//! How kernels are launched: one function a kernel or chain of kernels, from shapes and device addresses to [`Launch`]es.
//!
//! Addresses are those of the device and multiples of 16 bytes. The functions check shapes and refuse what the kernels do
//! not do; they cannot check the memory behind an address. `threads` are always one-dimensional. Kernels that ask for more
//! than 48 KiB of dynamic shared memory need `CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES` set to [`Launch::shared`].

pub mod attention;
pub mod generation;
mod loss;
mod memory;
mod optimizer;
mod rows;

pub use loss::{CrossEntropy, cross_entropy, weighted_loss};
pub use memory::{cast, checksum, count_nonfinite, document_starts, fill_normal, philox_words};
pub use optimizer::{Adamw, GradNorm, adamw, grad_norm, grad_norm_parts};
pub use rows::{
    EmbedBackward, RmsNorm, RmsNormBackward, Rope, bias_gradient, bias_parts, embed, embed_backward,
    embed_backward_scratch, rms_norm, rms_norm_backward, rms_norm_parts, rope, swiglu, swiglu_backward,
};

/// A device address; 0 is null, where an argument may be absent.
pub type Address = u64;

/// Element type of activations and of the weights that kernels read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dtype {
    /// IEEE single precision; arithmetic is true f32.
    F32,
    /// bfloat16 with f32 arithmetic.
    Bf16,
}

impl Dtype {
    /// Bytes of an element.
    pub fn bytes(self) -> usize {
        match self {
            Dtype::F32 => 4,
            Dtype::Bf16 => 2,
        }
    }

    /// Elements of a 16-byte pack.
    pub fn pack(self) -> usize {
        16 / self.bytes()
    }

    /// The end of a kernel's name.
    pub fn suffix(self) -> &'static str {
        match self {
            Dtype::F32 => "f32",
            Dtype::Bf16 => "bf16",
        }
    }
}

/// One kernel launch.
#[derive(Clone, Debug, PartialEq)]
pub struct Launch {
    /// The kernel's name, unmangled.
    pub kernel: String,
    /// Blocks in x, y, z.
    pub grid: [u32; 3],
    /// Threads of a block.
    pub threads: u32,
    /// Bytes of dynamic shared memory.
    pub shared: u32,
    /// Arguments in the order of the kernel's parameters.
    pub args: Vec<Arg>,
}

/// A kernel argument.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arg {
    /// A device address.
    Pointer(Address),
    /// `int`
    I32(i32),
    /// `unsigned`
    U32(u32),
    /// `long long`
    I64(i64),
    /// `unsigned long long`
    U64(u64),
    /// `float`
    F32(f32),
    /// `double`
    F64(f64),
    /// A tensor map of 128 bytes, passed by value; the back end encodes it.
    Map(TensorMap),
}

/// A three-dimensional bf16 tensor for the copy engine, with boxes of 64 columns by `box_rows` rows, one slice deep, the
/// 128-byte swizzle, and zeros outside: `cuTensorMapEncodeTiled` with `BFLOAT16`, rank 3, dimensions (columns, rows, slices),
/// element strides 1, `INTERLEAVE_NONE`, `SWIZZLE_128B`, `L2_PROMOTION_L2_256B`, `FLOAT_OOB_FILL_NONE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TensorMap {
    /// Address of element 0.
    pub address: Address,
    /// Columns of a row.
    pub columns: u64,
    /// Rows of a slice.
    pub rows: u64,
    /// Slices.
    pub slices: u64,
    /// Bytes from row to row, a multiple of 16.
    pub row_bytes: u64,
    /// Bytes from slice to slice, a multiple of 16.
    pub slice_bytes: u64,
    /// Rows of a box.
    pub box_rows: u32,
}

/// A shape that the kernels do not do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kernel}: {problem}")]
pub struct LaunchError {
    /// The operator.
    pub kernel: &'static str,
    /// What is wrong, with the numbers and what would do.
    pub problem: String,
}

pub(crate) fn check(
    kernel: &'static str,
    holds: bool,
    problem: impl FnOnce() -> String,
) -> Result<(), LaunchError> {
    if holds { Ok(()) } else { Err(LaunchError { kernel, problem: problem() }) }
}

pub(crate) fn int(kernel: &'static str, what: &str, value: usize) -> Result<i32, LaunchError> {
    i32::try_from(value).map_err(|_| LaunchError {
        kernel,
        problem: format!("{what} is {value}; at most {} can be addressed", i32::MAX),
    })
}

pub(crate) fn grid(kernel: &'static str, blocks: [usize; 3]) -> Result<[u32; 3], LaunchError> {
    let [x, y, z] = blocks;
    check(kernel, x > 0 && y > 0 && z > 0, || format!("nothing to do: a grid of {x} x {y} x {z} blocks"))?;
    check(kernel, x <= i32::MAX as usize && y <= 65_535 && z <= 65_535, || {
        format!(
            "a grid of {x} x {y} x {z} blocks; the limits are {} x 65535 x 65535: take smaller micro-batches",
            i32::MAX
        )
    })?;
    Ok([x as u32, y as u32, z as u32])
}

pub(crate) fn addresses(kernel: &'static str, all: &[(&str, Address)]) -> Result<(), LaunchError> {
    for (name, address) in all {
        check(kernel, *address != 0, || format!("{name} has no address"))?;
        check(kernel, address.is_multiple_of(16), || {
            format!("{name} lies at {address:#x}, not a multiple of 16 bytes")
        })?;
    }
    Ok(())
}

/// Number of packs of `elements`, which must fit the 32-bit index of the element-wise kernels.
pub(crate) fn packs(kernel: &'static str, elements: usize, dtype: Dtype) -> Result<u32, LaunchError> {
    let packs = elements / dtype.pack();
    u32::try_from(packs).ok().filter(|p| *p < u32::MAX - 256).ok_or_else(|| LaunchError {
        kernel,
        problem: format!("{elements} elements are {packs} packs, more than a 32-bit index holds: take smaller micro-batches"),
    })
}

pub(crate) fn multiple_of_8(kernel: &'static str, what: &str, value: usize) -> Result<(), LaunchError> {
    check(kernel, value > 0 && value.is_multiple_of(8), || {
        format!("{what} is {value}; it must be a positive multiple of 8")
    })
}
