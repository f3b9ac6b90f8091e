//! Attention on every path against f64, over the edges: windows around tile sizes, documents of one token, boundaries around
//! tile edges, groups of 1, 3 and 4, heads of 64 and 128.

use smolc_kernels_cuda::Launch;
use smolc_kernels_cuda::launch::LaunchError;
use smolc_kernels_cuda::launch::attention::{self, Backward, Forward, Path, Rotation, Shape};
use smolc_kernels_emulator::{Buffer, Mode, Variant};

use crate::common::*;

/// How the tokens of a sequence are divided into documents.
#[derive(Clone, Copy, Debug)]
pub enum Documents {
    /// One.
    Whole,
    /// Documents of one token each.
    Single,
    /// One boundary at this token.
    At(usize),
    /// Of random lengths from 1 to this many tokens.
    Random(usize),
}

impl Documents {
    pub fn starts(self, batch: usize, window: usize) -> Vec<u32> {
        let mut random = Random(window as u64);
        let mut starts = Vec::new();
        for _ in 0..batch {
            let (mut start, mut left) = (0, 0);
            for t in 0..window {
                let begins = match self {
                    Documents::Whole => false,
                    Documents::Single => true,
                    Documents::At(boundary) => t == boundary,
                    Documents::Random(longest) => {
                        left -= 1;
                        let begins = left < 0;
                        if begins {
                            left = random.below(longest) as i64;
                        }
                        begins
                    }
                };
                if begins {
                    start = t as u32;
                }
                starts.push(start);
            }
        }
        starts
    }
}

/// What the kernels compute, in f64.
pub struct Reference {
    pub out: Vec<f64>,
    pub lse: Vec<f64>,
    pub delta: Vec<f64>,
    pub dqkv: Vec<f64>,
}

pub fn reference(qkv: &[f64], dout: &[f64], starts: &[u32], s: Shape) -> Reference {
    let Shape { batch, window, heads, kv_heads, head_dim: d } = s;
    let (row, out_row, scale) = (s.row(), heads * d, 1.0 / (d as f64).sqrt());
    let mut r = Reference {
        out: vec![0.0; batch * window * out_row],
        lse: vec![0.0; batch * heads * window],
        delta: vec![0.0; batch * heads * window],
        dqkv: vec![0.0; qkv.len()],
    };
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    for b in 0..batch {
        for h in 0..heads {
            let kv = h / (heads / kv_heads);
            for t in 0..window {
                let token = b * window + t;
                let q_at = token * row + h * d;
                let key = |j: usize| (b * window + j) * row + (heads + kv) * d;
                let value = |j: usize| key(j) + kv_heads * d;
                let start = starts[token] as usize;
                let scores: Vec<f64> =
                    (start..=t).map(|j| dot(&qkv[q_at..][..d], &qkv[key(j)..][..d]) * scale).collect();
                let top = scores.iter().copied().fold(f64::MIN, f64::max);
                let sum: f64 = scores.iter().map(|x| (x - top).exp()).sum();
                let (out, dy) = (token * out_row + h * d, &dout[token * out_row + h * d..][..d]);
                let p: Vec<f64> = scores.iter().map(|x| (x - top).exp() / sum).collect();
                for (p, j) in p.iter().zip(start..) {
                    for c in 0..d {
                        r.out[out + c] += p * qkv[value(j) + c];
                    }
                }
                let delta = dot(dy, &r.out[out..][..d]);
                let at = (b * heads + h) * window + t;
                (r.lse[at], r.delta[at]) = (top + sum.ln(), delta);
                for (p, j) in p.iter().zip(start..) {
                    let ds = p * (dot(dy, &qkv[value(j)..][..d]) - delta);
                    for c in 0..d {
                        r.dqkv[value(j) + c] += p * dy[c];
                        r.dqkv[key(j) + c] += scale * ds * qkv[q_at + c];
                        r.dqkv[q_at + c] += scale * ds * qkv[key(j) + c];
                    }
                }
            }
        }
    }
    r
}

/// Inputs of one case and the tensors it makes.
pub struct Inputs<T> {
    pub qkv: Vec<T>,
    pub dout: Vec<T>,
    pub starts: Vec<u32>,
    pub positions: Vec<u32>,
    pub cos: Vec<f32>,
    pub sin: Vec<f32>,
    pub shape: Shape,
}

