//! [`Lanes`] in plain Rust. Where the processor has no fused multiply-add (x86 before 2013), the standard library computes
//! it in software: slow, with the same bits.
#![allow(unsafe_code)]

use super::{LANES, Lanes};
use crate::tile::{Product, product};

/// Sixteen lanes in an array.
#[derive(Clone, Copy)]
pub(super) struct Portable([f32; LANES]);

impl Portable {
    #[inline(always)]
    fn zip(self, b: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Portable(std::array::from_fn(|i| f(self.0[i], b.0[i])))
    }
}

impl Lanes for Portable {
    const WIDE: bool = false;

    #[inline(always)]
    fn splat(x: f32) -> Self {
        Portable([x; LANES])
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller allows reading 16 values.
        unsafe { Self::load_head(from, LANES) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller allows writing 16 values.
        unsafe { self.store_head(to, LANES) }
    }
    #[inline(always)]
    unsafe fn load_head(from: *const f32, n: usize) -> Self {
        let mut lanes = [0.0; LANES];
        // SAFETY: the caller allows reading n ≤ 16 values.
        unsafe { std::ptr::copy_nonoverlapping(from, lanes.as_mut_ptr(), n) };
        Portable(lanes)
    }
    #[inline(always)]
    unsafe fn store_head(self, to: *mut f32, n: usize) {
        // SAFETY: the caller allows writing n ≤ 16 values.
        unsafe { std::ptr::copy_nonoverlapping(self.0.as_ptr(), to, n) }
    }
    #[inline(always)]
    fn add(self, b: Self) -> Self {
        self.zip(b, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, b: Self) -> Self {
        self.zip(b, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        self.zip(b, |a, b| a * b)
    }
    #[inline(always)]
    fn div(self, b: Self) -> Self {
        self.zip(b, |a, b| a / b)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Portable(self.0.map(f32::sqrt))
    }
    #[inline(always)]
    fn fma(self, b: Self, c: Self) -> Self {
        Portable(std::array::from_fn(|i| self.0[i].mul_add(b.0[i], c.0[i])))
    }
    #[inline(always)]
    fn fnma(self, b: Self, c: Self) -> Self {
        Portable(std::array::from_fn(|i| (-self.0[i]).mul_add(b.0[i], c.0[i])))
    }
    #[inline(always)]
    fn max(self, b: Self) -> Self {
        self.zip(b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn min(self, b: Self) -> Self {
        self.zip(b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn where_less(self, bound: Self, then: Self, otherwise: Self) -> Self {
        Portable(std::array::from_fn(|i| if self.0[i] < bound.0[i] { then.0[i] } else { otherwise.0[i] }))
    }
    #[inline(always)]
    fn power_of_two(self) -> Self {
        Portable(self.0.map(|x| f32::from_bits((x.to_bits() << 23).wrapping_add(127 << 23))))
    }
    #[inline(always)]
    fn transpose(rows: [Self; LANES]) -> [Self; LANES] {
        let from = rows.map(Self::to_array);
        std::array::from_fn(|i| {
            let row: [f32; LANES] = std::array::from_fn(|j| from[j][i]);
            // SAFETY: the array has 16 elements.
            unsafe { Self::load(row.as_ptr()) }
        })
    }
    unsafe fn product(operands: &Product) {
        // SAFETY: passed on.
        unsafe { product::<Self>(operands) }
    }
    #[inline(always)]
    fn to_array(self) -> [f32; LANES] {
        self.0
    }
}
