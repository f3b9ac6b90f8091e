//! `attention_decode`: one new token against a cache of keys and values, for generation.
//!
//! Query head h attends to positions 0 … len - 1 of key/value head h / (H/G). Scores are kept for one head at a time
//! (`len` floats of thread scratch). Cost: 8·len·G·d bytes, read once a group.
#![allow(unsafe_code)]

use crate::Heads;
use crate::disjoint::Disjoint;
use crate::lanes::{Kernel, LANES, Lanes, dispatch, exp};
use crate::pool::Pool;
use crate::rows::{get, put};

/// out[H·d] = softmax(q·kᵀ/√d)·v for q[H·d] and the first `len` rows of `k_cache`, `v_cache` `[capacity, G·d]`.
///
/// Thread scratch: `len` rounded up to 16, floats.
pub fn attention_decode(
    pool: &Pool,
    q: &[f32],
    k_cache: &[f32],
    v_cache: &[f32],
    out: &mut [f32],
    len: usize,
    heads: Heads,
) {
    let (d, row) = (heads.head_dim, heads.kv_heads * heads.head_dim);
    assert!(len > 0, "attention over an empty cache");
    assert_eq!((q.len(), out.len()), (heads.out_row(), heads.out_row()), "q and out with {heads:?}");
    assert!(k_cache.len() >= len * row && v_cache.len() >= len * row, "caches shorter than {len} positions");
    let group = heads.group();
    let out = Disjoint::new(out);
    pool.run_with_scratch(heads.heads, len.next_multiple_of(LANES), |head, scores| {
        let column = head / group * d;
        // SAFETY: every task has a head of its own.
        let out = unsafe { out.range(head * d, d) };
        dispatch(Head {
            q: &q[head * d..][..d],
            k: &k_cache[column..],
            v: &v_cache[column..],
            row,
            len,
            out,
            scores,
        });
    });
}

struct Head<'a> {
    q: &'a [f32],
    k: &'a [f32],
    v: &'a [f32],
    row: usize,
    len: usize,
    out: &'a mut [f32],
    scores: &'a mut [f32],
}

impl Kernel for Head<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Head { q, k, v, row, len, out, scores } = self;
        let d = q.len();
        let scale = 1.0 / (d as f32).sqrt();
        let mut greatest = f32::NEG_INFINITY;
        for (j, score) in scores[..len].iter_mut().enumerate() {
            let key = &k[j * row..][..d];
            let mut dot = L::splat(0.0);
            for c in (0..d).step_by(LANES) {
                dot = get::<L>(q, c).fma(get(key, c), dot);
            }
            *score = dot.sum() * scale;
            greatest = if greatest > *score { greatest } else { *score };
        }
        scores[len..].fill(f32::NEG_INFINITY);
        let mut sum = L::splat(0.0);
        for c in (0..scores.len()).step_by(LANES) {
            let p = exp(get::<L>(scores, c).sub(L::splat(greatest)));
            sum = sum.add(p);
            put(scores, c, p);
        }
        let share = L::splat(1.0 / sum.sum());
        for c in (0..d).step_by(LANES) {
            let mut total = L::splat(0.0);
            for (j, &p) in scores[..len].iter().enumerate() {
                total = L::splat(p).fma(get(&v[j * row..][..d], c), total);
            }
            put(out, c, total.mul(share));
        }
    }
}
