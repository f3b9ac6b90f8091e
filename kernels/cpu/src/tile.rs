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
                // The strides of the large products are made constants, so that addresses cost no instructions.
                match (p.a_row, p.a_column, p.b_row) {
                    (_, 1, WIDTH) => column::<L, HEIGHT, 4, 0, 1, WIDTH>(p, v),
                    (1, HEIGHT, WIDTH) => column::<L, HEIGHT, 4, 1, HEIGHT, WIDTH>(p, v),
                    (1, _, WIDTH) => column::<L, HEIGHT, 4, 1, 0, WIDTH>(p, v),
                    _ => column::<L, HEIGHT, 4, 0, 0, 0>(p, v),
                }
                v += 4;
            } else if L::WIDE && left == 3 {
                column::<L, 8, 3, 0, 0, 0>(p, v);
                v += 3;
            } else if L::WIDE && left == 2 {
                column::<L, 8, 2, 0, 0, 0>(p, v);
                v += 2;
            } else if L::WIDE {
                column::<L, 16, 1, 0, 0, 0>(p, v);
                v += 1;
            } else {
                column::<L, HEIGHT, 1, 0, 0, 0>(p, v);
                v += 1;
            }
        }
    }
}

/// Rows of a register tile of four vectors; narrower ones have more, so that enough sums are under way.
pub(crate) const HEIGHT: usize = 6;
/// Columns of the largest register tile, and the usual distance of rows in the right factor.
pub(crate) const WIDTH: usize = 4 * LANES;

#[inline(always)]
unsafe fn column<
    L: Lanes,
    const H: usize,
    const V: usize,
    const AR: usize,
    const AC: usize,
    const BR: usize,
>(
    p: &Product,
    v: usize,
) {
    let mut r = 0;
    while r < p.rows {
        let left = p.rows - r;
        // SAFETY: passed on; rows r .. r + height are inside the shape.
        unsafe {
            if left >= H {
                tile::<L, H, V, AR, AC, BR>(p, r, v);
                r += H;
            } else if left >= 4 {
                tile::<L, 4, V, 0, 0, 0>(p, r, v);
                r += 4;
            } else {
                tile::<L, 1, V, 0, 0, 0>(p, r, v);
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

/// `R` rows of `V` vectors. `AR`, `AC` and `BR` are the strides `a_row`, `a_column` and `b_row` where
/// they are known, else 0.
#[inline(always)]
unsafe fn tile<
    L: Lanes,
    const R: usize,
    const V: usize,
    const AR: usize,
    const AC: usize,
    const BR: usize,
>(
    p: &Product,
    r: usize,
    v: usize,
) {
    let a_row = if AR > 0 { AR } else { p.a_row };
    let a_column = if AC > 0 { AC } else { p.a_column };
    let b_row = if BR > 0 { BR } else { p.b_row };
    // SAFETY: every address is inside an operand, as the caller of `product` promised.
    unsafe {
        // Rows are addressed as one pointer for every four rows plus one of four offsets. Their relation is hidden from the
        // optimiser, which otherwise chains R additions one after another through every step of the loop.
        let mut a: [*const f32; 4] =
            std::array::from_fn(|i| hidden(p.a.wrapping_add((r + 4 * i) * a_row) as usize) as *const f32);
        let step: [usize; 4] = std::array::from_fn(|i| if AR > 0 { i * AR } else { hidden(i * a_row) });
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
        let mut left = p.depth;
        while AC > 0 && BR > 0 && left >= UNROLL {
            for u in 0..UNROLL {
                add_step(&mut sums, a.map(|a| a.wrapping_add(u * AC)), &step, b.wrapping_add(u * BR));
            }
            a = a.map(|a| a.wrapping_add(UNROLL * AC));
            b = b.wrapping_add(UNROLL * BR);
            left -= UNROLL;
        }
        for _ in 0..left {
            add_step(&mut sums, a, &step, b);
            a = a.map(|a| a.wrapping_add(a_column));
            b = b.wrapping_add(b_row);
        }
        for (i, row) in sums.into_iter().enumerate() {
            for (j, sum) in row.into_iter().enumerate() {
                sum.store(c.add(i * p.c_row + j * LANES));
            }
        }
    }
}

/// Steps of the depth in one round of the loop, where all strides along it are known.
const UNROLL: usize = 4;

/// sums[i][·] += a[i]·b[·] for one p.
///
/// # Safety
/// Row i of `a` is at `a[i / 4] + step[i % 4]`; `b` must be valid for `V` vectors.
#[inline(always)]
unsafe fn add_step<L: Lanes, const R: usize, const V: usize>(
    sums: &mut [[L; V]; R],
    a: [*const f32; 4],
    step: &[usize; 4],
    b: *const f32,
) {
    // SAFETY: promised by the caller.
    unsafe {
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
    }
}
