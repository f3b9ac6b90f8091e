//! `embed`: out[m, :] = weight[tokens[m], :], and its gradient grad_weight[tokens[m], :] += dout[m, :].
//!
//! The gradient adds in the order of m for every row of the weight: tasks take columns, not tokens, so each walks all
//! tokens in order and no two write the same element. Cost: 8·M·D bytes forward, 12·M·D backward.
#![allow(unsafe_code)]

use crate::disjoint::Disjoint;
use crate::lanes::{Kernel, LANES, Lanes, dispatch};
use crate::pool::Pool;
use crate::rows::{get, put, rows_per_task};

/// Columns of the weight that one task of the gradient takes: 256 bytes.
const COLUMNS: usize = 4 * LANES;

/// out[m, :] = weight[tokens[m], :], rows of length `d`. Panics if a token has no row.
pub fn embed(pool: &Pool, tokens: &[u32], weight: &[f32], out: &mut [f32], d: usize) {
    assert_eq!(out.len(), tokens.len() * d, "out of an embedding of {} tokens", tokens.len());
    let rows = rows_per_task(d);
    let out = Disjoint::new(out);
    pool.run(tokens.len().div_ceil(rows), |task| {
        let start = task * rows;
        let tokens = &tokens[start..][..rows.min(tokens.len() - start)];
        // SAFETY: tasks take different rows.
        let out = unsafe { out.range(start * d, tokens.len() * d) };
        for (row, &token) in out.chunks_exact_mut(d.max(1)).zip(tokens) {
            row.copy_from_slice(&weight[token as usize * d..][..d]);
        }
    });
}

/// grad_weight[tokens[m], :] += dout[m, :], in the order of m for every row. Panics if a token has no row.
pub fn embed_backward(pool: &Pool, tokens: &[u32], dout: &[f32], grad_weight: &mut [f32], d: usize) {
    assert_eq!(dout.len(), tokens.len() * d, "dout of an embedding of {} tokens", tokens.len());
    let grad = Disjoint::new(grad_weight);
    pool.run(d.div_ceil(COLUMNS), |task| {
        let start = task * COLUMNS;
        dispatch(Scatter { tokens, dout, grad, start, width: COLUMNS.min(d - start), d });
    });
}

/// Columns `start .. start + width` of the gradient.
struct Scatter<'a> {
    tokens: &'a [u32],
    dout: &'a [f32],
    grad: Disjoint<'a, f32>,
    start: usize,
    width: usize,
    d: usize,
}

impl Kernel for Scatter<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        for (m, &token) in self.tokens.iter().enumerate() {
            let from = &self.dout[m * self.d + self.start..][..self.width];
            // SAFETY: tasks take different columns, and one row is borrowed at a time.
            let to = unsafe { self.grad.range(token as usize * self.d + self.start, self.width) };
            for c in (0..self.width).step_by(LANES) {
                let sum = get::<L>(to, c).add(get(from, c));
                put(to, c, sum);
            }
        }
    }
}
