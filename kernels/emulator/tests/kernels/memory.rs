//! Casts, Philox, searches, checksums, document starts.

use smolc_kernels_cuda::launch::{self, Dtype};
use smolc_kernels_emulator::{Buffer, Mode, Variant, f32_to_bf16};

use crate::common::*;

fn run_one(l: &smolc_kernels_cuda::Launch) {
    smolc_kernels_emulator::launch(l, &Variant::Plain, Mode::ALL[2]).unwrap();
}

#[test]
fn casts_round_to_nearest_even() {
    for n in [1, 7, 2049] {
        let mut x = Random(n as u64).floats(n, 100.0);
        x[0] = f32::from_bits(0x3f80_8000); // halfway: to even
        let (from, mut to, mut back) =
            (Buffer::new(&x), Buffer::<u16>::poisoned(n), Buffer::<f32>::poisoned(n));
        run_one(&launch::cast(Dtype::F32, from.address(), to.address(), n).unwrap());
        run_one(&launch::cast(Dtype::Bf16, to.address(), back.address(), n).unwrap());
        let want: Vec<u16> = x.iter().map(|&x| f32_to_bf16(x)).collect();
        assert_eq!(values::<u16>(&bits(&mut to)), want);
        assert_eq!(values::<f32>(&bits(&mut back)), want.iter().map(|x| x.to_f32()).collect::<Vec<_>>());
    }
}

/// The known answers that come with the generator's reference implementation (Random123, kat_vectors).
#[test]
fn philox_known_answers() {
    for (key, low, high, want) in [
        (0u64, 0u64, 0u64, [0x6627_e8d5u32, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
        (u64::MAX, u64::MAX, u64::MAX, [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
        (
            0x299f_31d0_a409_3822,
            0x85a3_08d3_243f_6a88,
            0x0370_7344_1319_8a2e,
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
        ),
    ] {
        let mut out = Buffer::<u32>::poisoned(4);
        run_one(&launch::philox_words(key, low, high, out.address(), 1).unwrap());
        assert_eq!(values::<u32>(&bits(&mut out)), want);
    }
}

#[test]
fn normals_have_their_moments_and_do_not_depend_on_the_length() {
    let n = 20_001;
    let mut x = Buffer::<f32>::poisoned(n);
    run_one(&launch::fill_normal(Dtype::F32, x.address(), n, 2.0, 7, 1).unwrap());
    let x = values::<f32>(&bits(&mut x));
    let mean = x.iter().map(|&x| f64::from(x)).sum::<f64>() / n as f64;
    let variance = x.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / n as f64;
    // Six deviations.
    assert!(mean.abs() < 6.0 * 2.0 / (n as f64).sqrt(), "{mean}");
    assert!((variance / 4.0 - 1.0).abs() < 6.0 * (2.0 / n as f64).sqrt(), "{variance}");
    let beyond = x.iter().filter(|x| x.abs() > 4.0).count() as f64 / n as f64;
    assert!((beyond - 0.0455).abs() < 0.009, "outside two deviations: {beyond}");
    let mut short = Buffer::<f32>::poisoned(1021);
    run_one(&launch::fill_normal(Dtype::F32, short.address(), 1021, 2.0, 7, 1).unwrap());
    assert_eq!(values::<f32>(&bits(&mut short)), x[..1021]);
    let mut other = Buffer::<u16>::poisoned(1021);
    run_one(&launch::fill_normal(Dtype::Bf16, other.address(), 1021, 2.0, 7, 2).unwrap());
    assert_ne!(
        values::<u16>(&bits(&mut other)),
        x[..1021].iter().map(|&x| f32_to_bf16(x)).collect::<Vec<_>>()
    );
}

#[test]
fn searches_and_checksums() {
    for n in [1usize, 255, 5000] {
        let mut x = Random(n as u64).floats(n, 1.0);
        x[n / 2] = f32::NAN;
        x[n - 1] = f32::NEG_INFINITY;
        let case = |run: &mut dyn FnMut(&smolc_kernels_cuda::Launch)| {
            let (b, mut count, mut sum) = (Buffer::new(&x), Buffer::new(&[0u64]), Buffer::new(&[0u64]));
            run(&launch::count_nonfinite(Dtype::F32, b.address(), n, count.address()).unwrap());
            run(&launch::checksum(Dtype::F32, b.address(), n, sum.address()).unwrap());
            vec![bits(&mut count), bits(&mut sum)]
        };
        let got = under_every_schedule(&case);
        without_races(&case);
        assert_eq!(got[0], [if n == 1 { 1 } else { 2 }]);
        // Two elements exchanged give another sum.
        if n > 1 {
            x.swap(0, 1);
            let (b, mut sum) = (Buffer::new(&x), Buffer::new(&[0u64]));
            run_one(&launch::checksum(Dtype::F32, b.address(), n, sum.address()).unwrap());
            assert_ne!(bits(&mut sum), got[1]);
        }
    }
}

#[test]
fn document_starts_from_cumulative_lengths() {
    // Two windows of 6: documents of 3, 1, 5 (across the edge), 3.
    let cumulative = Buffer::new(&[0u32, 3, 4, 9, 12]);
    let mut starts = Buffer::<u32>::poisoned(12);
    run_one(&launch::document_starts(cumulative.address(), 4, starts.address(), 12, 6).unwrap());
    assert_eq!(values::<u32>(&bits(&mut starts)), [0, 0, 0, 3, 4, 4, 0, 0, 0, 3, 3, 3]);
}
