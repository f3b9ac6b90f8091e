//! `gemv`: a linear layer on one token, for generation. It reads every weight once and is bound by memory.
//!
//! Each output is one dot product in four chains of vectors, summed in an order that follows from k alone. Cost: 4·n·k
//! bytes, 2·n·k FLOP.
#![allow(unsafe_code)]

use crate::disjoint::Disjoint;
use crate::lanes::{Kernel, LANES, Lanes, dispatch};
use crate::pool::Pool;
use crate::rows::{get, rows_per_task};

/// out[n] = weight[n,k]·x[k] (+ bias[n]) (+ residual[n]).
pub fn gemv(
    pool: &Pool,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    residual: Option<&[f32]>,
    out: &mut [f32],
) {
    let (n, k) = (out.len(), x.len());
    assert_eq!(weight.len(), n * k, "weight of a {n} x {k} linear");
    assert!(
        bias.is_none_or(|b| b.len() == n) && residual.is_none_or(|r| r.len() == n),
        "bias or residual length"
    );
    let rows = rows_per_task(k);
    let out = Disjoint::new(out);
    pool.run(n.div_ceil(rows), |task| {
        let start = task * rows;
        let count = rows.min(n - start);
        // SAFETY: tasks take different rows.
        let out = unsafe { out.range(start, count) };
        dispatch(Rows { x, weight: &weight[start * k..][..count * k], out: &mut *out });
        for added in [bias, residual].into_iter().flatten() {
            for (out, added) in out.iter_mut().zip(&added[start..]) {
                *out += added;
            }
        }
    });
}

struct Rows<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Rows { x, weight, out } = self;
        let k = x.len();
        for (i, out) in out.iter_mut().enumerate() {
            let row = &weight[i * k..][..k];
            let mut sums = [L::splat(0.0); 4];
            let mut c = 0;
            while c + 4 * LANES <= k {
                for (j, sum) in sums.iter_mut().enumerate() {
                    *sum = get::<L>(x, c + j * LANES).fma(get(row, c + j * LANES), *sum);
                }
                c += 4 * LANES;
            }
            while c < k {
                sums[0] = get::<L>(x, c).fma(get(row, c), sums[0]);
                c += LANES;
            }
            *out = sums[0].add(sums[1]).add(sums[2].add(sums[3])).sum();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(n: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1u32 << 23) as f32 - 1.0
        };
        (0..n).map(|_| next()).collect()
    }

    #[test]
    fn agrees_with_f64_at_odd_shapes_and_on_any_number_of_threads() {
        for (n, k) in [(1, 1), (3, 17), (65, 64), (300, 129), (70, 1000), (0, 5)] {
            let (x, weight) = (values(k, 1), values(n * k, 2));
            let (bias, residual) = (values(n, 3), values(n, 4));
            let mut first = Vec::new();
            for threads in [1, 3] {
                let mut out = vec![f32::NAN; n];
                gemv(&Pool::new(threads), &x, &weight, Some(&bias), Some(&residual), &mut out);
                for (i, &found) in out.iter().enumerate() {
                    let dot: f64 =
                        x.iter().zip(&weight[i * k..]).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                    let expected = dot + f64::from(bias[i]) + f64::from(residual[i]);
                    assert!(
                        (f64::from(found) - expected).abs() < 1e-5 * (k as f64).sqrt(),
                        "{n} x {k} at {i}"
                    );
                }
                let bits: Vec<u32> = out.iter().map(|v| v.to_bits()).collect();
                if threads == 1 {
                    first = bits;
                } else {
                    assert_eq!(bits, first, "bits differ between thread counts");
                }
            }
        }
    }
}
