//! `grad_norm`: the Euclidean norm of all gradients, √Σ g².
//!
//! Squares are summed in f64: sixteen running sums in each block, blocks in order. A block has 16,384 elements, more when
//! there would be over 1,024 of them, so that the partial sums fit on the stack. Cost: 4 bytes an element.
#![allow(unsafe_code)]

use crate::disjoint::Disjoint;
use crate::lanes::{Kernel, LANES, Lanes, dispatch};
use crate::pool::Pool;

const BLOCK: usize = 16_384;
const BLOCKS: usize = 1_024;

/// √Σ g² over `grads`; not finite if an element is not.
pub fn grad_norm(pool: &Pool, grads: &[f32]) -> f64 {
    let block = grads.len().div_ceil(BLOCKS).next_multiple_of(BLOCK);
    let mut sums = [0.0; BLOCKS];
    let parts = Disjoint::new(&mut sums);
    pool.run(grads.len().div_ceil(block.max(1)), |task| {
        let start = task * block;
        // SAFETY: every task has an element of its own.
        let sum = unsafe { parts.range(task, 1) };
        sum[0] = dispatch(SquareSum(&grads[start..][..block.min(grads.len() - start)]));
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
