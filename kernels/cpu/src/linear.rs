//! `linear`: out[M,N] = x[M,K]·weight[N,K]ᵀ (+ bias[N]) (+ residual[M,N]), and its gradient.
//!
//! Gradient: dx[M,K] = dout[M,N]·weight[N,K]; grad_weight[N,K] += doutᵀ·x; grad_bias[N] += Σ_m dout[m, :].
//! Bias and residual are written into a block of the output just before the product adds to it, while it is in cache.
//! Cost: 2·M·N·K FLOP forward, 4·M·N·K backward.

#![allow(unsafe_code)]

use crate::disjoint::Disjoint;
use crate::lanes::{Kernel, LANES, Lanes, dispatch};
use crate::matmul::{View, matmul};
use crate::pool::Pool;
use crate::rows::{get, put};

/// out[m,n] = x[m,k]·weight[n,k]ᵀ (+ bias[n]) (+ residual[m,n]). A row has the same bits alone and among others.
pub fn linear(
    pool: &Pool,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    residual: Option<&[f32]>,
    out: &mut [f32],
    m: usize,
    n: usize,
    k: usize,
) {
    assert_eq!((x.len(), weight.len()), (m * k, n * k), "x and weight of a {m} x {n} x {k} linear");
    assert!(
        bias.is_none_or(|b| b.len() == n) && residual.is_none_or(|r| r.len() == m * n),
        "bias or residual length"
    );
    let (a, b) = (View::rows(x, k), View::transposed(weight, k));
    let prepare = |row: usize, column: usize, out: &mut [f32]| {
        let width = out.len();
        match (bias.map(|b| &b[column..][..width]), residual.map(|r| &r[row * n + column..][..width])) {
            (Some(bias), Some(residual)) => {
                out.iter_mut().zip(bias.iter().zip(residual)).for_each(|(o, (b, r))| *o = b + r);
            }
            (Some(only), None) | (None, Some(only)) => out.copy_from_slice(only),
            (None, None) => {}
        }
    };
    if bias.is_some() || residual.is_some() {
        matmul(pool, (m, n, k), a, b, out, true, Some(&prepare));
    } else {
        matmul(pool, (m, n, k), a, b, out, false, None);
    }
}

/// dx[m,k] = dout[m,n]·weight[n,k]; grad_weight[n,k] += doutᵀ·x; grad_bias[n] += Σ dout over m.
pub fn linear_backward(
    pool: &Pool,
    x: &[f32],
    weight: &[f32],
    dout: &[f32],
    dx: &mut [f32],
    grad_weight: &mut [f32],
    grad_bias: Option<&mut [f32]>,
    m: usize,
    n: usize,
    k: usize,
) {
    assert_eq!(
        (x.len(), weight.len(), dout.len()),
        (m * k, n * k, m * n),
        "tensors of a {m} x {n} x {k} linear"
    );
    matmul(pool, (m, k, n), View::rows(dout, n), View::rows(weight, k), dx, false, None);
    matmul(pool, (n, k, m), View::transposed(dout, n), View::rows(x, k), grad_weight, true, None);
    if let Some(grad_bias) = grad_bias {
        assert_eq!(grad_bias.len(), n, "grad_bias of a {m} x {n} x {k} linear");
        add_column_sums(pool, dout, grad_bias, m, n);
    }
}

/// sums[n] += Σ_m x[m, n], in the order of m. A task takes 64 columns.
fn add_column_sums(pool: &Pool, x: &[f32], sums: &mut [f32], m: usize, n: usize) {
    const COLUMNS: usize = 4 * LANES;
    let sums = Disjoint::new(sums);
    pool.run(n.div_ceil(COLUMNS), |task| {
        let start = task * COLUMNS;
        // SAFETY: tasks take different columns.
        let part = unsafe { sums.range(start, COLUMNS.min(n - start)) };
        dispatch(ColumnSums { x: &x[..m * n], sums: part, start, n });
    });
}

struct ColumnSums<'a> {
    x: &'a [f32],
    sums: &'a mut [f32],
    start: usize,
    n: usize,
}

impl Kernel for ColumnSums<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let mut totals = [L::splat(0.0); 4];
        let width = self.sums.len();
        for row in self.x.chunks_exact(self.n) {
            let row = &row[self.start..][..width];
            for (i, total) in totals.iter_mut().enumerate().take(width.div_ceil(LANES)) {
                *total = total.add(get::<L>(row, i * LANES));
            }
        }
        for (i, total) in totals.into_iter().enumerate().take(width.div_ceil(LANES)) {
            let old = get::<L>(self.sums, i * LANES);
            put(self.sums, i * LANES, old.add(total));
        }
    }
}
