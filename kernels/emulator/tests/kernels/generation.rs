//! Decoding against a cache, and sampling.

use smolc_eval::Sampling;
use smolc_kernels_cuda::launch::generation::{
    self, AttentionDecode, Cache, CacheAppend, History, Sample, SamplingSettings,
};
use smolc_kernels_emulator::{Buffer, Mode, Variant};

use crate::attention::reference;
use crate::common::*;

fn decode_case<T: Real + Bits>(cache: Cache, lengths: &[usize]) {
    let Cache { batch, capacity, heads, kv_heads, head_dim: d } = cache;
    let row = (heads + 2 * kv_heads) * d;
    let mut random = Random((capacity + d) as u64);
    // Every token of every sequence; the cache is filled by appending all but the last, then the last alone.
    let tokens: Vec<Vec<T>> = lengths.iter().map(|n| narrow(&random.floats(n * row, 1.0))).collect();
    let (mut prefill, mut sequences, mut positions) = (Vec::new(), Vec::new(), Vec::new());
    for (b, n) in lengths.iter().enumerate() {
        for t in 0..n - 1 {
            prefill.extend_from_slice(&tokens[b][t * row..][..row]);
            sequences.push(b as u32);
            positions.push(t as u32);
        }
    }
    let step: Vec<T> = tokens.iter().flat_map(|t| t[t.len() - row..].to_vec()).collect();
    let last: Vec<u32> = lengths.iter().map(|n| *n as u32 - 1).collect();
    let case = |run: &mut dyn FnMut(&smolc_kernels_cuda::Launch)| {
        let (mut k, mut v) = (
            Buffer::<T>::poisoned(batch * capacity * kv_heads * d),
            Buffer::<T>::poisoned(batch * capacity * kv_heads * d),
        );
        let (p, s, at) = (Buffer::new(&prefill), Buffer::new(&sequences), Buffer::new(&positions));
        let (x, last) = (Buffer::new(&step), Buffer::new(&last));
        let mut append = CacheAppend {
            qkv: p.address(),
            sequences: s.address(),
            positions: at.address(),
            keys: k.address(),
            values: v.address(),
            rows: positions.len(),
            cache,
        };
        if append.rows > 0 {
            run(&generation::cache_append(T::DTYPE, append).unwrap());
        }
        append =
            CacheAppend { qkv: x.address(), sequences: 0, positions: last.address(), rows: batch, ..append };
        run(&generation::cache_append(T::DTYPE, append).unwrap());
        let part = Buffer::<f32>::poisoned(batch * heads * cache.chunks() * d);
        let part_lse = Buffer::<f32>::poisoned(batch * heads * cache.chunks());
        let mut out = Buffer::<T>::poisoned(batch * heads * d);
        let op = AttentionDecode {
            qkv: x.address(),
            keys: k.address(),
            values: v.address(),
            positions: last.address(),
            part: part.address(),
            part_lse: part_lse.address(),
            out: out.address(),
            cache,
        };
        for l in generation::attention_decode(T::DTYPE, op).unwrap() {
            run(&l);
        }
        assert!(k.intact() && v.intact());
        vec![bits(&mut out)]
    };
    let got = under_every_schedule(&case);
    without_races(&case);
    let got: Vec<T> = values(&got[0]);
    for (b, n) in lengths.iter().enumerate() {
        let shape = smolc_kernels_cuda::launch::attention::Shape {
            batch: 1,
            window: *n,
            heads,
            kv_heads,
            head_dim: d,
        };
        let want = reference(&wide(&tokens[b]), &vec![0.0; n * heads * d], &vec![0; *n], shape);
        close(
            &format!("decode of sequence {b}, {n} of {cache:?}"),
            &got[b * heads * d..][..heads * d],
            &want.out[(n - 1) * heads * d..],
            T::TOLERANCE,
        );
    }
}

