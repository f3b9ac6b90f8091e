//! SwiGLU, RMSNorm, RoPE and the embedding.

use smolc_kernels_cpu::{Heads, Pool};
use smolc_kernels_cuda::launch::{self, EmbedBackward, RmsNorm, RmsNormBackward, Rope};
use smolc_kernels_emulator::Buffer;

use crate::common::*;

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn swiglu_case<T: Real + Bits>(rows: usize, f: usize) {
    let mut random = Random(rows as u64 * 1000 + f as u64);
    // Gates up to ±20 saturate the sigmoid at both ends.
    let gate_up: Vec<T> = narrow(&random.floats(rows * 2 * f, 20.0));
    let dout: Vec<T> = narrow(&random.floats(rows * f, 1.0));
    let case = |run: &mut dyn FnMut(&smolc_kernels_cuda::Launch)| {
        let (x, d) = (Buffer::new(&gate_up), Buffer::new(&dout));
        let (mut out, mut dx) = (Buffer::<T>::poisoned(rows * f), Buffer::<T>::poisoned(rows * 2 * f));
        run(&launch::swiglu(T::DTYPE, x.address(), out.address(), rows, f).unwrap());
        run(&launch::swiglu_backward(T::DTYPE, x.address(), d.address(), dx.address(), rows, f).unwrap());
        vec![bits(&mut out), bits(&mut dx)]
    };
    let got = under_every_schedule(&case);
    without_races(&case);
    let (x, d) = (wide(&gate_up), wide(&dout));
    let (mut out, mut dx) = (vec![0.0; rows * f], vec![0.0; rows * 2 * f]);
    for m in 0..rows {
        for c in 0..f {
            let (g, u, d) = (x[m * 2 * f + c], x[m * 2 * f + f + c], d[m * f + c]);
            let s = sigmoid(g);
            out[m * f + c] = g * s * u;
            dx[m * 2 * f + c] = d * u * s * (1.0 + g * (1.0 - s));
            dx[m * 2 * f + f + c] = d * g * s;
        }
    }
    close("swiglu", &values::<T>(&got[0]), &out, T::TOLERANCE);
    close("swiglu_backward", &values::<T>(&got[1]), &dx, T::TOLERANCE);
}

#[test]
fn swiglu() {
    for (rows, f) in [(1, 8), (3, 24), (65, 136)] {
        swiglu_case::<f32>(rows, f);
        swiglu_case::<u16>(rows, f);
    }
}

