//! Injected bugs: each file of `tests/bugs` breaks one line of a kernel, and each must be caught, in the way it says.
//!
//! A bug runs the same case as the kernel's own test, under every schedule and then under the race detector. It is caught
//! when a launch fails (`caught:` is then part of the message), or when the numbers are wrong (`caught: numbers`); an empty
//! `caught:` leaves open which comes first.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path as FilePath;

use smolc_kernels_cuda::Launch;
use smolc_kernels_cuda::launch::attention::{Path, Shape};
use smolc_kernels_cuda::launch::generation::{
    self, AttentionDecode, Cache, History, Sample, SamplingSettings,
};
use smolc_kernels_cuda::launch::{self, CrossEntropy, EmbedBackward, RmsNorm, RmsNormBackward};
use smolc_kernels_emulator::{Buffer, Mode, Variant, launch as run_launch};

use crate::attention::{Documents, Inputs};
use crate::common::*;

type Run<'a> = &'a mut dyn FnMut(&Launch);

type Results = Vec<Vec<u64>>;
type Judge = Box<dyn Fn(&[Vec<u64>])>;

/// A case, and what judges its results: panics if they are wrong.
struct Trial {
    case: Box<dyn Fn(Run) -> Results>,
    judge: Judge,
}

/// For kernels whose own tests compare with f64: wrong is what differs from the kernel without the bug.
fn compared(case: impl Fn(Run) -> Results + 'static) -> Trial {
    let right = run(&case, &Variant::Plain, Mode::ALL[0]);
    Trial { case: Box::new(case), judge: Box::new(move |got| assert!(got == right, "other numbers")) }
}

fn attention(path: Path, window: usize, rotate: bool) -> Trial {
    let shape = Shape { batch: 1, window, heads: 3, kv_heads: 1, head_dim: 64 };
    let inputs = std::rc::Rc::new(Inputs::<u16>::new(shape, Documents::At(65), 1.0));
    let judge = inputs.clone();
    Trial {
        case: Box::new(move |run| inputs.run(path, rotate, run)),
        judge: Box::new(move |got| judge.check("bug", got, rotate)),
    }
}

fn cross_entropy(run: Run) -> Results {
    let (count, v) = (3, 1001);
    let mut logits = Buffer::new(&Random(1).floats(count * v, 5.0));
    let (t, w, s) = (Buffer::new(&[5u32, 0, 1000]), Buffer::new(&[1f32; 3]), Buffer::new(&[1f32]));
    let (mut nll, fault) = (Buffer::<f32>::poisoned(count), Buffer::new(&[0u32]));
    let op = CrossEntropy {
        logits: logits.address(),
        pitch: v,
        targets: t.address(),
        weights: w.address(),
        scale: s.address(),
        nll: nll.address(),
        count,
        v,
        backward: true,
        fault: fault.address(),
    };
    run(&launch::cross_entropy(f32::DTYPE, op).unwrap());
    vec![bits(&mut logits), bits(&mut nll)]
}

fn rms_norm(run: Run) -> Results {
    let (rows, d) = (40, 576);
    let mut random = Random(2);
    let (x, w) = (Buffer::new(&random.floats(rows * d, 1.0)), Buffer::new(&random.floats(d, 1.0)));
    let (mut out, mut rstd) = (Buffer::<f32>::poisoned(rows * d), Buffer::<f32>::poisoned(rows));
    let op = RmsNorm {
        x: x.address(),
        residual: None,
        weight: w.address(),
        out: out.address(),
        rstd: rstd.address(),
        rows,
        d,
        eps: 1e-5,
    };
    run(&launch::rms_norm(f32::DTYPE, op).unwrap());
    let (mut dx, mut grad) = (Buffer::new(&vec![0f32; rows * d]), Buffer::new(&vec![0f32; d]));
    let parts = Buffer::<f32>::poisoned(launch::rms_norm_parts(rows) * d);
    let op = RmsNormBackward {
        x: x.address(),
        weight: w.address(),
        rstd: rstd.address(),
        dout: x.address(),
        dx: dx.address(),
        parts: parts.address(),
        grad_weight: grad.address(),
        rows,
        d,
    };
    for l in launch::rms_norm_backward(f32::DTYPE, op).unwrap() {
        run(&l);
    }
    vec![bits(&mut out), bits(&mut rstd), bits(&mut dx), bits(&mut grad)]
}

fn embed_backward(run: Run) -> Results {
    let (rows, d, vocabulary) = (200, 8, 6);
    let mut random = Random(3);
    let tokens: Vec<u32> = (0..rows).map(|_| random.below(vocabulary) as u32).collect();
    let (t, dy) = (Buffer::new(&tokens), Buffer::new(&random.floats(rows * d, 1.0)));
    let mut grad = Buffer::new(&vec![0f32; vocabulary * d]);
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
    for l in launch::embed_backward(f32::DTYPE, op).unwrap() {
        run(&l);
    }
    vec![bits(&mut grad)]
}

