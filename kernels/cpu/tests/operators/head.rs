use smolc_kernels_cpu::{HeadCrossEntropy, Pool, head_cross_entropy};

use crate::common::{Random, close, on_all_pools, poison, wide};

struct Case {
    x: Vec<f32>,
    weight: Vec<f32>,
    targets: Vec<u32>,
    weights: Vec<f32>,
    grad0: Vec<f32>,
}

fn case(m: usize, v: usize, d: usize) -> Case {
    let mut random = Random((m * v) as u64);
    Case {
        x: random.floats(m * d, 2.0),
        weight: random.floats(v * d, 1.0),
        targets: (0..m).map(|_| random.below(v) as u32).collect(),
        weights: (0..m).map(|i| [1.0, 0.0, 0.5][i % 3]).collect(),
        grad0: random.floats(v * d, 1e-3),
    }
}

fn run(
    pool: &Pool,
    c: &Case,
    (m, v, d, chunk): (usize, usize, usize, usize),
    backward: bool,
) -> Vec<Vec<f32>> {
    let (mut logits, mut nll) = (poison(chunk * v), poison(m));
    let (mut dx, mut grad) = (poison(m * d), c.grad0.clone());
    head_cross_entropy(
        pool,
        HeadCrossEntropy {
            x: &c.x,
            weight: &c.weight,
            targets: &c.targets,
            weights: &c.weights,
            scale: 0.125,
            logits: &mut logits,
            nll: &mut nll,
            dx: backward.then_some(&mut dx[..]),
            grad_weight: backward.then_some(&mut grad[..]),
            m,
            v,
            d,
            chunk,
        },
    );
    vec![nll, dx, grad]
}

#[test]
fn losses_and_gradients() {
    for (m, v, d, chunk) in
        [(1, 1, 4, 1), (7, 5, 3, 4), (33, 100, 20, 8), (50, 1003, 32, 64), (20, 8192, 16, 7)]
    {
        let c = case(m, v, d);
        let (x, w) = (wide(&c.x), wide(&c.weight));
        let (mut nll, mut dx, mut grad) = (vec![0.0; m], vec![0.0; m * d], wide(&c.grad0));
        for i in (0..m).filter(|&i| c.weights[i] != 0.0) {
            let logits: Vec<f64> =
                (0..v).map(|j| (0..d).map(|k| x[i * d + k] * w[j * d + k]).sum()).collect();
            let top = logits.iter().copied().fold(f64::MIN, f64::max);
            let lse = top + logits.iter().map(|l| (l - top).exp()).sum::<f64>().ln();
            nll[i] = lse - logits[c.targets[i] as usize];
            for j in 0..v {
                let hot = f64::from(u8::from(j == c.targets[i] as usize));
                let g = f64::from(c.weights[i]) * 0.125 * ((logits[j] - lse).exp() - hot);
                for k in 0..d {
                    dx[i * d + k] += g * w[j * d + k];
                    grad[j * d + k] += g * x[i * d + k];
                }
            }
        }
        let got = on_all_pools(|pool| run(pool, &c, (m, v, d, chunk), true));
        close(&format!("nll {m} {v}"), &got[0], &nll, 2e-6);
        close(&format!("dx {m} {v}"), &got[1], &dx, 3e-6);
        close(&format!("grad {m} {v}"), &got[2], &grad, 3e-6);
        let loss_only = run(&Pool::new(2), &c, (m, v, d, chunk), false);
        assert_eq!(loss_only[0], got[0]);
    }
}

#[test]
fn masked_tokens_are_silent_whatever_their_logits() {
    let (m, v, d) = (4, 50, 8);
    let mut c = case(m, v, d);
    c.weights = vec![0.0, 1.0, 0.0, 1.0];
    for bad in [f32::INFINITY, f32::NAN, 1e38] {
        c.x[..d].fill(bad);
        let got = run(&Pool::new(2), &c, (m, v, d, 3), true);
        assert_eq!(got[0][0], 0.0);
        assert!(got[1][..d].iter().all(|&g| g == 0.0));
        assert!(got[0].iter().all(|l| l.is_finite()));
    }
}

#[test]
fn a_target_outside_the_vocabulary_is_refused() {
    let mut c = case(2, 10, 4);
    c.targets[1] = 10;
    let result = std::panic::catch_unwind(|| run(&Pool::new(1), &c, (2, 10, 4, 2), true));
    assert!(result.is_err());
}
