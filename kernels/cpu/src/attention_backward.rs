//! `attention_backward`, plain form.
#![allow(unsafe_code)]

use crate::Heads;
use crate::disjoint::Disjoint;
use crate::pool::Pool;

/// Gradient of attention into `dqkv`.
pub fn attention_backward(
    pool: &Pool,
    qkv: &[f32],
    document_start: &[u32],
    out: &[f32],
    lse: &[f32],
    dout: &[f32],
    delta: &mut [f32],
    dqkv: &mut [f32],
    b: usize,
    t: usize,
    heads: Heads,
) {
    let (row, d, h, g) = (heads.row(), heads.head_dim, heads.heads, heads.group());
    assert_eq!((qkv.len(), dqkv.len()), (b * t * row, b * t * row));
    assert_eq!((out.len(), dout.len()), (b * t * h * d, b * t * h * d));
    assert_eq!((lse.len(), delta.len(), document_start.len()), (b * h * t, b * h * t, b * t));
    let scale = 1.0 / (d as f32).sqrt();
    let (delta, dqkv) = (Disjoint::new(delta), Disjoint::new(dqkv));
    pool.run(b * heads.kv_heads, |task| {
        let (bi, gi) = (task / heads.kv_heads, task % heads.kv_heads);
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        // SAFETY: a task owns its sequence's columns of its group.
        let at = |m: usize, head: usize| unsafe { dqkv.range(m * row + head * d, d) };
        for j in 0..t {
            at(bi * t + j, h + gi).fill(0.0);
            at(bi * t + j, h + heads.kv_heads + gi).fill(0.0);
        }
        for hi in gi * g..(gi + 1) * g {
            for ti in 0..t {
                let m = bi * t + ti;
                let (q, dout) = (&qkv[m * row + hi * d..][..d], &dout[(m * h + hi) * d..][..d]);
                // SAFETY: as above.
                let del = unsafe { delta.range((bi * h + hi) * t + ti, 1) };
                del[0] = dot(dout, &out[(m * h + hi) * d..][..d]);
                let dq = at(m, hi);
                dq.fill(0.0);
                for j in document_start[m] as usize..=ti {
                    let mj = bi * t + j;
                    let (k, v) = (
                        &qkv[mj * row + (h + gi) * d..][..d],
                        &qkv[mj * row + (h + heads.kv_heads + gi) * d..][..d],
                    );
                    let p = (dot(q, k) * scale - lse[(bi * h + hi) * t + ti]).exp();
                    let ds = p * (dot(dout, v) - del[0]) * scale;
                    dq.iter_mut().zip(k).for_each(|(o, x)| *o += ds * x);
                    at(mj, h + gi).iter_mut().zip(q).for_each(|(o, x)| *o += ds * x);
                    at(mj, h + heads.kv_heads + gi).iter_mut().zip(dout).for_each(|(o, x)| *o += p * x);
                }
            }
        }
    });
}