#[test]
fn decode() {
    let cache =
        |batch, capacity, heads, kv_heads, head_dim| Cache { batch, capacity, heads, kv_heads, head_dim };
    decode_case::<f32>(cache(1, 1, 1, 1, 8), &[1]);
    decode_case::<f32>(cache(3, 300, 3, 1, 64), &[1, 257, 255]);
    decode_case::<u16>(cache(2, 600, 6, 2, 64), &[256, 513]);
    decode_case::<u16>(cache(2, 70, 5, 1, 128), &[3, 64]);
    decode_case::<u16>(cache(1, 20, 2, 2, 96), &[17]);
}

const SETTINGS: SamplingSettings =
    SamplingSettings { temperature: 1.0, top_p: 1.0, min_p: 0.0, top_k: 0, seed: 11, counter: 0 };

/// The tokens drawn for one row of logits, `draws` times, and the fault word.
fn draw<T: Real + Bits>(logits: &[f32], settings: SamplingSettings, draws: usize) -> (Vec<u32>, u64) {
    settings.check().unwrap();
    let v = logits.len();
    // The same row under settings whose counters follow each other.
    let rows: Vec<T> = (0..draws).flat_map(|_| narrow::<T>(logits)).collect();
    let settings: Vec<u8> = (0..draws as u64)
        .flat_map(|i| SamplingSettings { counter: settings.counter + i, ..settings }.bytes())
        .collect();
    let (l, s) = (Buffer::new(&rows), Buffer::new(&settings));
    let (mut tokens, mut fault) = (Buffer::<u32>::poisoned(draws), Buffer::new(&[0u32]));
    let op = Sample {
        logits: l.address(),
        settings: s.address(),
        tokens: tokens.address(),
        fault: fault.address(),
        rows: draws,
        v,
        pitch: v,
        history: None,
    };
    let launch = generation::sample(T::DTYPE, op).unwrap();
    smolc_kernels_emulator::launch(&launch, &Variant::Plain, Mode { threads: 2, ..Mode::ALL[2] }).unwrap();
    (values(&bits(&mut tokens)), bits(&mut fault)[0])
}

fn seen(logits: &[f32], settings: SamplingSettings, draws: usize) -> Vec<usize> {
    let mut count = vec![0; logits.len()];
    for token in draw::<f32>(logits, settings, draws).0 {
        count[token as usize] += 1;
    }
    count
}

#[test]
fn greedy_takes_the_first_of_equals() {
    let greedy = SamplingSettings { temperature: 0.0, ..SETTINGS };
    assert_eq!(draw::<f32>(&[1.0, 3.0, 3.0, 2.0], greedy, 1).0, [1]);
    assert_eq!(draw::<u16>(&[-1.0, -3.0, -1.0], greedy, 1).0, [0]);
    assert_eq!(draw::<f32>(&[-0.0, 0.0], greedy, 1).0, [0]);
    let mut long = vec![-2.0; 5003];
    (long[5002], long[700]) = (-1.5, -1.5);
    assert_eq!(draw::<f32>(&long, greedy, 1).0, [700]);
}

#[test]
fn frequencies_follow_the_probabilities() {
    let logits = [2f32.ln(), 0.0, 0.0];
    let n = 3000;
    let count = seen(&logits, SETTINGS, n);
    // 0.5, 0.25, 0.25, within five deviations.
    for (c, p) in count.iter().zip([0.5, 0.25, 0.25]) {
        assert!((*c as f64 - p * n as f64).abs() < 5.0 * (n as f64 * p * (1.0 - p)).sqrt(), "{count:?}");
    }
    // At temperature 1/2 the odds are squared: 4 : 1 : 1.
    let cold = seen(&logits, SamplingSettings { temperature: 0.5, ..SETTINGS }, n);
    assert!((cold[0] as f64 - n as f64 * 2.0 / 3.0).abs() < 5.0 * (n as f64 * 2.0 / 9.0).sqrt(), "{cold:?}");
    assert_ne!(seen(&logits, SamplingSettings { seed: 12, ..SETTINGS }, n), count);
}