impl<T: Real + Bits> Inputs<T> {
    pub fn new(shape: Shape, documents: Documents, scale: f32) -> Inputs<T> {
        let mut random = Random((shape.window * 31 + shape.heads) as u64);
        let tokens = shape.batch * shape.window;
        let angles = random.floats(shape.window * shape.head_dim / 2, 3.0);
        Inputs {
            qkv: narrow(&random.floats(tokens * shape.row(), scale)),
            dout: narrow(&random.floats(tokens * shape.heads * shape.head_dim, 1.0)),
            starts: documents.starts(shape.batch, shape.window),
            positions: (0..tokens).map(|_| random.below(shape.window) as u32).collect(),
            cos: angles.iter().map(|a| a.cos()).collect(),
            sin: angles.iter().map(|a| a.sin()).collect(),
            shape,
        }
    }

    /// out, lse, delta, dqkv.
    pub fn run(&self, path: Path, rotate: bool, run: &mut dyn FnMut(&Launch)) -> Vec<Vec<u64>> {
        self.run_with(path, rotate, |op| attention::backward(T::DTYPE, path, op), run)
    }

    /// The same with other launches for the backward pass.
    pub fn run_with(
        &self,
        path: Path,
        rotate: bool,
        launches: impl Fn(Backward) -> Result<[Launch; 3], LaunchError>,
        run: &mut dyn FnMut(&Launch),
    ) -> Vec<Vec<u64>> {
        let s = self.shape;
        let tokens = s.batch * s.window;
        let (qkv, dout, starts) =
            (Buffer::new(&self.qkv), Buffer::new(&self.dout), Buffer::new(&self.starts));
        let mut out = Buffer::<T>::poisoned(tokens * s.heads * s.head_dim);
        let mut lse = Buffer::<f32>::poisoned(tokens * s.heads);
        let mut delta = Buffer::<f32>::poisoned(tokens * s.heads);
        let mut dqkv = Buffer::<T>::poisoned(tokens * s.row());
        let (positions, cos, sin) =
            (Buffer::new(&self.positions), Buffer::new(&self.cos), Buffer::new(&self.sin));
        let mut scratch = Buffer::<f32>::poisoned(attention::backward_scratch(T::DTYPE, path, s).div_ceil(4));
        let forward = Forward {
            qkv: qkv.address(),
            document_start: starts.address(),
            out: out.address(),
            lse: lse.address(),
            shape: s,
        };
        run(&attention::forward(T::DTYPE, path, forward).unwrap());
        let backward = Backward {
            qkv: qkv.address(),
            document_start: starts.address(),
            out: out.address(),
            lse: lse.address(),
            dout: dout.address(),
            delta: delta.address(),
            dqkv: dqkv.address(),
            scratch: scratch.address(),
            rotation: rotate.then(|| Rotation {
                positions: positions.address(),
                cos: cos.address(),
                sin: sin.address(),
            }),
            shape: s,
        };
        for l in launches(backward).unwrap() {
            run(&l);
        }
        assert!(scratch.intact(), "something was written behind the end of the scratch memory");
        vec![bits(&mut out), bits(&mut lse), bits(&mut delta), bits(&mut dqkv)]
    }

    #[track_caller]
    pub fn check(&self, name: &str, got: &[Vec<u64>], rotate: bool) {
        let s = self.shape;
        let mut want = reference(&wide(&self.qkv), &wide(&self.dout), &self.starts, s);
        if rotate {
            self.rotate_back(&mut want.dqkv);
        }
        // f32: the sums' own rounding. bf16: that of P and dS, of the inputs of delta, and of what is stored.
        let (result, gradient) = if T::TOLERANCE < 1e-4 { (3e-6, 3e-5) } else { (6e-3, 1.2e-2) };
        close(&format!("{name}: out"), &values::<T>(&got[0]), &want.out, result);
        let lse: Vec<f64> = wide(&values::<f32>(&got[1]));
        let worst = lse.iter().zip(&want.lse).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(worst < 2e-4 && lse.iter().all(|x| x.is_finite()), "{name}: lse is off by {worst:e}");
        let dqkv = values::<T>(&got[3]);
        // q, k and v apart, so that a large one does not hide a small one; each relative to all gradients' size, because
        // a document of one token has no gradient in q and k at all.
        let rms = (want.dqkv.iter().map(|x| x * x).sum::<f64>() / want.dqkv.len() as f64).sqrt();
        for (part, from, to) in [
            ("dq", 0, s.heads * s.head_dim),
            ("dk", s.heads * s.head_dim, (s.heads + s.kv_heads) * s.head_dim),
            ("dv", (s.heads + s.kv_heads) * s.head_dim, s.row()),
        ] {
            let cut =
                |x: &[f64]| -> Vec<f64> { x.chunks(s.row()).flat_map(|r| r[from..to].to_vec()).collect() };
            let (g, w) = (cut(&wide(&dqkv)), cut(&want.dqkv));
            let error = (g.iter().zip(&w).map(|(g, w)| (g - w).powi(2)).sum::<f64>() / w.len() as f64).sqrt();
            let size = (w.iter().map(|w| w * w).sum::<f64>() / w.len() as f64).sqrt().max(0.2 * rms);
            assert!(error <= gradient * size, "{name}: {part}: error {error:.2e} of {size:.2e}");
            // A few wrong elements among many right ones.
            let worst = g.iter().zip(&w).map(|(g, w)| (g - w).abs()).fold(0.0, f64::max);
            assert!(
                worst <= 12.0 * gradient * size,
                "{name}: {part}: an element is off by {worst:.2e} of {size:.2e}"
            );
        }
    }

