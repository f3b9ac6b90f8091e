use smolc_kernels_cpu::{Heads, attention, attention_decode};

use crate::common::{Random, close, on_all_pools, poison, wide};

/// The last token of a whole-window attention is what decoding computes from the cache.
#[test]
fn decoding_is_the_last_row_of_attention() {
    for (t, h, g, d) in [(1, 1, 1, 8), (5, 4, 2, 40), (100, 9, 3, 64), (33, 2, 2, 7)] {
        let heads = Heads { heads: h, kv_heads: g, head_dim: d };
        let qkv = Random(t as u64).floats(t * heads.row(), 2.0);
        let column = |from: usize| -> Vec<f32> {
            qkv.chunks(heads.row()).flat_map(|row| row[from..from + g * d].iter().copied()).collect()
        };
        let (k, v) = (column(h * d), column((h + g) * d));
        let got = on_all_pools(|pool| {
            let (mut out, mut lse) = (poison(t * h * d), poison(h * t));
            attention(pool, &qkv, &vec![0; t], &mut out, &mut lse, 1, t, heads);
            let mut last = poison(h * d);
            attention_decode(pool, &qkv[(t - 1) * heads.row()..][..h * d], &k, &v, &mut last, t, heads);
            vec![out, last]
        });
        close("decode", &got[1], &wide(&got[0][(t - 1) * h * d..]), 2e-6);
    }
}
