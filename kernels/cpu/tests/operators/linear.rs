use smolc_kernels_cpu::{linear, linear_backward};

use crate::common::{Random, close, on_all_pools, poison, wide};

/// a[m,k] · b[k,n] with element functions.
fn product(
    m: usize,
    n: usize,
    k: usize,
    a: impl Fn(usize, usize) -> f64,
    b: impl Fn(usize, usize) -> f64,
) -> Vec<f64> {
    let mut out = vec![0.0; m * n];
    for i in 0..m {
        for j in 0..n {
            out[i * n + j] = (0..k).map(|p| a(i, p) * b(p, j)).sum();
        }
    }
    out
}

#[test]
fn linear_and_its_gradient() {
    for (m, n, k) in
        [(1, 1, 1), (1, 40, 33), (2, 3, 5), (65, 63, 64), (130, 200, 70), (257, 96, 129), (300, 7, 300)]
    {
        let mut random = Random((m * n * k) as u64);
        let (x, w) = (random.floats(m * k, 1.0), random.floats(n * k, 1.0));
        let (bias, residual) = (random.floats(n, 1.0), random.floats(m * n, 1.0));
        let (dout, gw0, gb0) = (random.floats(m * n, 1.0), random.floats(n * k, 1.0), random.floats(n, 1.0));
        let (wx, ww, wd) = (wide(&x), wide(&w), wide(&dout));
        let plain = product(m, n, k, |i, p| wx[i * k + p], |p, j| ww[j * k + p]);
        let dx = product(m, k, n, |i, p| wd[i * n + p], |p, j| ww[p * k + j]);
        let mut gw = product(n, k, m, |i, p| wd[p * n + i], |p, j| wx[p * k + j]);
        gw.iter_mut().zip(&gw0).for_each(|(g, &z)| *g += f64::from(z));
        let gb: Vec<f64> =
            (0..n).map(|j| (0..m).map(|i| wd[i * n + j]).sum::<f64>() + f64::from(gb0[j])).collect();
        for with in 0..4 {
            let (b, r) = ((with & 1 > 0).then_some(&bias[..]), (with & 2 > 0).then_some(&residual[..]));
            let mut want = plain.clone();
            for (i, want) in want.iter_mut().enumerate() {
                *want += b.map_or(0.0, |b| f64::from(b[i % n])) + r.map_or(0.0, |r| f64::from(r[i]));
            }
            let got = on_all_pools(|pool| {
                let mut out = poison(m * n);
                linear(pool, &x, &w, b, r, &mut out, m, n, k);
                vec![out]
            });
            close(&format!("linear {m} {n} {k} {with}"), &got[0], &want, 2e-6);
        }
        let got = on_all_pools(|pool| {
            let (mut dx, mut gw, mut gb) = (poison(m * k), gw0.clone(), gb0.clone());
            linear_backward(pool, &x, &w, &dout, &mut dx, &mut gw, Some(&mut gb), m, n, k);
            vec![dx, gw, gb]
        });
        close(&format!("dx {m} {n} {k}"), &got[0], &dx, 2e-6);
        close(&format!("grad_weight {m} {n} {k}"), &got[1], &gw, 2e-6);
        close(&format!("grad_bias {m} {n} {k}"), &got[2], &gb, 2e-6);
    }
}
