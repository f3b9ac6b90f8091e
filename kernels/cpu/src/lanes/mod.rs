//! Sixteen f32 lanes, the unit of every hand-written loop of this crate.
//!
//! [`Lanes`] has an implementation for AVX-512, for AVX2 with FMA, and a portable one. All have sixteen lanes and do the
//! same operations in the same order, fused multiply-add included, so a kernel written over `L: Lanes` gives the same bits
//! on every machine. A kernel implements [`Kernel`] and is started by [`dispatch`], which picks the best implementation
//! the processor has; everything it calls must be `#[inline(always)]`, so that it is compiled with those instructions.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

use crate::tile::Product;

/// Lanes in a vector.
pub(crate) const LANES: usize = 16;

/// Sixteen f32 values. Values of an implementation may exist only inside [`dispatch`], after detection.
pub(crate) trait Lanes: Copy {
    /// Whether the registers hold a micro-kernel of six rows of four vectors (else six of one).
    const WIDE: bool;

    /// All lanes `x`.
    fn splat(x: f32) -> Self;
    /// Reads 16 values.
    ///
    /// # Safety
    /// `from` must be valid for reading 16 values; no alignment is needed.
    unsafe fn load(from: *const f32) -> Self;
    /// Writes 16 values.
    ///
    /// # Safety
    /// `to` must be valid for writing 16 values; no alignment is needed.
    unsafe fn store(self, to: *mut f32);
    /// Reads `n` ≤ 16 values; the other lanes are zero.
    ///
    /// # Safety
    /// `from` must be valid for reading `n` values.
    unsafe fn load_head(from: *const f32, n: usize) -> Self;
    /// Writes the first `n` ≤ 16 lanes.
    ///
    /// # Safety
    /// `to` must be valid for writing `n` values.
    unsafe fn store_head(self, to: *mut f32, n: usize);
    /// `self + b`
    fn add(self, b: Self) -> Self;
    /// `self - b`
    fn sub(self, b: Self) -> Self;
    /// `self · b`
    fn mul(self, b: Self) -> Self;
    /// `self / b`, correctly rounded.
    fn div(self, b: Self) -> Self;
    /// `√self`, correctly rounded.
    fn sqrt(self) -> Self;
    /// `self · b + c`, rounded once.
    fn fma(self, b: Self, c: Self) -> Self;
    /// `c - self · b`, rounded once.
    fn fnma(self, b: Self, c: Self) -> Self;
    /// `self` where it is greater than `b`, else `b` (so a NaN in `b` is kept).
    fn max(self, b: Self) -> Self;
    /// `self` where it is less than `b`, else `b` (so a NaN in `b` is kept).
    fn min(self, b: Self) -> Self;
    /// `then` in the lanes where `self < bound`, else `otherwise`.
    fn where_less(self, bound: Self, then: Self, otherwise: Self) -> Self;
    /// 2ⁿ for `self` = n + 1.5·2²³ with integral n in -126 … 127 (the sum whose low bits are n).
    fn power_of_two(self) -> Self;
    /// Row i of the result is column i of the argument.
    fn transpose(rows: [Self; LANES]) -> [Self; LANES];
    /// A small product; see [`crate::tile`]. Not inlined: one copy for each kind of vector.
    ///
    /// # Safety
    /// As [`crate::tile::product`].
    unsafe fn product(operands: &Product);
    /// The lanes.
    fn to_array(self) -> [f32; LANES];

    /// Sum of the lanes, as a balanced tree: i and i+8, then i and i+4, …
    #[inline(always)]
    fn sum(self) -> f32 {
        let a = self.to_array();
        let b: [f32; 8] = std::array::from_fn(|i| a[i] + a[i + 8]);
        let c: [f32; 4] = std::array::from_fn(|i| b[i] + b[i + 4]);
        (c[0] + c[2]) + (c[1] + c[3])
    }

    /// Greatest lane; no NaN is expected.
    #[inline(always)]
    fn greatest(self) -> f32 {
        self.to_array().into_iter().fold(f32::NEG_INFINITY, f32::max)
    }
}

/// Adding this to |x| < 2²² rounds x to an integer, which is then in the low bits.
pub(crate) const ROUNDER: f32 = 12_582_912.0;

/// eˣ in every lane, within 1 ulp or so of the true value.
///
/// x = n·ln 2 + r with |r| ≤ ½·ln 2, ln 2 in two parts (Cody and Waite, Software Manual for the Elementary Functions, 1980,
/// chapter 6); eʳ = 1 + r + r²·p(r) with p of degree 4 through the Chebyshev nodes, whose own error is 0.18·2⁻²⁴.
/// Below -87.33 the result is 0 (no subnormals), above 88.37 it stays at e^88.37; a NaN stays one.
#[inline(always)]
pub(crate) fn exp<L: Lanes>(x: L) -> L {
    const LOWEST: f32 = -87.33;
    const HIGHEST: f32 = 88.37;
    let clamped = L::splat(LOWEST).max(L::splat(HIGHEST).min(x));
    let rounded = clamped.fma(L::splat(std::f32::consts::LOG2_E), L::splat(ROUNDER));
    let n = rounded.sub(L::splat(ROUNDER));
    // 355/512 has nine significant bits, so n times it is exact.
    let r = n.fnma(L::splat(355.0 / 512.0), clamped);
    let r = n.fma(L::splat(2.121_944_4e-4), r);
    let p = L::splat(0.001_393_454_5);
    let p = p.fma(r, L::splat(0.008_363_777));
    let p = p.fma(r, L::splat(0.041_666_456));
    let p = p.fma(r, L::splat(0.166_665_73));
    let p = p.fma(r, L::splat(0.5));
    let e = p.fma(r.mul(r), r).add(L::splat(1.0));
    x.where_less(L::splat(LOWEST), L::splat(0.0), e.mul(rounded.power_of_two()))
}

/// `x · 1/(1 + e⁻ˣ)` and `1/(1 + e⁻ˣ)`.
#[inline(always)]
pub(crate) fn silu<L: Lanes>(x: L) -> (L, L) {
    let sigmoid = L::splat(1.0).div(exp(L::splat(0.0).sub(x)).add(L::splat(1.0)));
    (x.mul(sigmoid), sigmoid)
}

/// Work to be compiled once for each kind of [`Lanes`].
pub(crate) trait Kernel {
    /// What it gives back.
    type Output;
    /// The work. Must be `#[inline(always)]`.
    fn run<L: Lanes>(self) -> Self::Output;
}

/// Runs the kernel with the widest vectors of this processor.
#[inline]
pub(crate) fn dispatch<K: Kernel>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    {
        if avx512::available() {
            // SAFETY: the features were detected.
            return unsafe { avx512::run(kernel) };
        }
        if avx2::available() {
            // SAFETY: the features were detected.
            return unsafe { avx2::run(kernel) };
        }
    }
    kernel.run::<portable::Portable>()
}

#[cfg(test)]
mod tests;