fn decode(run: Run) -> Results {
    let cache = Cache { batch: 1, capacity: 300, heads: 3, kv_heads: 1, head_dim: 64 };
    let mut random = Random(4);
    let (x, k) = (Buffer::new(&random.floats(5 * 64, 1.0)), Buffer::new(&random.floats(300 * 64, 1.0)));
    let v = Buffer::new(&random.floats(300 * 64, 1.0));
    let position = Buffer::new(&[299u32]);
    let (part, part_lse) = (Buffer::<f32>::poisoned(3 * 2 * 64), Buffer::<f32>::poisoned(6));
    let mut out = Buffer::<f32>::poisoned(3 * 64);
    let op = AttentionDecode {
        qkv: x.address(),
        keys: k.address(),
        values: v.address(),
        positions: position.address(),
        part: part.address(),
        part_lse: part_lse.address(),
        out: out.address(),
        cache,
    };
    for l in generation::attention_decode(f32::DTYPE, op).unwrap() {
        run(&l);
    }
    vec![bits(&mut out)]
}

/// Two rows with many ties, one greedy, one through every filter; two draws of each.
fn sampling(run: Run) -> Results {
    let (v, slots) = (700, 4);
    let mut logits: Vec<f32> = Random(6).floats(2 * v, 2.0).iter().map(|x| (x * 4.0).round() / 4.0).collect();
    (logits[300], logits[650]) = (9.0, 9.0);
    let filters =
        SamplingSettings { temperature: 0.9, top_p: 0.8, min_p: 0.02, top_k: 90, seed: 3, counter: 0 };
    let settings = [SamplingSettings::GREEDY.bytes(), filters.bytes()].concat();
    let (l, mut s) = (Buffer::new(&logits), Buffer::new(&settings));
    let (mut tokens, fault) = (Buffer::<u32>::poisoned(2), Buffer::new(&[0u32]));
    let (mut positions, mut drawn) = (Buffer::new(&[0u32, 1]), Buffer::new(&[0u32; 8]));
    let op = Sample {
        logits: l.address(),
        settings: s.address(),
        tokens: tokens.address(),
        fault: fault.address(),
        rows: 2,
        v,
        pitch: v,
        history: Some(History { positions: positions.address(), drawn: drawn.address(), slots }),
    };
    for _ in 0..2 {
        run(&generation::sample(f32::DTYPE, op).unwrap());
    }
    vec![bits(&mut tokens), bits(&mut s), bits(&mut positions), bits(&mut drawn)]
}

fn trial(kernel: &str) -> Trial {
    match kernel {
        "attention_forward.cu" | "attention_backward.cu" => attention(Path::Portable, 193, true),
        // Five tiles of keys: more than the ring has stages.
        "attention_forward_hopper.cu" | "attention_backward_hopper.cu" | "attention_dq_finish.cu" => {
            attention(Path::Hopper, 520, true)
        }
        "attention_f32.cu" => compared(|run| {
            let shape = Shape { batch: 1, window: 66, heads: 2, kv_heads: 1, head_dim: 16 };
            Inputs::<f32>::new(shape, Documents::At(33), 1.0).run(Path::Portable, false, run)
        }),
        "cross_entropy.cu" => compared(cross_entropy),
        "rms_norm.cu" => compared(rms_norm),
        "embed.cu" => compared(embed_backward),
        "attention_decode.cu" => compared(decode),
        "sampling.cu" => compared(sampling),
        other => panic!("no case for a bug in {other}"),
    }
}

/// How a bug showed, or `None`.
fn caught(name: &str, trial: &Trial) -> Option<String> {
    let variant = Variant::Bug(name.into());
    // The detector first in the schedules that differ most; plain numbers before it.
    let modes =
        Mode::ALL.into_iter().chain([Mode { race: 1, ..Mode::ALL[1] }, Mode { race: 1, ..Mode::ALL[2] }]);
    for mode in modes {
        let failure = std::cell::RefCell::new(None);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let got = (trial.case)(&mut |l| {
                // Kernels of other files are as they should be.
                let result = run_launch(l, &variant, mode);
                let result = match result {
                    Err(e) if e.starts_with("no kernel") => {
                        run_launch(l, &Variant::Plain, Mode { race: 0, ..mode })
                    }
                    other => other,
                };
                if let Err(e) = result {
                    *failure.borrow_mut() = Some(e);
                    panic!("launch");
                }
            });
            (trial.judge)(&got);
        }));
        if outcome.is_err() {
            return Some(failure.into_inner().unwrap_or_else(|| "numbers".into()));
        }
    }
    None
}

/// Runs the bugs in which `which` of `parts` falls: tests run side by side.
fn hunt(which: usize, parts: usize) {
    let folder = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("tests/bugs");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 20, "at least twenty bugs");
    let mut missed = Vec::new();
    for file in files.iter().skip(which).step_by(parts) {
        let text = std::fs::read_to_string(file).unwrap();
        let field = |key: &str| text.lines().find_map(|l| l.strip_prefix(key)).map(str::trim);
        let name = file.file_stem().unwrap().to_str().unwrap();
        // `case:` where a kernel matters to others than its own trial.
        let trial = trial(field("case:").or(field("kernel:")).unwrap());
        let expected = field("caught:").unwrap();
        match caught(name, &trial) {
            Some(how) if how.contains(expected) => println!("{name}: {how}"),
            Some(how) => missed.push(format!("{name}: expected {expected}, but: {how}")),
            None => missed.push(format!("{name}: not caught")),
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn every_bug_is_caught_1() {
    hunt(0, 2);
}

#[test]
fn every_bug_is_caught_2() {
    hunt(1, 2);
}
