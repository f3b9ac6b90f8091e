//! `grad_norm`: the Euclidean norm of all gradients, √Σ g².
//!
//! Squares are summed in f64: sixteen running sums in each block of 16,384 elements, blocks in order. Cost: 4 bytes an
//! element.
#![allow(unsafe_code)]

use crate::disjoint::Disjoint;
use crate::lanes::{Kernel, LANES, Lanes, dispatch};
use crate::pool::Pool;

const BLOCK: usize = 16_384;

/// √Σ g² over `grads`; not finite if an element is not.
pub fn grad_norm(pool: &Pool, grads: &[f32]) -> f64 {
    let mut sums = vec![0.0; grads.len().div_ceil(BLOCK)];
    let parts = Disjoint::new(&mut sums);
    pool.run(grads.len().div_ceil(BLOCK), |task| {
        let start = task * BLOCK;
        // SAFETY: every task has an element of its own.
        let sum = unsafe { parts.range(task, 1) };
        sum[0] = dispatch(SquareSum(&grads[start..][..BLOCK.min(grads.len() - start)]));
    });
    sums.iter().sum::<f64>().sqrt()
}

struct SquareSum<'a>(&'a [f32]);

impl Kernel for SquareSum<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<L: Lanes>(self) -> f64 {
        let mut sums = [0f64; LANES];
        let (chunks, rest) = self.0.as_chunks::<LANES>();
        for chunk in chunks {
            for (sum, &x) in sums.iter_mut().zip(chunk) {
                *sum += f64::from(x) * f64::from(x);
            }
        }
        for (sum, &x) in sums.iter_mut().zip(rest) {
            *sum += f64::from(x) * f64::from(x);
        }
        sums.iter().sum()
    }
}
