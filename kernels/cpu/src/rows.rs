//! Row-wise loops: a row is cut into vectors, a tensor into blocks of rows, by shape only.
#![allow(unsafe_code)]

use crate::lanes::{LANES, Lanes};

/// Rows that one task takes so that it moves about 64 KiB for each tensor it touches.
pub(crate) fn rows_per_task(row: usize) -> usize {
    (16_384 / row.max(1)).clamp(1, 256)
}

/// Reads the vector at `column` of a row, zero beyond its end.
#[inline(always)]
pub(crate) fn get<L: Lanes>(row: &[f32], column: usize) -> L {
    let rest = &row[column..];
    // SAFETY: the slice has at least as many elements as are read.
    unsafe {
        if rest.len() >= LANES { L::load(rest.as_ptr()) } else { L::load_head(rest.as_ptr(), rest.len()) }
    }
}

/// Writes the vector at `column` of a row, as far as the row goes.
#[inline(always)]
pub(crate) fn put<L: Lanes>(row: &mut [f32], column: usize, value: L) {
    let rest = &mut row[column..];
    let n = rest.len();
    // SAFETY: the slice has at least as many elements as are written.
    unsafe {
        if n >= LANES { value.store(rest.as_mut_ptr()) } else { value.store_head(rest.as_mut_ptr(), n) }
    }
}
