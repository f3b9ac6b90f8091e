//! Time of every operator at the 10M shape (d 256, ffn 704, 4 heads of 64, vocabulary 8192, 4 x 512 tokens), in GFLOP/s or
//! GB/s, with
//! the arithmetic peak that the machine gives at that moment.
//!
//! usage: `cargo run --release -p smolc-kernels-cpu --example ops [threads] [repetitions] [only]`
#![allow(clippy::print_stdout, clippy::indexing_slicing, unsafe_code)]

use std::time::Instant;

use smolc_kernels_cpu::*;

const B: usize = 4;
const T: usize = 512;
const M: usize = B * T;
const D: usize = 256;
const F: usize = 704;
const V: usize = 8192;
const CHUNK: usize = 512;
const LAYERS: usize = 8;
const HEADS: Heads = Heads { heads: 4, kv_heads: 4, head_dim: 64 };

struct Bench {
    repetitions: usize,
    only: Option<String>,
    step: f64,
}

impl Bench {
    /// Best and median seconds of a call.
    fn time(&self, mut call: impl FnMut()) -> (f64, f64) {
        call();
        let mut times: Vec<f64> = (0..self.repetitions)
            .map(|_| {
                let start = Instant::now();
                call();
                start.elapsed().as_secs_f64()
            })
            .collect();
        times.sort_by(f64::total_cmp);
        (times[0], times[times.len() / 2])
    }

    /// Prints what the machine gives now, by fused multiply-adds in registers on every thread.
    fn peak(&self, pool: &Pool) {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx512f") {
            const ROUNDS: usize = 200_000;
            let (best, median) = self.time(|| pool.run(pool.threads(), |_| fused_multiply_adds(ROUNDS)));
            let work = (pool.threads() * ROUNDS * 12 * 32) as f64 / 1e9;
            println!(
                "{:<28} best {:7.1} GFLOP/s  median {:7.1}",
                "peak of AVX-512 now",
                work / best,
                work / median
            );
        }
    }

    /// Prints one operator: `work` in units of 1e9 a call, `calls` of them in a training step.
    fn show(&mut self, name: &str, unit: &str, work: f64, calls: usize, call: impl FnMut()) {
        if self.only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            return;
        }
        let (best, median) = self.time(call);
        self.step += best * calls as f64;
        println!(
            "{name:<28} best {:8.3} ms  median {:8.3} ms  {:7.1} {unit}  x{calls:<3} = {:7.2} ms a step",
            best * 1e3,
            median * 1e3,
            work / best,
            best * calls as f64 * 1e3
        );
    }
}

#[cfg(target_arch = "x86_64")]
fn fused_multiply_adds(rounds: usize) {
    // SAFETY: called where AVX-512F was detected; only registers are touched.
    unsafe {
        std::arch::asm!(
            "2:",
            "vfmadd213ps zmm0, zmm30, zmm31", "vfmadd213ps zmm1, zmm30, zmm31", "vfmadd213ps zmm2, zmm30, zmm31",
            "vfmadd213ps zmm3, zmm30, zmm31", "vfmadd213ps zmm4, zmm30, zmm31", "vfmadd213ps zmm5, zmm30, zmm31",
            "vfmadd213ps zmm6, zmm30, zmm31", "vfmadd213ps zmm7, zmm30, zmm31", "vfmadd213ps zmm8, zmm30, zmm31",
            "vfmadd213ps zmm9, zmm30, zmm31", "vfmadd213ps zmm10, zmm30, zmm31", "vfmadd213ps zmm11, zmm30, zmm31",
            "dec {n}", "jnz 2b",
            n = inout(reg) rounds => _,
            out("zmm0") _, out("zmm1") _, out("zmm2") _, out("zmm3") _, out("zmm4") _, out("zmm5") _, out("zmm6") _,
            out("zmm7") _, out("zmm8") _, out("zmm9") _, out("zmm10") _, out("zmm11") _, out("zmm30") _, out("zmm31") _,
            options(nomem, nostack)
        );
    }
}

fn floats(n: usize, scale: f32) -> Vec<f32> {
    (0..n).map(|i| ((i * 7919 % 10007) as f32 / 5003.5 - 1.0) * scale).collect()
}

