//! `rms_norm`: rstd[m] = 1/√(mean(x[m, :]²) + eps), out = x·rstd·weight, and its gradient.
//!
//! Zhang and Sennrich, Root Mean Square Layer Normalization, 2019. Gradient, with x̂ = x·rstd and g = dout·weight:
//! dx += rstd·(g - x̂·mean(g·x̂)), grad_weight += Σ_m dout·x̂.
//! The weight's gradient is summed in blocks of rows of a size that follows from the row's length, then over the blocks in
//! order. Cost: 8·M·D bytes forward, 16·M·D backward.
#![allow(unsafe_code)]

use crate::disjoint::Disjoint;
use crate::lanes::{Kernel, LANES, Lanes, dispatch};
use crate::pool::Pool;
use crate::rows::{get, put, rows_per_task};

/// out = x·rstd·weight with rstd[m] = 1/√(mean(x[m, :]²) + eps); x and out `[M, d]`, rstd `[M]`.
pub fn rms_norm(
    pool: &Pool,
    x: &[f32],
    weight: &[f32],
    out: &mut [f32],
    rstd: &mut [f32],
    d: usize,
    eps: f32,
) {
    let m = rstd.len();
    assert_eq!((x.len(), weight.len(), out.len()), (m * d, d, m * d), "tensors of a norm of {m} rows of {d}");
    let rows = rows_per_task(d);
    let (out, rstd) = (Disjoint::new(out), Disjoint::new(rstd));
    pool.run(m.div_ceil(rows), |task| {
        let start = task * rows;
        let count = rows.min(m - start);
        let x = &x[start * d..][..count * d];
        // SAFETY: tasks take different rows.
        let (out, rstd) = unsafe { (out.range(start * d, count * d), rstd.range(start, count)) };
        dispatch(Forward { x, weight, out, rstd, d, eps });
    });
}

/// dx += ∂norm/∂x · dout, grad_weight += Σ_m dout·x·rstd; x, dout, dx `[M, d]`, rstd `[M]`.
///
/// Shared scratch: M / rows × d floats, where rows is 16,384 / d between 1 and 256.
pub fn rms_norm_backward(
    pool: &Pool,
    x: &[f32],
    weight: &[f32],
    rstd: &[f32],
    dout: &[f32],
    dx: &mut [f32],
    grad_weight: &mut [f32],
    d: usize,
) {
    let m = rstd.len();
    assert_eq!(
        (x.len(), dout.len(), dx.len()),
        (m * d, m * d, m * d),
        "tensors of a norm of {m} rows of {d}"
    );
    assert_eq!((weight.len(), grad_weight.len()), (d, d), "weights of a norm of rows of {d}");
    let rows = rows_per_task(d);
    let blocks = m.div_ceil(rows);
    pool.with_shared(blocks * d, |sums| {
        let (dx, parts) = (Disjoint::new(dx), Disjoint::new(sums));
        pool.run(blocks, |task| {
            let start = task * rows;
            let count = rows.min(m - start);
            let (x, dout, rstd) =
                (&x[start * d..][..count * d], &dout[start * d..][..count * d], &rstd[start..][..count]);
            // SAFETY: tasks take different rows and a row of partial sums each.
            let (dx, sums) = unsafe { (dx.range(start * d, count * d), parts.range(task * d, d)) };
            sums.fill(0.0);
            dispatch(Backward { x, weight, rstd, dout, dx, sums, d });
        });
        for sums in sums.chunks_exact(d.max(1)) {
            grad_weight.iter_mut().zip(sums).for_each(|(g, s)| *g += s);
        }
    });
}

struct Forward<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    out: &'a mut [f32],
    rstd: &'a mut [f32],
    d: usize,
    eps: f32,
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let d = self.d;
        for (m, rstd) in self.rstd.iter_mut().enumerate() {
            let x = &self.x[m * d..][..d];
            let out = &mut self.out[m * d..][..d];
            let mut squares = [L::splat(0.0); 2];
            for c in (0..d).step_by(LANES) {
                let v = get::<L>(x, c);
                squares[c / LANES % 2] = v.fma(v, squares[c / LANES % 2]);
            }
            *rstd = 1.0 / (squares[0].add(squares[1]).sum() / d as f32 + self.eps).sqrt();
            let scale = L::splat(*rstd);
            for c in (0..d).step_by(LANES) {
                put(out, c, get::<L>(x, c).mul(scale).mul(get(self.weight, c)));
            }
        }
    }
}

struct Backward<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    rstd: &'a [f32],
    dout: &'a [f32],
    dx: &'a mut [f32],
    sums: &'a mut [f32],
    d: usize,
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let d = self.d;
        for (m, &rstd) in self.rstd.iter().enumerate() {
            let (x, dout) = (&self.x[m * d..][..d], &self.dout[m * d..][..d]);
            let dx = &mut self.dx[m * d..][..d];
            let scale = L::splat(rstd);
            let mut dot = L::splat(0.0);
            for c in (0..d).step_by(LANES) {
                let normed = get::<L>(x, c).mul(scale);
                let dout = get::<L>(dout, c);
                dot = dout.mul(get(self.weight, c)).fma(normed, dot);
                let sum = dout.fma(normed, get(self.sums, c));
                put(self.sums, c, sum);
            }
            let mean = L::splat(dot.sum() / d as f32);
            for c in (0..d).step_by(LANES) {
                let normed = get::<L>(x, c).mul(scale);
                let through = get::<L>(dout, c).mul(get(self.weight, c));
                let sum = normed.fnma(mean, through).fma(scale, get(dx, c));
                put(dx, c, sum);
            }
        }
    }
}
