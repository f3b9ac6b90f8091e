//! The operators of the step program on the CPU
