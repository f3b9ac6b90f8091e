//! Cross-entropy and the weighted loss.

use smolc_kernels_cuda::launch::{self, CrossEntropy};
use smolc_kernels_emulator::{Buffer, Mode, Variant};

use crate::common::*;

fn case<T: Real + Bits>(count: usize, v: usize, pitch: usize, scale_of_logits: f32) {
    let mut random = Random((count * v) as u64);
    let mut logits: Vec<T> = narrow(&random.floats(count * pitch, scale_of_logits));
    let targets: Vec<u32> = (0..count).map(|m| if m == 1 { v - 1 } else { random.below(v) } as u32).collect();
    let weights: Vec<f32> = (0..count).map(|m| [1.0, 0.5, 0.0, 2.0][m % 4]).collect();
    if count > 2 && v > 1 {
        // A masked token may hold anything; and -inf logits are probability 0.
        logits[2 * pitch..2 * pitch + v].fill(T::from_f32(f32::NAN));
        logits[usize::from(targets[0] == 0)] = T::from_f32(f32::NEG_INFINITY);
    }
    let scale = 0.125f32;
    let case = |run: &mut dyn FnMut(&smolc_kernels_cuda::Launch)| {
        let mut results = Vec::new();
        for backward in [true, false] {
            let mut l = Buffer::new(&logits);
            let (t, w, s) = (Buffer::new(&targets), Buffer::new(&weights), Buffer::new(&[scale]));
            let (mut nll, mut fault) = (Buffer::<f32>::poisoned(count), Buffer::new(&[0u32]));
            let op = CrossEntropy {
                logits: l.address(),
                pitch,
                targets: t.address(),
                weights: w.address(),
                scale: s.address(),
                nll: nll.address(),
                count,
                v,
                backward,
                fault: fault.address(),
            };
            run(&launch::cross_entropy(T::DTYPE, op).unwrap());
            let mut loss = Buffer::new(&[10f64]);
            let at = [nll.address(), w.address(), s.address(), loss.address()];
            run(&launch::weighted_loss(at, count).unwrap());
            results.extend([bits(&mut l), bits(&mut nll), bits(&mut loss), bits(&mut fault)]);
        }
        results
    };
    let got = under_every_schedule(&case);
    if v < 2000 {
        without_races(&case);
    }
    let x = wide(&logits);
    let (mut dlogits, mut nll, mut loss) = (x.clone(), vec![0.0; count], 10.0);
    for m in 0..count {
        let row = &x[m * pitch..][..v];
        let weight = f64::from(weights[m]);
        let top = row.iter().copied().fold(f64::MIN, f64::max);
        let sum: f64 = row.iter().map(|l| (l - top).exp()).sum();
        let target = targets[m] as usize;
        for c in 0..v {
            let slope = (row[c] - top).exp() / sum - f64::from(u8::from(c == target));
            dlogits[m * pitch + c] = if weight == 0.0 { 0.0 } else { slope * weight * f64::from(scale) };
        }
        if weight != 0.0 {
            nll[m] = top + sum.ln() - row[target];
            loss += nll[m] * weight * f64::from(scale);
        }
    }
    let after: Vec<T> = values(&got[0]);
    for m in 0..count {
        let at = m * pitch;
        if v > 1 {
            let name = format!("dlogits of token {m} of {count} x {v}");
            close(&name, &after[at..at + v], &dlogits[at..at + v], 2.0 * T::TOLERANCE);
        }
        assert!(
            got[0][at + v..at + pitch] == bits(&mut Buffer::new(&logits))[at + v..at + pitch],
            "padding is not touched"
        );
    }
    close("nll", &values::<f32>(&got[1]), &nll, 2e-6);
    assert!((values::<f64>(&got[2])[0] - loss).abs() <= 1e-5 * loss, "{:?} {loss}", values::<f64>(&got[2]));
    assert_eq!(got[3], [0]);
    // Without the backward pass the same losses, and the logits as they were.
    assert_eq!(got[5], got[1]);
    assert!(got[4] == bits(&mut Buffer::new(&logits)), "loss only, but the logits were changed");
}

#[test]
fn cross_entropy() {
    // Rows of every alignment: the pitch is odd, and shorter, longer and much longer than the block.
    for (count, v, pitch) in [(1, 1, 1), (9, 7, 7), (5, 511, 513), (6, 4099, 4099), (3, 49_152, 49_152)] {
        case::<f32>(count, v, pitch, 5.0);
        case::<u16>(count, v, pitch, 5.0);
    }
    case::<f32>(4, 65, 65, 300.0);
}

#[test]
fn a_target_outside_the_vocabulary_is_a_fault() {
    let (mut logits, targets) = (Buffer::new(&[0f32; 16]), Buffer::new(&[8u32, 1]));
    let (weights, scale) = (Buffer::new(&[1f32; 2]), Buffer::new(&[1f32]));
    let (mut nll, mut fault) = (Buffer::<f32>::poisoned(2), Buffer::new(&[0u32]));
    let op = CrossEntropy {
        logits: logits.address(),
        pitch: 8,
        targets: targets.address(),
        weights: weights.address(),
        scale: scale.address(),
        nll: nll.address(),
        count: 2,
        v: 8,
        backward: true,
        fault: fault.address(),
    };
    let l = launch::cross_entropy(f32::DTYPE, op).unwrap();
    smolc_kernels_emulator::launch(&l, &Variant::Plain, Mode::default()).unwrap();
    assert_eq!(bits(&mut fault), [2]);
    let nll = values::<f32>(&bits(&mut nll));
    assert!(nll[0].is_nan() && (f64::from(nll[1]) - 8f64.ln()).abs() < 1e-6, "{nll:?}");
    assert!(logits.intact());
}