/// The cases of the CPU's own test.
#[test]
fn filters_keep_what_they_say() {
    let logits: Vec<f32> = [0.4f32, 0.3, 0.2, 0.1].iter().map(|p| p.ln()).collect();
    let kept = |s: SamplingSettings| -> Vec<usize> {
        let count = seen(&logits, s, 150);
        (0..4).filter(|&i| count[i] > 0).collect()
    };
    assert_eq!(kept(SETTINGS), [0, 1, 2, 3]);
    assert_eq!(kept(SamplingSettings { top_k: 2, ..SETTINGS }), [0, 1]);
    assert_eq!(kept(SamplingSettings { top_k: 9, ..SETTINGS }), [0, 1, 2, 3]);
    assert_eq!(kept(SamplingSettings { top_p: 0.65, ..SETTINGS }), [0, 1]);
    assert_eq!(kept(SamplingSettings { top_p: 0.75, ..SETTINGS }), [0, 1, 2]);
    assert_eq!(kept(SamplingSettings { top_p: 1e-9, ..SETTINGS }), [0]);
    assert_eq!(kept(SamplingSettings { min_p: 0.6, ..SETTINGS }), [0, 1]);
    assert_eq!(kept(SamplingSettings { min_p: 1.0, ..SETTINGS }), [0]);
    // top-p works on what top-k left: 0.4 of 0.7.
    assert_eq!(kept(SamplingSettings { top_k: 2, top_p: 0.55, ..SETTINGS }), [0]);
    // Equal logits at the edge: the lowest ids stay.
    let equal = vec![1.0; 1200];
    let count = seen(&equal, SamplingSettings { top_k: 3, ..SETTINGS }, 60);
    assert_eq!(count[..3].iter().sum::<usize>(), 60);
    let count = seen(&equal, SamplingSettings { top_p: 0.0027, ..SETTINGS }, 60);
    assert_eq!(count[..4].iter().sum::<usize>(), 60, "4 of 1200 tokens reach 0.27%");
    assert!(count[3] > 0);
    let count = seen(&equal[..4], SamplingSettings { top_p: 0.5, ..SETTINGS }, 60);
    assert_eq!(count[..2].iter().sum::<usize>(), 60, "2 of 4 reach a half exactly");
    let count = seen(&equal, SamplingSettings { top_k: 3, top_p: 0.5, ..SETTINGS }, 60);
    assert_eq!(count[..2].iter().sum::<usize>(), 60, "2 of the 3 that top-k left reach a half");
}

/// Not only the same law: the same token from the same logits, whatever the options, with ties and in bf16.
#[test]
fn every_token_is_the_cpus() {
    let mut random = Random(77);
    let mut count = 0;
    for v in [1usize, 3, 517, 2048] {
        // Spread, nearly flat, with many ties, and with values far apart.
        for (deviation, grid) in [(3.0, 0.0), (0.01, 0.0), (2.0, 0.5), (60.0, 0.0)] {
            let logits = random.floats(v, deviation);
            let round = |x: f32| if grid > 0.0 { (x / grid).round() * grid } else { x };
            let logits: Vec<f32> = logits.into_iter().map(round).collect();
            let half: Vec<f32> = narrow::<u16>(&logits).iter().map(|x| x.to_f32()).collect();
            for (temperature, top_k, top_p, min_p) in [
                (0.0, None, 1.0, 0.0),
                (1.0, None, 1.0, 0.0),
                (0.7, Some(5), 1.0, 0.0),
                (1.3, None, 0.9, 0.0),
                (0.9, Some(40), 0.8, 0.0),
                (0.9, Some(3), 0.999, 0.05),
                (1e-6, None, 0.5, 1.0),
                (30.0, Some(1), 1e-6, 0.1),
            ] {
                let host = Sampling { temperature, top_k, top_p, min_p, seed: 5 + v as u64 };
                host.verify().unwrap();
                let settings = SamplingSettings {
                    temperature: temperature as f32,
                    top_p: top_p as f32,
                    min_p: min_p as f32,
                    top_k: top_k.unwrap_or(0) as u32,
                    seed: host.seed,
                    counter: 0,
                };
                let n = 12;
                let want = |logits: &[f32]| -> Vec<u32> {
                    (0..n as u64).map(|i| host.choose(logits, i).unwrap()).collect()
                };
                assert_eq!(draw::<f32>(&logits, settings, n).0, want(&logits), "{v} {host:?}");
                assert_eq!(draw::<u16>(&logits, settings, n).0, want(&half), "{v} bf16 {host:?}");
                count += 2 * n;
            }
        }
    }
    assert_eq!(count, 4 * 4 * 8 * 24);
}