    fn rotate_back(&self, dqkv: &mut [f64]) {
        let s = self.shape;
        let half = s.head_dim / 2;
        for (m, row) in dqkv.chunks_mut(s.row()).enumerate() {
            for head in row[..(s.heads + s.kv_heads) * s.head_dim].chunks_mut(s.head_dim) {
                for i in 0..half {
                    let angle = self.positions[m] as usize * half + i;
                    let (c, sn) = (f64::from(self.cos[angle]), f64::from(self.sin[angle]));
                    let (a, b) = (head[i], head[i + half]);
                    head[i] = a * c + b * sn;
                    head[i + half] = b * c - a * sn;
                }
            }
        }
    }
}

/// Every edge at every window; schedules in turn, so that each is met by many shapes.
fn edges<T: Real + Bits>(path: Path, d: usize, groups: &[(usize, usize)], windows: &[usize]) {
    let mut turn = 0;
    for &window in windows {
        for &(heads, kv_heads) in groups {
            let mut documents = vec![Documents::Whole, Documents::Random(40)];
            if window > 60 {
                documents.extend(
                    [Documents::At(63), Documents::At(64), Documents::At(65)]
                        .iter()
                        .copied()
                        .filter(|b| matches!(b, Documents::At(t) if *t < window)),
                );
            }
            if window < 70 {
                documents.push(Documents::Single);
            }
            for documents in documents {
                // All documents at one group, the plain and the random ones at all.
                if (heads, kv_heads) != groups[0] && matches!(documents, Documents::At(_)) {
                    continue;
                }
                let shape = Shape { batch: 1 + turn % 2, window, heads, kv_heads, head_dim: d };
                let inputs = Inputs::<T>::new(shape, documents, 1.0);
                let rotate = T::TOLERANCE > 1e-4 && turn % 3 == 0;
                let mode = Mode::ALL[turn % 4];
                let got = run(&|r| inputs.run(path, rotate, r), &Variant::Plain, mode);
                inputs.check(
                    &format!("{path:?} {shape:?} {documents:?} rotate {rotate} {mode:?}"),
                    &got,
                    rotate,
                );
                turn += 1;
            }
        }
    }
}

const WINDOWS: [usize; 8] = [1, 2, 63, 64, 65, 191, 192, 193];

#[test]
fn f32() {
    edges::<f32>(Path::Portable, 64, &[(3, 1), (2, 2), (4, 1)], &WINDOWS);
    edges::<f32>(Path::Portable, 32, &[(2, 1)], &[1, 33, 65]);
    edges::<f32>(Path::Portable, 16, &[(1, 1)], &[1, 31, 32, 33]);
    edges::<f32>(Path::Portable, 128, &[(2, 2)], &[1, 65]);
}

#[test]
fn f32_equals_the_cpu_operators() {
    let shape = Shape { batch: 2, window: 97, heads: 4, kv_heads: 2, head_dim: 32 };
    let inputs = Inputs::<f32>::new(shape, Documents::Random(30), 1.0);
    let got = run(&|r| inputs.run(Path::Portable, false, r), &Variant::Plain, Mode::ALL[0]);
    let pool = smolc_kernels_cpu::Pool::new(1);
    let heads = smolc_kernels_cpu::Heads { heads: 4, kv_heads: 2, head_dim: 32 };
    let (mut out, mut lse) = (vec![0.0; got[0].len()], vec![0.0; got[1].len()]);
    let (mut delta, mut dqkv) = (vec![0.0; got[2].len()], vec![0.0; got[3].len()]);
    smolc_kernels_cpu::attention(&pool, &inputs.qkv, &inputs.starts, &mut out, &mut lse, 2, 97, heads);
    smolc_kernels_cpu::attention_backward(
        &pool,
        &inputs.qkv,
        &inputs.starts,
        &out,
        &lse,
        &inputs.dout,
        &mut delta,
        &mut dqkv,
        2,
        97,
        heads,
    );
    for (name, got, cpu) in
        [("out", &got[0], &out), ("lse", &got[1], &lse), ("delta", &got[2], &delta), ("dqkv", &got[3], &dqkv)]
    {
        close(name, &values::<f32>(got), &wide(cpu), 2e-6);
    }
}

