//! `attention`, plain form.
#![allow(unsafe_code)]

use crate::Heads;
use crate::disjoint::Disjoint;
use crate::pool::Pool;

/// Causal attention with documents.
pub fn attention(
    pool: &Pool,
    qkv: &[f32],
    document_start: &[u32],
    out: &mut [f32],
    lse: &mut [f32],
    b: usize,
    t: usize,
    heads: Heads,
) {
    let (row, d, h, g) = (heads.row(), heads.head_dim, heads.heads, heads.group());
    assert_eq!(qkv.len(), b * t * row);
    assert_eq!(out.len(), b * t * h * d);
    assert_eq!((lse.len(), document_start.len()), (b * h * t, b * t));
    let scale = 1.0 / (d as f32).sqrt();
    let (out, lse) = (Disjoint::new(out), Disjoint::new(lse));
    pool.run_with_scratch(b * h * t, t, |task, p| {
        let (bi, hi, ti) = (task / (h * t), task / t % h, task % t);
        let m = bi * t + ti;
        let start = document_start[m] as usize;
        let q = &qkv[m * row + hi * d..][..d];
        let mut top = f32::NEG_INFINITY;
        for j in start..=ti {
            let k = &qkv[(bi * t + j) * row + (h + hi / g) * d..][..d];
            p[j] = q.iter().zip(k).map(|(a, b)| a * b).sum::<f32>() * scale;
            top = top.max(p[j]);
        }
        let sum: f32 = p[start..=ti]
            .iter_mut()
            .map(|p| {
                *p = (*p - top).exp();
                *p
            })
            .sum();
        // SAFETY: one task a row and head.
        let (o, l) = unsafe { (out.range((m * h + hi) * d, d), lse.range((bi * h + hi) * t + ti, 1)) };
        l[0] = top + sum.ln();
        o.fill(0.0);
        for j in start..=ti {
            let v = &qkv[(bi * t + j) * row + (h + heads.kv_heads + hi / g) * d..][..d];
            o.iter_mut().zip(v).for_each(|(o, v)| *o += p[j] / sum * v);
        }
    });
}
