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

#[test]
fn filters_leave_nothing_behind() {
    use smolc_expr::row::{
        Batch, Column, DataType, Field, Filter, Offsets, RowExpr, Selection, Text, Values,
    };
    let text = |text: &str| Box::new(RowExpr::Text(text.into()));
    let column = || Box::new(RowExpr::Column("language".into()));
    let long = "a constant that does not fit in an instruction";
    let expr = RowExpr::Binary(
        smolc_expr::Binary::Or,
        Box::new(RowExpr::Binary(smolc_expr::Binary::Eq, column(), text("en"))),
        Box::new(RowExpr::Binary(smolc_expr::Binary::Eq, column(), text(long))),
    );
    let fields = [Field::new("language", DataType::Text32)];
    let languages = Text::of_str(Offsets::I32(&[0, 2, 4]), "enfr").unwrap();
    let batch = Batch::new(2, vec![Column::new(Values::Text(languages), None).unwrap()]).unwrap();
    let mut selection = Selection::new();
    let mut compile = |times: usize| {
        for _ in 0..times {
            let filter = Filter::new(&expr, &fields).unwrap();
            assert_eq!(filter.interpreter_reason(), None);
            assert_eq!(filter.select(&batch, &mut selection), Ok(1));
        }
    };
    compile(100);
    let (bytes, mappings) = footprint();
    compile(1000);
    let (later, mappings_later) = footprint();
    assert!(later < bytes + 4_000_000, "resident memory grew from {bytes} to {later} bytes");
    assert!(mappings_later < mappings + 100, "mappings grew from {mappings} to {mappings_later}");
}
