//! The micro-kernel of attention: a small product whose columns are vectors and whose left factor is read by broadcast.
//!
//! `c[r][·] (+)= Σ_p a[r·ar + p·ap] · b[p·bs + ·]`. All five products of attention have this form: with queries (or head
//! elements) in the lanes, keys and values are used where they lie, whatever their strides. Every element is one chain of fused
//! multiply-adds in the order of p, so the split into register tiles does not show in the bits.
#![allow(unsafe_code)]

use crate::lanes::{LANES, Lanes};

/// The operands of one product.
#[derive(Clone, Copy)]
pub(crate) struct Product {
    /// Left factor `[rows, depth]`, element (r, p) at `r * a_row + p * a_column`.
    pub(crate) a: *const f32,
    pub(crate) a_row: usize,
    pub(crate) a_column: usize,
    /// Right factor `[depth, vectors · 16]`, rows `b_row` apart.
    pub(crate) b: *const f32,
    pub(crate) b_row: usize,
    /// Output `[rows, vectors · 16]`, rows `c_row` apart.
    pub(crate) c: *mut f32,
    pub(crate) c_row: usize,
    pub(crate) rows: usize,
    pub(crate) vectors: usize,
    pub(crate) depth: usize,
    /// Add to the output instead of replacing it.
    pub(crate) accumulate: bool,
}

/// Computes a [`Product`]; called through [`Lanes::product`], which compiles it once for each kind of vector.
///
/// # Safety
/// The three operands must be valid for the shape and strides, and the output must not overlap the others.
#[inline(always)]
pub(crate) unsafe fn product<L: Lanes>(p: &Product) {
    let mut v = 0;
    while v < p.vectors {
        let left = p.vectors - v;
        // SAFETY: passed on; vectors v .. v + width are inside the shape.
        unsafe {
            if L::WIDE && left >= 4 {
                column::<L, 4>(p, v);
                v += 4;
            } else if L::WIDE && left >= 2 {
                column::<L, 2>(p, v);
                v += 2;
            } else {
                column::<L, 1>(p, v);
                v += 1;
            }
        }
    }
}

#[inline(always)]
unsafe fn column<L: Lanes, const V: usize>(p: &Product, v: usize) {
    let mut r = 0;
    while r < p.rows {
        let left = p.rows - r;
        // SAFETY: passed on; rows r .. r + height are inside the shape.
        unsafe {
            if L::WIDE && V == 2 && left >= 12 {
                tile::<L, 12, V>(p, r, v);
                r += 12;
            } else if left >= 6 {
                tile::<L, 6, V>(p, r, v);
                r += 6;
            } else if left >= 4 {
                tile::<L, 4, V>(p, r, v);
                r += 4;
            } else if left >= 2 {
                tile::<L, 2, V>(p, r, v);
                r += 2;
            } else {
                tile::<L, 1, V>(p, r, v);
                r += 1;
            }
        }
    }
}

/// The value, of which the optimiser knows nothing more.
#[inline(always)]
fn hidden(value: usize) -> usize {
    let mut value = value;
    // SAFETY: no instruction at all.
    unsafe { std::arch::asm!("/* {0} */", inout(reg) value, options(pure, nomem, nostack, preserves_flags)) };
    value
}

#[inline(always)]
unsafe fn tile<L: Lanes, const R: usize, const V: usize>(p: &Product, r: usize, v: usize) {
    // SAFETY: every address is inside an operand, as the caller of `product` promised.
    unsafe {
        // Rows are addressed as one pointer for every four rows plus one of four offsets. Their relation is hidden from the
        // optimiser, which otherwise chains R additions one after another through every step of the loop.
        let mut a: [*const f32; 3] =
            std::array::from_fn(|i| hidden(p.a.wrapping_add((r + 4 * i) * p.a_row) as usize) as _);
        let step: [usize; 4] = std::array::from_fn(|i| hidden(i * p.a_row));
        let mut b = p.b.add(v * LANES);
        let c = p.c.add(r * p.c_row + v * LANES);
        let mut sums = [[L::splat(0.0); V]; R];
        if p.accumulate {
            for (i, row) in sums.iter_mut().enumerate() {
                for (j, sum) in row.iter_mut().enumerate() {
                    *sum = L::load(c.add(i * p.c_row + j * LANES));
                }
            }
        }
        for _ in 0..p.depth {
            let mut right = [L::splat(0.0); V];
            for (j, right) in right.iter_mut().enumerate() {
                *right = L::load(b.add(j * LANES));
            }
            for (i, row) in sums.iter_mut().enumerate() {
                let left = L::splat(*a[i / 4].add(step[i % 4]));
                for (sum, right) in row.iter_mut().zip(right) {
                    *sum = left.fma(right, *sum);
                }
            }
            for a in a.iter_mut().take(R.div_ceil(4)) {
                *a = a.wrapping_add(p.a_column);
            }
            b = b.wrapping_add(p.b_row);
        }
        for (i, row) in sums.into_iter().enumerate() {
            for (j, sum) in row.into_iter().enumerate() {
                sum.store(c.add(i * p.c_row + j * LANES));
            }
        }
    }
}
