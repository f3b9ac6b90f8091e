//! Conditions over record batches: machine code keeps the rows that the interpreter keeps, whatever the columns' types,
//! nulls, offsets and number of rows, and folding changes nothing. The input is a list of choices.
#![no_main]

#[path = "../../compiler/expr/tests/rows/mod.rs"]
mod rows;

use libfuzzer_sys::fuzz_target;
use rows::{Random, agree};

fuzz_target!(|data: &[u8]| {
    let r = &mut Random::of_bytes(data);
    let rows = r.below(200);
    agree(r, "input", rows, 2);
});
