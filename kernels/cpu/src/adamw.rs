//! `adamw`: one step of AdamW over all parameters, in one sweep.
//!
//! Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019, in the arithmetic of `torch.optim.AdamW`:
//! p ← p·(1 - lr·weight_decay); m ← m + (1-β₁)·(g - m); v ← β₂·v + (1-β₂)·g²;
//! p ← p - lr/(1-β₁ᵗ) · m / (√v/√(1-β₂ᵗ) + eps), where g is the gradient times `grad_scale` (the clip coefficient).
//! Factors are computed in f64 and rounded once. Cost: 28 bytes an element.
#![allow(unsafe_code)]

use crate::disjoint::Disjoint;
use crate::lanes::{Kernel, LANES, Lanes, dispatch};
use crate::pool::Pool;
use crate::rows::{get, put};

const BLOCK: usize = 16_384;

/// A run of consecutive parameters that share the weight decay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Elements.
    pub len: usize,
    /// Whether weight decay applies.
    pub decay: bool,
}

/// One optimizer step; every slice has the same length and layout.
pub struct AdamwStep<'a> {
    /// Parameters, updated.
    pub params: &'a mut [f32],
    /// Gradients, read.
    pub grads: &'a [f32],
    /// First moments, updated.
    pub m: &'a mut [f32],
    /// Second moments, updated.
    pub v: &'a mut [f32],
    /// Consecutive runs of parameters, from the first element to the last.
    pub segments: &'a [Segment],
    /// Learning rate of this step.
    pub lr: f64,
    /// β₁
    pub beta1: f64,
    /// β₂
    pub beta2: f64,
    /// Added to the denominator.
    pub eps: f64,
    /// Decoupled weight decay; multiplied by `lr`.
    pub weight_decay: f64,
    /// Number of this step, from 1.
    pub step: u64,
    /// Multiplies every gradient (the clip coefficient; 1 for none).
    pub grad_scale: f64,
}

/// Updates parameters and moments.
pub fn adamw(pool: &Pool, step: AdamwStep<'_>) {
    let n = step.params.len();
    assert_eq!(
        (step.grads.len(), step.m.len(), step.v.len()),
        (n, n, n),
        "gradients and moments of {n} parameters"
    );
    assert_eq!(step.segments.iter().map(|s| s.len).sum::<usize>(), n, "segments of {n} parameters");
    assert!(step.step > 0, "steps count from 1");
    let exponent = step.step as f64;
    let factors = Factors {
        keep: 1.0,
        grad_scale: step.grad_scale as f32,
        blend1: (1.0 - step.beta1) as f32,
        beta2: step.beta2 as f32,
        blend2: (1.0 - step.beta2) as f32,
        root: (1.0 - step.beta2.powf(exponent)).sqrt() as f32,
        eps: step.eps as f32,
        rate: (step.lr / (1.0 - step.beta1.powf(exponent))) as f32,
    };
    let decayed = (1.0 - step.lr * step.weight_decay) as f32;
    let (params, m, v, grads) =
        (Disjoint::new(step.params), Disjoint::new(step.m), Disjoint::new(step.v), step.grads);
    pool.run(n.div_ceil(BLOCK), |task| {
        let (mut start, stop) = (task * BLOCK, n.min((task + 1) * BLOCK));
        // The segment that holds `start`, and where it ends.
        let (mut segment, mut segment_end) = (0, step.segments[0].len);
        while segment_end <= start {
            segment += 1;
            segment_end += step.segments[segment].len;
        }
        while start < stop {
            let end = segment_end.min(stop);
            let len = end - start;
            // SAFETY: tasks take different blocks, and pieces of a block are borrowed one after another.
            let (params, m, v) =
                unsafe { (params.range(start, len), m.range(start, len), v.range(start, len)) };
            let keep = if step.segments[segment].decay { decayed } else { 1.0 };
            dispatch(Sweep { params, grads: &grads[start..end], m, v, factors: Factors { keep, ..factors } });
            start = end;
            if start < stop {
                segment += 1;
                segment_end += step.segments[segment].len;
            }
        }
    });
}

#[derive(Clone, Copy)]
struct Factors {
    /// 1 - lr·weight_decay, or 1.
    keep: f32,
    grad_scale: f32,
    /// 1 - β₁
    blend1: f32,
    beta2: f32,
    /// 1 - β₂
    blend2: f32,
    /// √(1 - β₂ᵗ)
    root: f32,
    eps: f32,
    /// lr / (1 - β₁ᵗ)
    rate: f32,
}

struct Sweep<'a> {
    params: &'a mut [f32],
    grads: &'a [f32],
    m: &'a mut [f32],
    v: &'a mut [f32],
    factors: Factors,
}

impl Kernel for Sweep<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let f = self.factors;
        for c in (0..self.params.len()).step_by(LANES) {
            let g = get::<L>(self.grads, c).mul(L::splat(f.grad_scale));
            let m = get::<L>(self.m, c);
            let m = g.sub(m).fma(L::splat(f.blend1), m);
            let v = g.mul(g).fma(L::splat(f.blend2), get::<L>(self.v, c).mul(L::splat(f.beta2)));
            let step = m.div(v.sqrt().div(L::splat(f.root)).add(L::splat(f.eps)));
            let p = get::<L>(self.params, c).mul(L::splat(f.keep));
            put(self.m, c, m);
            put(self.v, c, v);
            put(self.params, c, step.fnma(L::splat(f.rate), p));
        }
    }
}
