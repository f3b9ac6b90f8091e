use smolc_kernels_cpu::{AdamwStep, Segment, adamw, grad_norm};

use crate::common::{Random, close, on_all_pools, wide};

#[test]
fn three_steps_as_torch_computes_them() {
    let n = 40_000;
    let segments = [
        Segment { len: 5, decay: true },
        Segment { len: 0, decay: false },
        Segment { len: 16_380, decay: false },
        Segment { len: n - 16_385, decay: true },
    ];
    let mut random = Random(3);
    let p0 = random.floats(n, 1.0);
    let grads: Vec<Vec<f32>> = (0..3).map(|_| random.floats(n, 0.1)).collect();
    let (lr, b1, b2, eps, wd, clip) = (1e-2, 0.9, 0.95, 1e-8, 0.1, 0.7);
    let (mut p, mut m, mut v) = (wide(&p0), vec![0.0; n], vec![0.0; n]);
    for (k, grad) in grads.iter().enumerate() {
        let t = k as f64 + 1.0;
        for i in 0..n {
            let g = f64::from(grad[i]) * clip;
            if !(5..16_385).contains(&i) {
                p[i] *= 1.0 - lr * wd;
            }
            m[i] = b1 * m[i] + (1.0 - b1) * g;
            v[i] = b2 * v[i] + (1.0 - b2) * g * g;
            p[i] -= lr / (1.0 - b1.powf(t)) * m[i] / ((v[i] / (1.0 - b2.powf(t))).sqrt() + eps);
        }
    }
    let got = on_all_pools(|pool| {
        let (mut p, mut m, mut v) = (p0.clone(), vec![0.0; n], vec![0.0; n]);
        for (k, grad) in grads.iter().enumerate() {
            adamw(
                pool,
                AdamwStep {
                    params: &mut p,
                    grads: grad,
                    m: &mut m,
                    v: &mut v,
                    segments: &segments,
                    lr,
                    beta1: b1,
                    beta2: b2,
                    eps,
                    weight_decay: wd,
                    step: k as u64 + 1,
                    grad_scale: clip,
                },
            );
        }
        vec![p, m, v]
    });
    close("parameters", &got[0], &p, 1e-6);
    close("first moments", &got[1], &m, 1e-6);
    close("second moments", &got[2], &v, 1e-6);
}

#[test]
fn norm_of_gradients() {
    for n in [0, 1, 15, 16, 16_384, 50_001] {
        let grads = Random(n as u64).floats(n, 1.0);
        let want = grads.iter().map(|&g| f64::from(g) * f64::from(g)).sum::<f64>().sqrt();
        on_all_pools(|pool| {
            let got = grad_norm(pool, &grads);
            assert!((got - want).abs() <= 1e-12 * want.max(1.0));
            vec![vec![got as f32, (got.to_bits() & 0xffff) as f32]]
        });
    }
    assert!(grad_norm(&smolc_kernels_cpu::Pool::new(1), &[1.0, f32::NAN]).is_nan());
}
