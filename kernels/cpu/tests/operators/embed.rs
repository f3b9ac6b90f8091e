use smolc_kernels_cpu::{embed, embed_backward};

use crate::common::{Random, close, on_all_pools, poison, wide};

#[test]
fn embed_and_its_gradient() {
    for (m, v, d) in [(1, 1, 1), (100, 3, 7), (300, 50, 100), (64, 1000, 256)] {
        let mut random = Random(d as u64);
        let (weight, dout, grad0) =
            (random.floats(v * d, 1.0), random.floats(m * d, 1.0), random.floats(v * d, 1.0));
        let tokens: Vec<u32> = (0..m).map(|_| random.below(v) as u32).collect();
        let mut grad = wide(&grad0);
        for (i, &token) in tokens.iter().enumerate() {
            for c in 0..d {
                grad[token as usize * d + c] += f64::from(dout[i * d + c]);
            }
        }
        let got = on_all_pools(|pool| {
            let (mut out, mut grad) = (poison(m * d), grad0.clone());
            embed(pool, &tokens, &weight, &mut out, d);
            embed_backward(pool, &tokens, &dout, &mut grad, d);
            vec![out, grad]
        });
        for (i, &token) in tokens.iter().enumerate() {
            assert_eq!(got[0][i * d..][..d], weight[token as usize * d..][..d]);
        }
        close("embed gradient", &got[1], &grad, 2e-6);
    }
}
