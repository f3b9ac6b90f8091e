//! The operators of the step program for NVIDIA GPUs: CUDA sources, embedded as text, and how each kernel is launched.
//!
//! Four parts: [`source`] holds the `.cu` files and the headers they include, which are the project's own, so that NVRTC
//! compiles them with no include path. [`launch`] turns an operator with its shapes and addresses into a [`Launch`]: kernel
//! name, grid, block, shared memory and arguments in order. A `Launch` is data. [`host`] finds the libraries, compiles the
//! kernels, opens the device and issues launches on its stream; the tests run them on the emulator (`kernels/emulator`), so
//! argument order, grids and shared-memory sizes are proven there. [`conformance`] has instructions with known answers, for
//! the first run on a new GPU.
//!
//! What does not live here: operators of the plan (`smolc-plan`), and matrix products, which are cuBLASLt's.

pub mod conformance;
pub mod host;
pub mod launch;
pub mod source;

pub use launch::{Arg, Launch, LaunchError, TensorMap};
