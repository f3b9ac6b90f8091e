use smolc_kernels_cpu::{Heads, attention, attention_backward};

use crate::common::{Random, close, on_all_pools, poison, wide};

/// out, lse, dqkv in f64 by the definition.
fn reference(qkv: &[f32], starts: &[u32], dout: &[f32], b: usize, t: usize, heads: Heads) -> [Vec<f64>; 3] {
    let (qkv, dout) = (wide(qkv), wide(dout));
    let Heads { heads: h, kv_heads: g, head_dim: d } = heads;
    let row = heads.row();
    let (mut out, mut lse, mut dqkv) = (vec![0.0; b * t * h * d], vec![0.0; b * h * t], vec![0.0; qkv.len()]);
    let scale = 1.0 / (d as f64).sqrt();
    for s in 0..b {
        for i in 0..h {
            let (kc, vc) = ((h + i / (h / g)) * d, (h + g + i / (h / g)) * d);
            for q in 0..t {
                let m = s * t + q;
                let keys = starts[m] as usize..=q;
                let at = |j: usize, column: usize| (s * t + j) * row + column;
                let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
                let query = &qkv[m * row + i * d..][..d];
                let scores: Vec<f64> =
                    keys.clone().map(|j| dot(query, &qkv[at(j, kc)..][..d]) * scale).collect();
                let top = scores.iter().copied().fold(f64::MIN, f64::max);
                let total: f64 = scores.iter().map(|x| (x - top).exp()).sum();
                lse[(s * h + i) * t + q] = top + total.ln();
                let p: Vec<f64> = scores.iter().map(|x| (x - top).exp() / total).collect();
                let o = m * h * d + i * d;
                for (p, j) in p.iter().zip(keys.clone()) {
                    for c in 0..d {
                        out[o + c] += p * qkv[at(j, vc) + c];
                    }
                }
                let dout = &dout[o..][..d];
                let delta = dot(dout, &out[o..][..d]);
                for (p, j) in p.iter().zip(keys) {
                    let ds = p * (dot(dout, &qkv[at(j, vc)..][..d]) - delta) * scale;
                    for c in 0..d {
                        dqkv[m * row + i * d + c] += ds * qkv[at(j, kc) + c];
                        dqkv[at(j, kc) + c] += ds * qkv[m * row + i * d + c];
                        dqkv[at(j, vc) + c] += p * dout[c];
                    }
                }
            }
        }
    }
    [out, lse, dqkv]
}

fn check(b: usize, t: usize, heads: Heads, starts: &[u32], scale: f32) {
    let mut random = Random((t * 1000 + heads.head_dim) as u64);
    let qkv = random.floats(b * t * heads.row(), scale);
    let dout = random.floats(b * t * heads.out_row(), 1.0);
    let [out, lse, dqkv] = reference(&qkv, starts, &dout, b, t, heads);
    let got = on_all_pools(|pool| {
        let (mut out, mut lse) = (poison(b * t * heads.out_row()), poison(b * t * heads.heads));
        attention(pool, &qkv, starts, &mut out, &mut lse, b, t, heads);
        let (mut delta, mut dqkv) = (poison(lse.len()), poison(qkv.len()));
        attention_backward(pool, &qkv, starts, &out, &lse, &dout, &mut delta, &mut dqkv, b, t, heads);
        vec![out, lse, dqkv, delta]
    });
    let name = format!("b {b} t {t} {heads:?} starts {:?}", &starts[..starts.len().min(20)]);
    close(&format!("out, {name}"), &got[0], &out, 2e-6);
    close(&format!("lse, {name}"), &got[1], &lse, 2e-6);
    // Scores of some thousands carry their rounding, relative to 1, into every probability.
    close(&format!("dqkv, {name}"), &got[2], &dqkv, if scale > 10.0 { 1e-4 } else { 5e-6 });
}

fn heads(heads: usize, kv_heads: usize, head_dim: usize) -> Heads {
    Heads { heads, kv_heads, head_dim }
}

/// `document_start` of one row whose documents have the given lengths.
fn documents(lengths: &[usize]) -> Vec<u32> {
    let mut starts = Vec::new();
    for &n in lengths {
        let start = starts.len() as u32;
        starts.extend(std::iter::repeat_n(start, n));
    }
    starts
}

#[test]
fn every_window_length_around_the_tiles() {
    for t in [1, 2, 15, 16, 17, 47, 48, 49, 63, 64, 65, 95, 96, 97, 127, 128, 129, 191, 200] {
        check(2, t, heads(2, 1, 16), &vec![0; 2 * t], 2.0);
    }
}

#[test]
fn head_sizes() {
    for d in [1, 2, 8, 15, 17, 32, 40, 64, 72, 128] {
        check(1, 70, heads(4, 2, d), &[0; 70], 2.0);
    }
}

#[test]
fn groupings() {
    for (h, g) in [(1, 1), (3, 3), (3, 1), (6, 2), (8, 4)] {
        check(2, 66, heads(h, g, 32), &[0; 132], 2.0);
    }
}

#[test]
fn documents_that_end_around_the_tiles() {
    for first in [1, 15, 16, 17, 47, 48, 49, 63, 64, 65, 127, 128, 129] {
        let starts = [documents(&[first, 150 - first]), documents(&[149, 1])].concat();
        check(2, 150, heads(2, 1, 16), &starts, 2.0);
    }
    check(1, 100, heads(2, 2, 8), &documents(&[1; 100]), 2.0);
    check(1, 130, heads(2, 1, 24), &documents(&[1, 1, 62, 1, 63, 2]), 2.0);
    let mut random = Random(5);
    for _ in 0..10 {
        let mut starts = vec![0u32; 140];
        for t in 1..140 {
            starts[t] = if random.below(20) == 0 { t as u32 } else { starts[t - 1] };
        }
        check(1, 140, heads(2, 1, 20), &starts, 2.0);
    }
}

#[test]
fn large_scores_do_not_overflow() {
    check(1, 100, heads(2, 1, 64), &[0; 100], 30.0);
}
