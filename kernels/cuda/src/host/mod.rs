//! The host's side of the kernels: libraries found and loaded, kernels compiled and kept, a device with one stream, and
//! matrix products.
//!
//! Nothing here is needed to build: every library is opened at run time, by absolute path, and its absence is an error
//! with a name and a fix. All `unsafe` of this crate is here. What does not live here: which operator becomes which launch
//! ([`crate::launch`]), and the step program (`runtime/engine`).
#![allow(unsafe_code)]
#![allow(clippy::wildcard_enum_match_arm)] // other libraries' status codes: a few are told apart

mod compile;
mod cubins;
mod device;
mod error;
mod gemm;
mod gemm_pins;
mod graph;
mod libraries;
mod memory;

pub use compile::Compiler;
pub use cubins::{Arch, Cubin, Cubins, Origin};
pub use device::{Device, DeviceInfo, Event, Prepared};
pub use error::CudaError;
pub use gemm::{Blas, Gemm, Operands, Plan};
pub use graph::Graph;
pub use libraries::{Library, Loaded, Search};
pub use memory::{Memory, Pinned};