fn norm_case<T: Real + Bits>(rows: usize, d: usize, residual: bool) {
    let mut random = Random(rows as u64 * 77 + d as u64);
    let x: Vec<T> = narrow(&random.floats(rows * d, 3.0));
    let branch: Vec<T> = narrow(&random.floats(rows * d, 1.0));
    let weight: Vec<T> = narrow(&random.floats(d, 2.0));
    let dout: Vec<T> = narrow(&random.floats(rows * d, 1.0));
    let before: Vec<T> = narrow(&random.floats(rows * d, 1.0));
    let grad_before = random.floats(d, 1.0);
    let eps = 1e-5;
    let case = |run: &mut dyn FnMut(&smolc_kernels_cuda::Launch)| {
        let (bx, bb, bw, bd) =
            (Buffer::new(&x), Buffer::new(&branch), Buffer::new(&weight), Buffer::new(&dout));
        let mut sum = Buffer::<T>::poisoned(rows * d);
        let (mut out, mut rstd) = (Buffer::<T>::poisoned(rows * d), Buffer::<f32>::poisoned(rows));
        let op = RmsNorm {
            x: bx.address(),
            residual: residual.then(|| (bb.address(), sum.address())),
            weight: bw.address(),
            out: out.address(),
            rstd: rstd.address(),
            rows,
            d,
            eps,
        };
        run(&launch::rms_norm(T::DTYPE, op).unwrap());
        if !residual {
            sum.as_mut_slice().copy_from_slice(&x);
        }
        let (mut dx, mut grad) = (Buffer::new(&before), Buffer::new(&grad_before));
        let parts = Buffer::<f32>::poisoned(launch::rms_norm_parts(rows) * d);
        let op = RmsNormBackward {
            x: sum.address(),
            weight: bw.address(),
            rstd: rstd.address(),
            dout: bd.address(),
            dx: dx.address(),
            parts: parts.address(),
            grad_weight: grad.address(),
            rows,
            d,
        };
        for l in launch::rms_norm_backward(T::DTYPE, op).unwrap() {
            run(&l);
        }
        vec![bits(&mut sum), bits(&mut out), bits(&mut rstd), bits(&mut dx), bits(&mut grad)]
    };
    let got = under_every_schedule(&case);
    if d <= 576 {
        without_races(&case);
    }
    let mut sum = wide(&x);
    if residual {
        for (s, b) in sum.iter_mut().zip(wide(&branch)) {
            *s = f64::from(T::from_f32((*s + b) as f32).to_f32());
        }
    }
    let (w, dy) = (wide(&weight), wide(&dout));
    let (mut out, mut rstd) = (vec![0.0; rows * d], vec![0.0; rows]);
    let (mut dx, mut grad) = (wide(&before), wide(&grad_before));
    for m in 0..rows {
        let row = &sum[m * d..][..d];
        let r = 1.0 / (row.iter().map(|x| x * x).sum::<f64>() / d as f64 + f64::from(eps)).sqrt();
        rstd[m] = r;
        let mean = (0..d).map(|c| dy[m * d + c] * w[c] * row[c] * r).sum::<f64>() / d as f64;
        for c in 0..d {
            out[m * d + c] = row[c] * r * w[c];
            dx[m * d + c] += r * (dy[m * d + c] * w[c] - row[c] * r * mean);
            grad[c] += dy[m * d + c] * row[c] * r;
        }
    }
    close("sum", &values::<T>(&got[0]), &sum, 1e-7);
    close("rms_norm", &values::<T>(&got[1]), &out, T::TOLERANCE);
    close("rstd", &values::<f32>(&got[2]), &rstd, 2e-6);
    close("rms_norm dx", &values::<T>(&got[3]), &dx, T::TOLERANCE);
    close("rms_norm grad_weight", &values::<f32>(&got[4]), &grad, 5e-6);
}

#[test]
fn rms_norm() {
    // One pack, fewer packs than a warp, 576 and 960 as in the small models, and every variant of packs a thread.
    for (rows, d, residual) in
        [(1, 8, false), (9, 40, true), (65, 576, true), (18, 960, false), (3, 2056, true), (2, 8192, false)]
    {
        norm_case::<f32>(rows, d, residual);
        norm_case::<u16>(rows, d, residual);
    }
}

