//! How many threads to use.

use std::num::NonZeroUsize;
use std::thread::available_parallelism;

/// The number asked for, or what the machine (and its cgroup) allows.
pub fn count(asked: Option<NonZeroUsize>) -> usize {
    asked.or_else(|| available_parallelism().ok()).map_or(1, NonZeroUsize::get)
}
