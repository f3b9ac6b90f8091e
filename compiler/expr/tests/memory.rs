//! Machine code is given back: thousands of compilations do not grow the process.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test may panic
#![cfg(all(feature = "jit", target_os = "linux"))]

use smolc_expr::{Builtin, Evaluator, Expr};

/// Resident bytes and number of mappings of this process.
fn footprint() -> (u64, usize) {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = pages.split_whitespace().nth(1).unwrap().parse().unwrap();
    (pages * 4096, std::fs::read_to_string("/proc/self/maps").unwrap().lines().count())
}

#[test]
fn thousands_of_compilations_leave_nothing_behind() {
    let expr = Expr::Call(Builtin::Exp, vec![Expr::Var("t".into())]);
    let compile = |times: usize| {
        for _ in 0..times {
            let evaluator = Evaluator::new(&expr, &["t"]).unwrap();
            assert_eq!(evaluator.interpreter_reason(), None);
            assert_eq!(evaluator.eval(&[0.0]), 1.0);
        }
    };
    compile(200);
    let (bytes, mappings) = footprint();
    compile(3000);
    let (later, mappings_later) = footprint();
    // Freed, the growth is noise of the allocator; leaked, it is a page a function or more: 12 MB.
    assert!(later < bytes + 4_000_000, "resident memory grew from {bytes} to {later} bytes");
    assert!(mappings_later < mappings + 100, "mappings grew from {mappings} to {mappings_later}");
}
