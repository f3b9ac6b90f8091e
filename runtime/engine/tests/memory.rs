//! What the plan says about memory is what the process allocates, and a step allocates nothing.
//!
//! One test, so that nothing else runs in this process while it counts.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)] // helpers of tests count as code to clippy

mod common;

use common::{Case, golden};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

struct Counting;

// SAFETY: every call goes to the system's allocator unchanged.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's contract is the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Resident bytes of this process; none where the system does not say.
fn resident() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(text.split_whitespace().nth(1)?.parse::<u64>().ok()? * 4096)
}

#[test]
fn memory_is_as_planned_and_a_step_allocates_nothing() {
    let case = Case::load(&golden().join("base"));
    let (program, parameters) = case.program(case.batch, true);
    let mut engine = smolc_engine::Engine::new(&program, &case.model, &parameters, 2).unwrap();
    assert_eq!(
        engine.allocated_bytes(),
        program.arena_bytes,
        "before any operator has asked for scratch memory"
    );
    engine.initialize(1).unwrap();

    let batch = &case.batches[0];
    let mut step = |k: u64| {
        engine.micro_step(&batch.micro(), batch.scale(), true).unwrap();
        engine.micro_step(&batch.micro(), batch.scale(), false).unwrap();
        engine.evaluate(&batch.micro()).unwrap();
        engine.update(&case.optimizer, case.lr, k).unwrap();
    };
    // A thread makes its scratch memory when it first takes part in an operator, which on a busy machine may be some
    // steps late: what counts is that this comes to an end.
    let mut quiet = 0;
    let mut last = ALLOCATIONS.load(Ordering::Relaxed);
    for k in 1..200 {
        step(k);
        let now = ALLOCATIONS.load(Ordering::Relaxed);
        quiet = if now == last { quiet + 1 } else { 0 };
        last = now;
        if quiet == 10 {
            break;
        }
    }
    assert_eq!(quiet, 10, "steps without an allocation");
    let before = resident();
    for k in 200..300 {
        step(k);
    }
    if let (Some(before), Some(after)) = (before, resident()) {
        assert!(
            after <= before + (1 << 20),
            "resident bytes grew from {before} to {after} in a hundred steps"
        );
    }
    assert!(engine.allocated_bytes() >= program.arena_bytes);
}