fn main() {
    let argument = |i: usize| std::env::args().nth(i);
    let threads = argument(1).and_then(|a| a.parse().ok()).unwrap_or(2);
    let repetitions = argument(2).and_then(|a| a.parse().ok()).unwrap_or(30);
    let mut bench = Bench { repetitions, only: argument(3), step: 0.0 };
    let pool = Pool::new(threads);
    println!("{} threads, {repetitions} repetitions; GFLOP/s and GB/s are of the best", pool.threads());

    bench.peak(&pool);
    for (name, n, k, calls) in
        [("qkv", 768, D, LAYERS), ("o", D, D, LAYERS), ("gate_up", 2 * F, D, LAYERS), ("down", D, F, LAYERS)]
    {
        let (x, w, dout) = (floats(M * k, 1.0), floats(n * k, 0.1), floats(M * n, 1.0));
        let (mut out, mut dx, mut gw) = (vec![0.0; M * n], vec![0.0; M * k], vec![0.0; n * k]);
        let work = 2.0 * (M * n * k) as f64 / 1e9;
        bench.show(&format!("linear {name}"), "GFLOP/s", work, calls, || {
            linear(&pool, &x, &w, None, None, &mut out, M, n, k)
        });
        bench.show(&format!("linear_backward {name}"), "GFLOP/s", 2.0 * work, calls, || {
            linear_backward(&pool, &x, &w, &dout, &mut dx, &mut gw, None, M, n, k);
        });
    }

    bench.peak(&pool);
    let (x, w) = (floats(M * D, 1.0), floats(V * D, 0.05));
    let targets: Vec<u32> = (0..M).map(|i| (i * 31 % V) as u32).collect();
    let (weights, mut nll, mut logits) = (vec![1.0; M], vec![0.0; M], vec![0.0; CHUNK * V]);
    let (mut dx, mut gw) = (vec![0.0; M * D], vec![0.0; V * D]);
    bench.show("head_cross_entropy", "GFLOP/s", 6.0 * (M * V * D) as f64 / 1e9, 1, || {
        head_cross_entropy(
            &pool,
            HeadCrossEntropy {
                x: &x,
                weight: &w,
                targets: &targets,
                weights: &weights,
                scale: 1e-3,
                logits: &mut logits,
                nll: &mut nll,
                dx: Some(&mut dx),
                grad_weight: Some(&mut gw),
                m: M,
                v: V,
                d: D,
                chunk: CHUNK,
            },
        );
    });

    let (qkv, starts) = (floats(M * HEADS.row(), 1.0), vec![0u32; M]);
    let (mut out, mut lse) = (vec![0.0; M * HEADS.out_row()], vec![0.0; B * HEADS.heads * T]);
    let pairs = (B * HEADS.heads * T * (T + 1) / 2 * HEADS.head_dim) as f64 / 1e9;
    bench.show("attention", "GFLOP/s", 4.0 * pairs, LAYERS, || {
        attention(&pool, &qkv, &starts, &mut out, &mut lse, B, T, HEADS);
    });
    let (dout, mut delta, mut dqkv) = (floats(out.len(), 1.0), vec![0.0; lse.len()], vec![0.0; qkv.len()]);
    bench.show("attention_backward", "GFLOP/s", 10.0 * pairs, LAYERS, || {
        attention_backward(&pool, &qkv, &starts, &out, &lse, &dout, &mut delta, &mut dqkv, B, T, HEADS);
    });

    bench.peak(&pool);
    let bytes = |floats: usize| 4.0 * floats as f64 / 1e9;
    let (weight, mut rstd, mut gw) = (floats(D, 1.0), vec![0.0; M], vec![0.0; D]);
    bench.show("rms_norm", "GB/s", bytes(2 * M * D), 2 * LAYERS + 1, || {
        rms_norm(&pool, &x, &weight, &mut out, &mut rstd, D, 1e-5);
    });
    bench.show("rms_norm_backward", "GB/s", bytes(4 * M * D), 2 * LAYERS + 1, || {
        rms_norm_backward(&pool, &x, &weight, &rstd, &dout, &mut dx, &mut gw, D);
    });
    let positions: Vec<u32> = (0..M).map(|m| (m % T) as u32).collect();
    let (cos, sin) = (vec![0.6; T * 32], vec![0.8; T * 32]);
    bench.show("rope", "GB/s", bytes(2 * M * 512), 2 * LAYERS, || {
        rope(&pool, &mut dqkv, &positions, &cos, &sin, HEADS)
    });
    let (gate_up, mut h, mut dgate_up) = (floats(M * 2 * F, 4.0), vec![0.0; M * F], vec![0.0; M * 2 * F]);
    bench.show("swiglu", "GB/s", bytes(3 * M * F), LAYERS, || swiglu(&pool, &gate_up, &mut h, F));
    bench.show("swiglu_backward", "GB/s", bytes(5 * M * F), LAYERS, || {
        swiglu_backward(&pool, &gate_up, &h, &mut dgate_up, F)
    });
    let mut grad = vec![0.0; V * D];
    bench.show("embed", "GB/s", bytes(2 * M * D), 1, || embed(&pool, &targets, &w, &mut out, D));
    bench.show("embed_backward", "GB/s", bytes(3 * M * D), 1, || {
        embed_backward(&pool, &targets, &x, &mut grad, D)
    });
    let n = 8_521_984;
    let (mut p, g, mut m, mut v) = (floats(n, 1.0), floats(n, 0.1), vec![0.0; n], vec![0.0; n]);
    bench.show("grad_norm", "GB/s", bytes(n), 1, || {
        std::hint::black_box(grad_norm(&pool, &g));
    });
    bench.show("adamw", "GB/s", bytes(7 * n), 1, || {
        adamw(
            &pool,
            AdamwStep {
                params: &mut p,
                grads: &g,
                m: &mut m,
                v: &mut v,
                segments: &[Segment { len: n, decay: true }],
                lr: 1e-3,
                beta1: 0.9,
                beta2: 0.95,
                eps: 1e-8,
                weight_decay: 0.1,
                step: 3,
                grad_scale: 1.0,
            },
        );
    });
    println!("sum of the best, one step: {:.1} ms = {:.0} tokens/s", bench.step * 1e3, M as f64 / bench.step);
}
