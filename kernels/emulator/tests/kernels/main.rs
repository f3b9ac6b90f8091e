//! Every CUDA kernel on the emulator against references in f64, and against the CPU operators.
mod attention;
mod common;
mod generation;
mod loss;
mod memory;
mod optimizer;
mod rows;