#[test]
fn portable_64() {
    edges::<u16>(Path::Portable, 64, &[(3, 1), (2, 2), (4, 1), (2, 1)], &WINDOWS);
}

#[test]
fn portable_128() {
    edges::<u16>(Path::Portable, 128, &[(2, 1), (3, 1), (1, 1)], &WINDOWS);
}

#[test]
fn hopper_64() {
    edges::<u16>(Path::Hopper, 64, &[(3, 1), (2, 2), (4, 1)], &WINDOWS);
}

#[test]
fn hopper_128() {
    edges::<u16>(Path::Hopper, 128, &[(2, 1), (3, 1), (4, 1)], &WINDOWS);
}

/// Longer than two tiles of every kernel, with documents that begin in every third of it.
#[test]
fn long_windows() {
    for (path, d, heads, kv_heads) in [
        (Path::Portable, 64, 3, 1),
        (Path::Hopper, 64, 3, 1),
        (Path::Hopper, 64, 2, 2),
        (Path::Hopper, 128, 2, 1),
    ] {
        let shape = Shape { batch: 1, window: 450, heads, kv_heads, head_dim: d };
        for documents in [Documents::Whole, Documents::At(129), Documents::At(256), Documents::Random(200)] {
            let inputs = Inputs::<u16>::new(shape, documents, 1.0);
            let got = run(&|r| inputs.run(path, false, r), &Variant::Plain, Mode::ALL[2]);
            inputs.check(&format!("{path:?} {shape:?} {documents:?}"), &got, false);
        }
    }
}

/// Scores far apart: the softmax picks one key.
#[test]
fn saturated_softmax() {
    let shape = Shape { batch: 1, window: 130, heads: 3, kv_heads: 1, head_dim: 64 };
    let inputs = Inputs::<u16>::new(shape, Documents::Whole, 8.0);
    let got = run(&|r| inputs.run(Path::Portable, false, r), &Variant::Plain, Mode::ALL[1]);
    let want = reference(&wide(&inputs.qkv), &wide(&inputs.dout), &inputs.starts, shape);
    close("out", &values::<u16>(&got[0]), &want.out, 1e-2);
    assert!(values::<u16>(&got[3]).iter().all(|x| x.to_f32().is_finite()));
}

/// The bits do not depend on how the threads are interleaved.
#[test]
fn schedules_do_not_matter() {
    for (path, d, heads, kv_heads) in [
        (Path::Portable, 64, 3, 1),
        (Path::Portable, 128, 2, 1),
        (Path::Hopper, 64, 3, 1),
        (Path::Hopper, 128, 1, 1),
    ] {
        let shape = Shape { batch: 1, window: 300, heads, kv_heads, head_dim: d };
        let inputs = Inputs::<u16>::new(shape, Documents::At(65), 1.0);
        under_every_schedule(&|r| inputs.run(path, true, r));
    }
    let shape = Shape { batch: 1, window: 66, heads: 2, kv_heads: 1, head_dim: 32 };
    under_every_schedule(&|r| {
        Inputs::<f32>::new(shape, Documents::At(33), 1.0).run(Path::Portable, false, r)
    });
}

#[test]
fn no_races() {
    for (path, d, heads, kv_heads, window) in [
        (Path::Portable, 64, 3, 1, 130),
        (Path::Portable, 128, 1, 1, 130),
        (Path::Hopper, 64, 3, 1, 520),
        (Path::Hopper, 64, 1, 1, 400),
        (Path::Hopper, 128, 2, 1, 400),
    ] {
        let shape = Shape { batch: 1, window, heads, kv_heads, head_dim: d };
        let inputs = Inputs::<u16>::new(shape, Documents::At(65), 1.0);
        without_races(&|r| inputs.run(path, true, r));
    }
    let shape = Shape { batch: 1, window: 66, heads: 2, kv_heads: 1, head_dim: 16 };
    without_races(&|r| Inputs::<f32>::new(shape, Documents::At(33), 1.0).run(Path::Portable, false, r));
}

#[test]
fn refusals() {
    let shape = Shape { batch: 1, window: 8, heads: 3, kv_heads: 2, head_dim: 64 };
    let op = Forward { qkv: 4096, document_start: 4096, out: 4096, lse: 4096, shape };
    let refused = |dtype, op| attention::forward(dtype, Path::Portable, op).unwrap_err().to_string();
    assert!(refused(u16::DTYPE, op).contains("equal groups"));
    let op = Forward { shape: Shape { heads: 2, head_dim: 96, ..shape }, ..op };
    assert_eq!(
        refused(u16::DTYPE, op),
        "attention_forward: head size 96 in bf16; there are kernels for [64, 128]"
    );
}