fn rope_case<T: Real + Bits>(rows: usize, heads: usize, kv_heads: usize, d: usize) -> Vec<T> {
    let mut random = Random(rows as u64);
    let row = (heads + 2 * kv_heads) * d;
    let qkv: Vec<T> = narrow(&random.floats(rows * row, 1.0));
    let positions: Vec<u32> = (0..rows).map(|_| random.below(50) as u32).collect();
    let angles = random.floats(50 * d / 2, 3.0);
    let (cos, sin): (Vec<f32>, Vec<f32>) = angles.iter().map(|a| (a.cos(), a.sin())).unzip();
    let case = |run: &mut dyn FnMut(&smolc_kernels_cuda::Launch)| {
        let mut x = Buffer::new(&qkv);
        let (p, c, s) = (Buffer::new(&positions), Buffer::new(&cos), Buffer::new(&sin));
        let mut op = Rope {
            qkv: x.address(),
            positions: p.address(),
            cos: c.address(),
            sin: s.address(),
            rows,
            heads,
            kv_heads,
            head_dim: d,
            inverse: false,
        };
        run(&launch::rope(T::DTYPE, op).unwrap());
        let forward = bits(&mut x);
        op.inverse = true;
        run(&launch::rope(T::DTYPE, op).unwrap());
        vec![forward, bits(&mut x)]
    };
    let got = under_every_schedule(&case);
    without_races(&case);
    let mut want = wide(&qkv);
    for (m, position) in positions.iter().enumerate() {
        for h in 0..heads + kv_heads {
            for i in 0..d / 2 {
                let at = m * row + h * d + i;
                let angle = *position as usize * d / 2 + i;
                let (a, b, c, s) = (want[at], want[at + d / 2], f64::from(cos[angle]), f64::from(sin[angle]));
                want[at] = a * c - b * s;
                want[at + d / 2] = b * c + a * s;
            }
        }
    }
    close("rope", &values::<T>(&got[0]), &want, T::TOLERANCE);
    close("rope and back", &values::<T>(&got[1]), &wide(&qkv), 2.0 * T::TOLERANCE);
    if T::DTYPE == smolc_kernels_cuda::launch::Dtype::F32 {
        // The CPU operator, bit for bit.
        let mut cpu: Vec<f32> = qkv.iter().map(|x| x.to_f32()).collect();
        let heads = Heads { heads, kv_heads, head_dim: d };
        smolc_kernels_cpu::rope(&Pool::new(1), &mut cpu, &positions, &cos, &sin, heads);
        assert!(values::<f32>(&got[0]) == cpu, "rope differs from the CPU operator");
    }
    values(&got[0])
}

#[test]
fn rope() {
    for (rows, heads, kv_heads, d) in [(1, 1, 1, 16), (65, 3, 1, 64), (7, 4, 2, 128)] {
        rope_case::<f32>(rows, heads, kv_heads, d);
        rope_case::<u16>(rows, heads, kv_heads, d);
    }
}

fn embed_case<T: Real + Bits>(tokens: &[u32], vocabulary: usize, d: usize) {
    let mut random = Random(tokens.len() as u64 + d as u64);
    let rows = tokens.len();
    let weight: Vec<T> = narrow(&random.floats(vocabulary * d, 1.0));
    let dout: Vec<T> = narrow(&random.floats(rows * d, 1.0));
    let before = random.floats(vocabulary * d, 1.0);
    let case = |run: &mut dyn FnMut(&smolc_kernels_cuda::Launch)| {
        let (t, w, dy) = (Buffer::new(tokens), Buffer::new(&weight), Buffer::new(&dout));
        let (mut out, mut fault) = (Buffer::<T>::poisoned(rows * d), Buffer::new(&[0u32]));
        let at = [t.address(), w.address(), out.address(), fault.address()];
        run(&launch::embed(T::DTYPE, at, rows, d, vocabulary).unwrap());
        let mut grad = Buffer::new(&before);
        let scratch = Buffer::<u8>::poisoned(launch::embed_backward_scratch(rows, d));
        let op = EmbedBackward {
            tokens: t.address(),
            dout: dy.address(),
            grad_weight: grad.address(),
            scratch: scratch.address(),
            rows,
            d,
            vocabulary,
        };
        for l in launch::embed_backward(T::DTYPE, op).unwrap() {
            run(&l);
        }
        vec![bits(&mut out), bits(&mut grad), bits(&mut fault)]
    };
    let got = under_every_schedule(&case);
    if rows < 400 {
        without_races(&case);
    }
    let (w, dy) = (wide(&weight), wide(&dout));
    let mut grad = wide(&before);
    let mut out = vec![0.0; rows * d];
    for (m, &token) in tokens.iter().enumerate() {
        for c in 0..d {
            out[m * d + c] = w[token as usize * d + c];
            grad[token as usize * d + c] += dy[m * d + c];
        }
    }
    assert!(wide(&values::<T>(&got[0])) == out, "embed is a copy");
    close("embed_backward", &values::<f32>(&got[1]), &grad, 1e-6);
    assert_eq!(got[2], [0], "no fault");
}

