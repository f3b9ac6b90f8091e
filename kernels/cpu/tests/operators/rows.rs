use smolc_kernels_cpu::{Heads, rms_norm, rms_norm_backward, rope, rope_backward, swiglu, swiglu_backward};

use crate::common::{Random, close, on_all_pools, poison, wide};

#[test]
fn rms_norm_and_its_gradient() {
    for (m, d) in [(1, 1), (3, 7), (5, 16), (300, 33), (65, 256), (130, 576)] {
        let mut random = Random(d as u64);
        let (x, weight) = (random.floats(m * d, 3.0), random.floats(d, 2.0));
        let (dout, dx0, gw0) = (random.floats(m * d, 1.0), random.floats(m * d, 1.0), random.floats(d, 1.0));
        let eps = 1e-5f32;
        let (wx, ww, wd) = (wide(&x), wide(&weight), wide(&dout));
        let (mut out, mut rstd, mut dx, mut gw) = (vec![0.0; m * d], vec![0.0; m], wide(&dx0), wide(&gw0));
        for i in 0..m {
            let x = &wx[i * d..][..d];
            let r = 1.0 / (x.iter().map(|x| x * x).sum::<f64>() / d as f64 + f64::from(eps)).sqrt();
            rstd[i] = r;
            let mean = (0..d).map(|c| wd[i * d + c] * ww[c] * x[c] * r).sum::<f64>() / d as f64;
            for c in 0..d {
                out[i * d + c] = x[c] * r * ww[c];
                dx[i * d + c] += r * (wd[i * d + c] * ww[c] - x[c] * r * mean);
                gw[c] += wd[i * d + c] * x[c] * r;
            }
        }
        let got = on_all_pools(|pool| {
            let (mut out, mut rstd) = (poison(m * d), poison(m));
            rms_norm(pool, &x, &weight, &mut out, &mut rstd, d, eps);
            let (mut dx, mut gw) = (dx0.clone(), gw0.clone());
            rms_norm_backward(pool, &x, &weight, &rstd, &dout, &mut dx, &mut gw, d);
            vec![out, rstd, dx, gw]
        });
        for (name, got, want) in [("out", 0, out), ("rstd", 1, rstd), ("dx", 2, dx), ("grad_weight", 3, gw)]
            .map(|(n, i, w)| (n, &got[i], w))
        {
            close(&format!("rms_norm {m} x {d} {name}"), got, &want, 2e-6);
        }
    }
}

#[test]
fn swiglu_and_its_gradient() {
    for (m, f) in [(1, 1), (3, 17), (40, 704), (7, 1536)] {
        let mut random = Random(f as u64);
        let (gate_up, dout) = (random.floats(m * 2 * f, 6.0), random.floats(m * f, 1.0));
        let (mut out, mut grad) = (vec![0.0; m * f], vec![0.0; m * 2 * f]);
        for i in 0..m {
            for c in 0..f {
                let (g, u) = (f64::from(gate_up[i * 2 * f + c]), f64::from(gate_up[i * 2 * f + f + c]));
                let (s, d) = (1.0 / (1.0 + (-g).exp()), f64::from(dout[i * f + c]));
                out[i * f + c] = g * s * u;
                grad[i * 2 * f + c] = d * u * s * (1.0 + g * (1.0 - s));
                grad[i * 2 * f + f + c] = d * g * s;
            }
        }
        let got = on_all_pools(|pool| {
            let (mut out, mut grad) = (poison(m * f), poison(m * 2 * f));
            swiglu(pool, &gate_up, &mut out, f);
            swiglu_backward(pool, &gate_up, &dout, &mut grad, f);
            vec![out, grad]
        });
        close("swiglu", &got[0], &out, 1e-6);
        close("swiglu gradient", &got[1], &grad, 1e-6);
    }
}

#[test]
fn swiglu_at_extreme_gates_is_finite_and_keeps_nan() {
    let pool = smolc_kernels_cpu::Pool::new(1);
    let gate = [-1e30, -200.0, -88.0, 0.0, 88.0, 200.0, 1e30, f32::NAN];
    let gate_up = [gate, [1.0; 8]].concat();
    let mut out = poison(8);
    swiglu(&pool, &gate_up, &mut out, 8);
    assert!(out[..7].iter().all(|x| x.is_finite()) && out[7].is_nan(), "{out:?}");
    assert_eq!((out[5], out[6]), (200.0, 1e30));
}

#[test]
fn rope_turns_pairs_and_back() {
    for (heads, kv_heads, head_dim) in [(1, 1, 2), (3, 1, 6), (4, 2, 40), (4, 4, 64), (2, 1, 128)] {
        let heads = Heads { heads, kv_heads, head_dim };
        let (m, half, table) = (37, head_dim / 2, 50);
        let mut random = Random(head_dim as u64);
        let qkv = random.floats(m * heads.row(), 2.0);
        let positions: Vec<u32> = (0..m).map(|_| random.below(table) as u32).collect();
        let angles: Vec<f64> = (0..table * half)
            .map(|i| (i / half) as f64 / 10_000f64.powf((i % half) as f64 / half as f64))
            .collect();
        let cos: Vec<f32> = angles.iter().map(|a| a.cos() as f32).collect();
        let sin: Vec<f32> = angles.iter().map(|a| a.sin() as f32).collect();
        let mut want = wide(&qkv);
        for (i, &p) in positions.iter().enumerate() {
            for head in 0..heads.heads + heads.kv_heads {
                for c in 0..half {
                    let at = i * heads.row() + head * head_dim + c;
                    let (a, b) = (want[at], want[at + half]);
                    let (cos, sin) =
                        (f64::from(cos[p as usize * half + c]), f64::from(sin[p as usize * half + c]));
                    (want[at], want[at + half]) = (a * cos - b * sin, b * cos + a * sin);
                }
            }
        }
        let got = on_all_pools(|pool| {
            let mut turned = qkv.clone();
            rope(pool, &mut turned, &positions, &cos, &sin, heads);
            let mut back = turned.clone();
            rope_backward(pool, &mut back, &positions, &cos, &sin, heads);
            vec![turned, back]
        });
        close("rope", &got[0], &want, 2e-7);
        close("rope back", &got[1], &wide(&qkv), 5e-7);
    }
}