/// Over long rows, the set that stays is that of a sort.
#[test]
fn selection_agrees_with_sorting() {
    let logits = Random(9).floats(3001, 4.0);
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]).then(a.cmp(&b)));
    for top_k in [1usize, 5, 40] {
        let count = seen(&logits, SamplingSettings { top_k: top_k as u32, ..SETTINGS }, 60);
        assert!(order[top_k..].iter().all(|&i| count[i] == 0), "a token behind the first {top_k} was drawn");
    }
    let top = logits[order[0]];
    let weights: Vec<f64> = order.iter().map(|&i| f64::from(logits[i] - top).exp()).collect();
    let total: f64 = weights.iter().sum();
    let (mut sum, mut n) = (0.0, 0);
    while sum < 0.01 * total {
        sum += weights[n];
        n += 1;
    }
    let count = seen(&logits, SamplingSettings { top_p: 0.01, ..SETTINGS }, 200);
    assert!(order[n..].iter().all(|&i| count[i] == 0), "a token behind the first {n} was drawn");
    assert!(order[..n].iter().filter(|&&i| count[i] > 0).count() > n / 2);
}

#[test]
fn logits_that_are_not_finite_are_a_fault() {
    let (tokens, fault) = draw::<f32>(&[1.0, f32::NAN], SETTINGS, 1);
    assert_eq!((tokens[0], fault), (u32::MAX, 4));
}

#[test]
fn counters_advance_and_schedules_do_not_matter() {
    let logits = Random(1).floats(700, 3.0);
    let settings = SamplingSettings { top_k: 50, top_p: 0.9, min_p: 0.01, ..SETTINGS }.bytes();
    let case = |run: &mut dyn FnMut(&smolc_kernels_cuda::Launch)| {
        let (l, mut s) = (Buffer::new(&logits), Buffer::new(&settings));
        let (mut tokens, mut fault) = (Buffer::<u32>::poisoned(1), Buffer::new(&[0u32]));
        let (mut positions, mut drawn) = (Buffer::new(&[4u32]), Buffer::<u32>::poisoned(6));
        let op = Sample {
            logits: l.address(),
            settings: s.address(),
            tokens: tokens.address(),
            fault: fault.address(),
            rows: 1,
            v: 700,
            pitch: 700,
            history: Some(History { positions: positions.address(), drawn: drawn.address(), slots: 6 }),
        };
        let launch = generation::sample(f32::DTYPE, op).unwrap();
        run(&launch);
        let first = bits(&mut tokens);
        run(&launch);
        assert!(drawn.intact());
        // The second draw is for a position that has no place: it is counted and not kept.
        let last = values::<u32>(&bits(&mut drawn))[5];
        assert_eq!(u64::from(last), first[0]);
        vec![first, bits(&mut tokens), bits(&mut s), bits(&mut fault), bits(&mut positions)]
    };
    let got = under_every_schedule(&case);
    without_races(&case);
    assert_eq!(got[2][24], 2, "the counter, after two draws");
    assert_eq!(values::<u32>(&got[4]), [6], "the position, after two draws");
}

#[test]
fn settings_out_of_range_are_refused() {
    for bad in [
        SamplingSettings { temperature: -1.0, ..SETTINGS },
        SamplingSettings { temperature: 1e-9, ..SETTINGS },
        SamplingSettings { top_p: 0.0, ..SETTINGS },
        SamplingSettings { min_p: f32::NAN, ..SETTINGS },
    ] {
        assert!(bad.check().is_err(), "{bad:?}");
    }
}
