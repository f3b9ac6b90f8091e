//! AdamW and the global norm, against the CPU operators.

use smolc_kernels_cpu::{AdamwStep, Pool, Segment, grad_norm};
use smolc_kernels_cuda::launch::{self, Adamw, GradNorm};
use smolc_kernels_emulator::{Buffer, f32_to_bf16};

use crate::common::*;

#[test]
fn adamw_has_the_bits_of_the_cpu_operator() {
    let lens = [4usize, 1020, 8, 2000, 1024, 4];
    let n: usize = lens.iter().sum();
    let mut random = Random(3);
    let (mut p, g) = (random.floats(n, 1.0), random.floats(n, 2.0));
    let (mut m, mut v) =
        (random.floats(n, 0.1), random.floats(n, 0.1).iter().map(|x| x.abs()).collect::<Vec<_>>());
    let segments: Vec<Segment> =
        lens.iter().enumerate().map(|(i, &len)| Segment { len, decay: i % 2 == 0 }).collect();
    let mut ends = Vec::new();
    for len in lens {
        ends.push(ends.last().unwrap_or(&0) + len as i64);
    }
    let decays: Vec<u8> = segments.iter().map(|s| s.decay.into()).collect();
    for (step, grad_scale) in [(1u64, 1.0f64), (2, 0.37), (1000, 0.01), (1001, f64::NAN)] {
        let (lr, beta1, beta2, eps, weight_decay) = (1e-3, 0.9, 0.95, 1e-8, 0.1);
        let case = |run: &mut dyn FnMut(&smolc_kernels_cuda::Launch)| {
            let (mut bp, bg, mut bm, mut bv) =
                (Buffer::new(&p), Buffer::new(&g), Buffer::new(&m), Buffer::new(&v));
            let mut copy = Buffer::new(&vec![0u16; n]);
            let (e, d, s) = (Buffer::new(&ends), Buffer::new(&decays), Buffer::new(&[grad_scale as f32]));
            let op = Adamw {
                params: bp.address(),
                grads: bg.address(),
                m: bm.address(),
                v: bv.address(),
                copy: copy.address(),
                n,
                segment_ends: e.address(),
                decays: d.address(),
                segments: lens.len(),
                grad_scale: if grad_scale == 1.0 { 0 } else { s.address() },
                lr,
                beta1,
                beta2,
                eps,
                weight_decay,
                step,
            };
            run(&launch::adamw(op).unwrap());
            vec![bits(&mut bp), bits(&mut bm), bits(&mut bv), bits(&mut copy)]
        };
        let got = under_every_schedule(&case);
        without_races(&case);
        if grad_scale.is_nan() {
            // Nothing is touched, the copy neither.
            assert!(
                values::<f32>(&got[0]) == p && values::<f32>(&got[1]) == m && values::<f32>(&got[2]) == v
            );
            assert!(values::<u16>(&got[3]) == vec![0u16; n]);
            continue;
        }
        let cpu = AdamwStep {
            params: &mut p,
            grads: &g,
            m: &mut m,
            v: &mut v,
            segments: &segments,
            lr,
            beta1,
            beta2,
            eps,
            weight_decay,
            step,
            grad_scale,
        };
        smolc_kernels_cpu::adamw(&Pool::new(1), cpu);
        assert!(values::<f32>(&got[0]) == p, "parameters of step {step}");
        assert!(values::<f32>(&got[1]) == m && values::<f32>(&got[2]) == v, "moments of step {step}");
        assert!(values::<u16>(&got[3]) == p.iter().map(|&x| f32_to_bf16(x)).collect::<Vec<_>>(), "copy");
    }
}

fn norm_case(grads: &[f32], clip: f64, loss: Option<f64>) -> (f64, f32) {
    let case = |run: &mut dyn FnMut(&smolc_kernels_cuda::Launch)| {
        let g = Buffer::new(grads);
        let l = Buffer::new(&[loss.unwrap_or(0.0)]);
        let parts = Buffer::<f64>::poisoned(launch::grad_norm_parts(grads.len()));
        let (mut norm, mut coefficient) = (Buffer::<f64>::poisoned(1), Buffer::<f32>::poisoned(1));
        let op = GradNorm {
            grads: g.address(),
            n: grads.len(),
            parts: parts.address(),
            clip,
            loss: if loss.is_some() { l.address() } else { 0 },
            norm: norm.address(),
            coefficient: coefficient.address(),
        };
        for l in launch::grad_norm(op).unwrap() {
            run(&l);
        }
        vec![bits(&mut norm), bits(&mut coefficient)]
    };
    let got = under_every_schedule(&case);
    without_races(&case);
    (values::<f64>(&got[0])[0], values::<f32>(&got[1])[0])
}

#[test]
fn global_norm_and_clip() {
    let pool = Pool::new(1);
    for n in [1, 3, 1025, 16_384, 40_001] {
        let grads = Random(n as u64).floats(n, 1.0);
        let (norm, coefficient) = norm_case(&grads, 1.0, (n % 2 == 0).then_some(7.0));
        let want = grad_norm(&pool, &grads);
        assert!((norm - want).abs() <= 1e-12 * want, "{n}: {norm} {want}");
        assert_eq!(coefficient, (1.0 / (norm + 1e-6)).min(1.0) as f32);
        assert_eq!(norm_case(&grads, 0.0, None).1, 1.0, "no clipping");
        for loss in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let (norm, coefficient) = norm_case(&grads, 1.0, Some(loss));
            assert!((norm - want).abs() <= 1e-12 * want && coefficient.is_nan());
        }
    }
    let (norm, coefficient) = norm_case(&[1.0, f32::INFINITY], 1.0, None);
    assert!(norm.is_infinite() && coefficient.is_nan());
    let (norm, coefficient) = norm_case(&[1.0, f32::NAN], 0.0, Some(1.0));
    assert!(norm.is_nan() && coefficient.is_nan());
}
