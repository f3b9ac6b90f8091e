//! `head_cross_entropy`: the output projection, log-softmax and weighted loss in one operator, a chunk of tokens at a time.
//!
//! For every token m: logits = x[m, :]·weightᵀ, nll[m] = lse(logits) - logits[target]. The loss is Σ weights·nll·scale; its
//! gradient with respect to the logits is weights[m]·scale·(softmax - onehot(target)), formed in place of the logits, and
//! multiplied back: dx = dlogits·weight, grad_weight += dlogitsᵀ·x, chunks in order. A token of weight 0 has nll 0 and no
//! gradient, whatever its logits. The logits never exist whole: the workspace is `[chunk, V]`.
//! Cost: 2·M·V·D FLOP forward, 4·M·V·D backward; the logits cross the cache some five times.
#![allow(unsafe_code)]

use crate::disjoint::Disjoint;
use crate::lanes::{Kernel, LANES, Lanes, dispatch, exp};
use crate::matmul::{View, matmul};
use crate::pool::Pool;
use crate::rows::{get, put};

/// The tensors of one call.
pub struct HeadCrossEntropy<'a> {
    /// Hidden states `[m, d]`.
    pub x: &'a [f32],
    /// Output projection `[v, d]`.
    pub weight: &'a [f32],
    /// Targets `[m]`, ids below v even where masked.
    pub targets: &'a [u32],
    /// Weights `[m]`; 0 masks.
    pub weights: &'a [f32],
    /// 1 / Σ weights of the whole optimizer step.
    pub scale: f32,
    /// Workspace `[chunk, v]`.
    pub logits: &'a mut [f32],
    /// −log p of each target `[m]`; 0 where the weight is 0.
    pub nll: &'a mut [f32],
    /// Gradient of the loss with respect to x `[m, d]`, written; `None` for loss only.
    pub dx: Option<&'a mut [f32]>,
    /// Gradient with respect to the weight `[v, d]`, added to; `None` for loss only.
    pub grad_weight: Option<&'a mut [f32]>,
    /// Tokens.
    pub m: usize,
    /// Vocabulary.
    pub v: usize,
    /// Hidden size.
    pub d: usize,
    /// Tokens at a time.
    pub chunk: usize,
}

/// Computes losses and, where asked, gradients. Panics if a target is not below v.
pub fn head_cross_entropy(pool: &Pool, mut op: HeadCrossEntropy<'_>) {
    let (m, v, d) = (op.m, op.v, op.d);
    assert!(op.chunk > 0 && v > 0 && d > 0, "chunk {}, vocabulary {v}, hidden {d}", op.chunk);
    assert_eq!((op.x.len(), op.weight.len()), (m * d, v * d), "x and weight of a head of {m} tokens");
    assert_eq!(
        (op.targets.len(), op.weights.len(), op.nll.len()),
        (m, m, m),
        "targets, weights and nll of {m} tokens"
    );
    assert!(op.logits.len() >= op.chunk.min(m) * v, "workspace for {} tokens of {v}", op.chunk);
    assert!(op.targets.iter().all(|&t| (t as usize) < v), "a target is outside the vocabulary of {v}");
    for start in (0..m).step_by(op.chunk) {
        let count = op.chunk.min(m - start);
        let x = &op.x[start * d..][..count * d];
        let logits = &mut op.logits[..count * v];
        matmul(pool, (count, v, d), View::rows(x, d), View::transposed(op.weight, d), logits, false, None);
        let backward = op.dx.is_some() || op.grad_weight.is_some();
        let (rows, losses) = (Disjoint::new(logits), Disjoint::new(&mut op.nll[start..][..count]));
        pool.run(count, |row| {
            // SAFETY: every task has a row and a loss of its own.
            let (logits, nll) = unsafe { (rows.range(row * v, v), losses.range(row, 1)) };
            let (target, weight) = (op.targets[start + row] as usize, op.weights[start + row]);
            nll[0] = dispatch(Row { logits, target, weight, scale: op.scale, backward });
        });
        let dlogits = &op.logits[..count * v];
        if let Some(dx) = &mut op.dx {
            let dx = &mut dx[start * d..][..count * d];
            matmul(pool, (count, d, v), View::rows(dlogits, v), View::rows(op.weight, d), dx, false, None);
        }
        if let Some(grad) = &mut op.grad_weight {
            matmul(pool, (v, d, count), View::transposed(dlogits, v), View::rows(x, d), grad, true, None);
        }
    }
}

/// One token: returns its loss and turns its logits into their gradient.
struct Row<'a> {
    logits: &'a mut [f32],
    target: usize,
    weight: f32,
    scale: f32,
    backward: bool,
}

impl Kernel for Row<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<L: Lanes>(self) -> f32 {
        let Row { logits, target, weight, scale, backward } = self;
        if weight == 0.0 {
            if backward {
                logits.fill(0.0);
            }
            return 0.0;
        }
        let v = logits.len();
        let whole = v / LANES * LANES;
        let mut greatest = [L::splat(f32::NEG_INFINITY); 4];
        for c in (0..whole).step_by(LANES) {
            greatest[c / LANES % 4] = greatest[c / LANES % 4].max(get(logits, c));
        }
        let greatest = greatest[0].max(greatest[1]).max(greatest[2].max(greatest[3])).greatest();
        let greatest = logits[whole..].iter().fold(greatest, |a, &b| if a > b { a } else { b });
        let shift = L::splat(greatest);
        let of_target = logits[target];
        let mut sums = [L::splat(0.0); 4];
        for c in (0..whole).step_by(LANES) {
            let e = exp(get::<L>(logits, c).sub(shift));
            sums[c / LANES % 4] = sums[c / LANES % 4].add(e);
            if backward {
                put(logits, c, e);
            }
        }
        let mut sum = sums[0].add(sums[1]).add(sums[2].add(sums[3])).sum();
        if whole < v {
            // The lanes beyond the end hold 0 and would count: they are set to minus infinity.
            let mut tail = [f32::NEG_INFINITY; LANES];
            tail[..v - whole].copy_from_slice(&logits[whole..]);
            let e = exp(get::<L>(&tail, 0).sub(shift));
            sum += e.sum();
            if backward {
                put(logits, whole, e);
            }
        }
        if backward {
            let gradient = weight * scale;
            let factor = L::splat(gradient / sum);
            for c in (0..v).step_by(LANES) {
                let p = get::<L>(logits, c);
                put(logits, c, p.mul(factor));
            }
            logits[target] -= gradient;
        }
        greatest + sum.ln() - of_target
    }
}
