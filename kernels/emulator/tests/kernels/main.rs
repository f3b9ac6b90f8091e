//! Every CUDA kernel on the emulator against references in f64, and against the CPU operators; and injected bugs.
// Helpers of tests, which the exceptions for tests do not reach.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

#[cfg(emulated)]
mod attention;
#[cfg(emulated)]
mod bugs;
#[cfg(emulated)]
mod common;
#[cfg(emulated)]
mod conformance;
#[cfg(emulated)]
mod generation;
#[cfg(emulated)]
mod loss;
#[cfg(emulated)]
mod memory;
#[cfg(emulated)]
mod optimizer;
#[cfg(emulated)]
mod rows;
#[cfg(emulated)]
mod turns;

#[cfg(not(emulated))]
#[test]
fn skipped() {
    println!("SKIPPED: the emulator needs Linux and a C++ compiler");
}