#[test]
fn embed() {
    let mut random = Random(5);
    // One token; one token everywhere (a run over many chunks and tiles); runs that end at chunk edges; random ids over
    // one, two and three digits.
    embed_case::<f32>(&[3], 5, 8);
    embed_case::<u16>(&[7; 1100], 9, 16);
    let edges: Vec<u32> = (0..256).map(|i| [1u32, 1, 0, 2][i / 64]).collect();
    embed_case::<f32>(&edges, 3, 24);
    let edges: Vec<u32> =
        (0..200).map(|i| u32::from(i >= 63) + u32::from(i >= 65) + u32::from(i >= 129)).collect();
    embed_case::<u16>(&edges, 4, 8);
    for (n, vocabulary, d) in [(193, 11, 40), (1500, 700, 16), (300, 70_000, 8)] {
        let tokens: Vec<u32> = (0..n).map(|_| random.below(vocabulary) as u32).collect();
        embed_case::<f32>(&tokens, vocabulary, d);
        embed_case::<u16>(&tokens, vocabulary, d);
    }
    // More columns than one block takes.
    embed_case::<u16>(&[2, 0, 2], 3, 2056);
}

fn bias_case<T: Real + Bits>(rows: usize, n: usize) {
    let mut random = Random(n as u64);
    let dout: Vec<T> = narrow(&random.floats(rows * n, 1.0));
    let before = random.floats(n, 1.0);
    let case = |run: &mut dyn FnMut(&smolc_kernels_cuda::Launch)| {
        let (d, mut grad) = (Buffer::new(&dout), Buffer::new(&before));
        let parts = Buffer::<f32>::poisoned(launch::bias_parts(rows) * n);
        let at = [d.address(), parts.address(), grad.address()];
        for l in launch::bias_gradient(T::DTYPE, at, rows, n).unwrap() {
            run(&l);
        }
        vec![bits(&mut grad)]
    };
    let got = under_every_schedule(&case);
    without_races(&case);
    let mut want = wide(&before);
    for (i, d) in wide(&dout).iter().enumerate() {
        want[i % n] += d;
    }
    close("bias_gradient", &values::<f32>(&got[0]), &want, 2e-6);
}

#[test]
fn bias_gradient() {
    for (rows, n) in [(1, 8), (33, 1160), (2100, 24)] {
        bias_case::<f32>(rows, n);
        bias_case::<u16>(rows, n);
    }
}

#[test]
fn a_token_without_a_row_is_a_fault() {
    let (tokens, weight) = (Buffer::new(&[0u32, 9]), Buffer::new(&[1f32; 16]));
    let (mut out, mut fault) = (Buffer::<f32>::poisoned(16), Buffer::new(&[0u32]));
    let at = [tokens.address(), weight.address(), out.address(), fault.address()];
    let l = launch::embed(f32::DTYPE, at, 2, 8, 2).unwrap();
    smolc_kernels_emulator::launch(&l, &smolc_kernels_emulator::Variant::Plain, Default::default()).unwrap();
    assert_eq!(bits(&mut fault), [1]);
    assert_eq!(out.as_mut_slice()[8..], [0.0; 8]);
}

#[test]
fn shapes_that_the_kernels_do_not_do_are_refused() {
    let at = 4096;
    let error = launch::swiglu(f32::DTYPE, at, at, 3, 12).unwrap_err().to_string();
    assert_eq!(error, "swiglu: f is 12; it must be a positive multiple of 8");
    assert!(launch::swiglu(f32::DTYPE, at + 8, at, 3, 8).unwrap_err().to_string().contains("multiple of 16"));
    assert!(launch::swiglu(f32::DTYPE, 0, at, 3, 8).unwrap_err().to_string().contains("no address"));
    assert!(launch::swiglu(f32::DTYPE, at, at, 0, 8).unwrap_err().to_string().contains("nothing to do"));
    assert!(launch::swiglu(u16::DTYPE, at, at, 1 << 32, 8).unwrap_err().to_string().contains("32-bit index"));
}
