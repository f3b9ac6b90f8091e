//! `rope`: rotary positions on q and k inside the merged qkv, in place, half-split layout, and the inverse for gradients.
//!
//! Su et al., RoFormer, 2021, in the layout of Hugging Face models: with p = positions[m] and i < d/2,
//! (a, b) = (x[i], x[i + d/2]) becomes (a·cos[p, i] - b·sin[p, i], b·cos[p, i] + a·sin[p, i]). The rotation is orthogonal,
//! so the gradient is rotated back: the same with -sin. Cost: 8·M·(H+G)·d bytes.
#![allow(unsafe_code)]

use crate::Heads;
use crate::disjoint::Disjoint;
use crate::lanes::{Kernel, LANES, Lanes, dispatch};
use crate::pool::Pool;
use crate::rows::{get, put, rows_per_task};

/// Rotates q and k of `qkv[M, (H+2G)·d]` by the angles of `positions[M]`; cos and sin are tables `[positions, d/2]`.
pub fn rope(pool: &Pool, qkv: &mut [f32], positions: &[u32], cos: &[f32], sin: &[f32], heads: Heads) {
    rotate(pool, qkv, positions, cos, sin, heads, 1.0);
}

/// Rotates dq and dk of `dqkv[M, (H+2G)·d]` back.
pub fn rope_backward(
    pool: &Pool,
    dqkv: &mut [f32],
    positions: &[u32],
    cos: &[f32],
    sin: &[f32],
    heads: Heads,
) {
    rotate(pool, dqkv, positions, cos, sin, heads, -1.0);
}

fn rotate(
    pool: &Pool,
    qkv: &mut [f32],
    positions: &[u32],
    cos: &[f32],
    sin: &[f32],
    heads: Heads,
    sign: f32,
) {
    let (m, row) = (positions.len(), heads.row());
    assert_eq!(qkv.len(), m * row, "qkv of {m} rows with {heads:?}");
    assert!(heads.head_dim.is_multiple_of(2), "{heads:?}: rotary positions need an even head size");
    let rows = rows_per_task(row);
    let qkv = Disjoint::new(qkv);
    pool.run(m.div_ceil(rows), |task| {
        let start = task * rows;
        let positions = &positions[start..][..rows.min(m - start)];
        // SAFETY: tasks take different rows.
        let qkv = unsafe { qkv.range(start * row, positions.len() * row) };
        dispatch(Rotate { qkv, positions, cos, sin, heads, sign });
    });
}

struct Rotate<'a> {
    qkv: &'a mut [f32],
    positions: &'a [u32],
    cos: &'a [f32],
    sin: &'a [f32],
    heads: Heads,
    sign: f32,
}

impl Kernel for Rotate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Heads { heads, kv_heads, head_dim } = self.heads;
        let (row, half) = (self.heads.row(), head_dim / 2);
        for (qkv, &position) in self.qkv.chunks_exact_mut(row.max(1)).zip(self.positions) {
            let cos = &self.cos[position as usize * half..][..half];
            let sin = &self.sin[position as usize * half..][..half];
            for head in qkv[..(heads + kv_heads) * head_dim].chunks_exact_mut(head_dim.max(1)) {
                let (first, second) = head.split_at_mut(half);
                for c in (0..half).step_by(LANES) {
                    let (a, b) = (get::<L>(first, c), get::<L>(second, c));
                    let (cos, sin) = (get::<L>(cos, c), get::<L>(sin, c).mul(L::splat(self.sign)));
                    put(first, c, b.fnma(sin, a.mul(cos)));
                    put(second, c, a.fma(sin, b.mul(cos)));
                }
            }
        }
    }
}
