//! [`Lanes`] on AVX2 with FMA: two registers.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use super::{Kernel, LANES, Lanes};
use crate::tile::{Product, product};

/// Sixteen lanes in two ymm registers.
#[derive(Clone, Copy)]
pub(super) struct Avx2(__m256, __m256);

/// Whether the processor has what [`run`] enables.
#[inline]
pub(super) fn available() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

/// # Safety
/// [`available`] must be true.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Avx2>()
}

/// A function of one register, applied to both halves.
macro_rules! both {
    ($f:ident, $($x:expr),+) => {
        // SAFETY: a value of this type exists only inside `run`, that is, where AVX2 and FMA were detected.
        unsafe { Avx2($f($($x.0),+), $f($($x.1),+)) }
    };
}

impl Lanes for Avx2 {
    const WIDE: bool = false;

    #[inline(always)]
    fn splat(x: f32) -> Self {
        // SAFETY: as in `both`.
        unsafe { Avx2(_mm256_set1_ps(x), _mm256_set1_ps(x)) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: as in `both`; the caller allows reading 16 values.
        unsafe { Avx2(_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as in `both`; the caller allows writing 16 values.
        unsafe {
            _mm256_storeu_ps(to, self.0);
            _mm256_storeu_ps(to.add(8), self.1);
        }
    }
    #[inline(always)]
    unsafe fn load_head(from: *const f32, n: usize) -> Self {
        let mut lanes = [0.0; LANES];
        // SAFETY: the caller allows reading n ≤ 16 values.
        unsafe {
            std::ptr::copy_nonoverlapping(from, lanes.as_mut_ptr(), n);
            Self::load(lanes.as_ptr())
        }
    }
    #[inline(always)]
    unsafe fn store_head(self, to: *mut f32, n: usize) {
        let lanes = self.to_array();
        // SAFETY: the caller allows writing n ≤ 16 values.
        unsafe { std::ptr::copy_nonoverlapping(lanes.as_ptr(), to, n) }
    }
    #[inline(always)]
    fn add(self, b: Self) -> Self {
        both!(_mm256_add_ps, self, b)
    }
    #[inline(always)]
    fn sub(self, b: Self) -> Self {
        both!(_mm256_sub_ps, self, b)
    }
    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        both!(_mm256_mul_ps, self, b)
    }
    #[inline(always)]
    fn div(self, b: Self) -> Self {
        both!(_mm256_div_ps, self, b)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        both!(_mm256_sqrt_ps, self)
    }
    #[inline(always)]
    fn fma(self, b: Self, c: Self) -> Self {
        both!(_mm256_fmadd_ps, self, b, c)
    }
    #[inline(always)]
    fn fnma(self, b: Self, c: Self) -> Self {
        both!(_mm256_fnmadd_ps, self, b, c)
    }
    #[inline(always)]
    fn max(self, b: Self) -> Self {
        both!(_mm256_max_ps, self, b)
    }
    #[inline(always)]
    fn min(self, b: Self) -> Self {
        both!(_mm256_min_ps, self, b)
    }
    #[inline(always)]
    fn where_less(self, bound: Self, then: Self, otherwise: Self) -> Self {
        // SAFETY: as in `both`.
        unsafe {
            Avx2(
                _mm256_blendv_ps(otherwise.0, then.0, _mm256_cmp_ps::<_CMP_LT_OQ>(self.0, bound.0)),
                _mm256_blendv_ps(otherwise.1, then.1, _mm256_cmp_ps::<_CMP_LT_OQ>(self.1, bound.1)),
            )
        }
    }
    #[inline(always)]
    fn power_of_two(self) -> Self {
        // SAFETY: as in `both`.
        unsafe {
            let one = _mm256_set1_epi32(127 << 23);
            let a = _mm256_add_epi32(_mm256_slli_epi32::<23>(_mm256_castps_si256(self.0)), one);
            let b = _mm256_add_epi32(_mm256_slli_epi32::<23>(_mm256_castps_si256(self.1)), one);
            Avx2(_mm256_castsi256_ps(a), _mm256_castsi256_ps(b))
        }
    }
    #[inline(always)]
    fn transpose(rows: [Self; LANES]) -> [Self; LANES] {
        // Plain loops: `map` and `from_fn` of arrays are compiled without these instructions.
        let mut from = [[0.0; LANES]; LANES];
        for (from, row) in from.iter_mut().zip(rows) {
            *from = row.to_array();
        }
        let mut columns = rows;
        for (i, column) in columns.iter_mut().enumerate() {
            let mut lanes = [0.0; LANES];
            for (lane, from) in lanes.iter_mut().zip(&from) {
                *lane = from[i];
            }
            // SAFETY: the array has 16 elements.
            *column = unsafe { Self::load(lanes.as_ptr()) };
        }
        columns
    }
    unsafe fn product(operands: &Product) {
        #[target_feature(enable = "avx2,fma")]
        unsafe fn compiled(operands: &Product) {
            // SAFETY: passed on.
            unsafe { product::<Avx2>(operands) }
        }
        // SAFETY: passed on; a value of this type exists only inside `run`.
        unsafe { compiled(operands) }
    }
    #[inline(always)]
    fn to_array(self) -> [f32; LANES] {
        let mut out = [0.0; LANES];
        // SAFETY: the array has 16 elements.
        unsafe { self.store(out.as_mut_ptr()) };
        out
    }
}
