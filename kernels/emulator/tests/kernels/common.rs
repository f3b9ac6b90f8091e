//! Random data, element types, and running launches under several schedules.

use smolc_kernels_cuda::Launch;
use smolc_kernels_cuda::launch::Dtype;
use smolc_kernels_emulator::{Buffer, Element, Mode, Variant, bf16_to_f32, f32_to_bf16, launch};

/// Splitmix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    /// Uniform in ±`scale`.
    pub fn floats(&mut self, n: usize, scale: f32) -> Vec<f32> {
        (0..n).map(|_| ((self.next() >> 40) as f32 / (1u64 << 23) as f32 - 1.0) * scale).collect()
    }
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

/// An element type of kernels.
pub trait Real: Element + PartialEq + std::fmt::Debug {
    const DTYPE: Dtype;
    /// Relative L2 error that rounding of results to this type allows.
    const TOLERANCE: f64;
    fn from_f32(x: f32) -> Self;
    fn to_f32(self) -> f32;
}

impl Real for f32 {
    const DTYPE: Dtype = Dtype::F32;
    const TOLERANCE: f64 = 2e-6;
    fn from_f32(x: f32) -> f32 {
        x
    }
    fn to_f32(self) -> f32 {
        self
    }
}

/// bf16 by its bits.
impl Real for u16 {
    const DTYPE: Dtype = Dtype::Bf16;
    const TOLERANCE: f64 = 4e-3;
    fn from_f32(x: f32) -> u16 {
        f32_to_bf16(x)
    }
    fn to_f32(self) -> f32 {
        bf16_to_f32(self)
    }
}

pub fn narrow<T: Real>(x: &[f32]) -> Vec<T> {
    x.iter().map(|&x| T::from_f32(x)).collect()
}

pub fn wide<T: Real>(x: &[T]) -> Vec<f64> {
    x.iter().map(|x| f64::from(x.to_f32())).collect()
}

/// Relative L2 distance; NaN in `got` gives NaN, which fails every comparison.
pub fn distance(got: &[f64], want: &[f64]) -> f64 {
    assert_eq!(got.len(), want.len());
    let error: f64 = got.iter().zip(want).map(|(g, w)| (g - w).powi(2)).sum();
    let size: f64 = want.iter().map(|w| w * w).sum();
    (error / size.max(1e-30)).sqrt()
}

#[track_caller]
pub fn close<T: Real>(name: &str, got: &[T], want: &[f64], tolerance: f64) {
    let distance = distance(&wide(got), want);
    assert!(distance <= tolerance, "{name}: relative L2 {distance:.2e} > {tolerance:.0e}");
}

/// A whole test case: makes its buffers, runs its launches, returns the bits of its results.
pub type Case<'a> = dyn Fn(&mut dyn FnMut(&Launch)) -> Vec<Vec<u64>> + 'a;

/// Runs a case under every schedule; the bits must not depend on it.
#[track_caller]
pub fn under_every_schedule(case: &Case) -> Vec<Vec<u64>> {
    let first = run(case, &Variant::Plain, Mode::ALL[0]);
    for mode in &Mode::ALL[1..] {
        assert!(run(case, &Variant::Plain, *mode) == first, "bits differ under {mode:?}");
    }
    first
}

/// Runs a case once; a failed launch fails the test.
#[track_caller]
pub fn run(case: &Case, variant: &Variant, mode: Mode) -> Vec<Vec<u64>> {
    case(&mut |l| launch(l, variant, mode).unwrap_or_else(|e| panic!("{variant:?} {mode:?}: {e}")))
}

/// Runs a case under the race detector, in two orders.
#[track_caller]
pub fn without_races(case: &Case) {
    for mode in [Mode::ALL[1], Mode::ALL[2]] {
        run(case, &Variant::Race, Mode { race: 1, ..mode });
    }
}

/// The bits of a buffer, after checking that nobody wrote behind its end.
#[track_caller]
pub fn bits<T: Element + Bits>(buffer: &mut Buffer<T>) -> Vec<u64> {
    assert!(buffer.intact(), "something was written behind the end of a buffer");
    buffer.as_slice().iter().map(|x| x.bits()).collect()
}

/// Bits of an element, for exact comparison.
pub trait Bits: Copy {
    fn bits(self) -> u64;
    fn from_bits_of(bits: u64) -> Self;
}
macro_rules! bits_of {
    ($($t:ty: $to:expr, $from:expr;)*) => {
        $(impl Bits for $t {
            fn bits(self) -> u64 { let to: fn($t) -> u64 = $to; to(self) }
            fn from_bits_of(bits: u64) -> $t { let from: fn(u64) -> $t = $from; from(bits) }
        })*
    };
}
bits_of! {
    f32: |x| u64::from(x.to_bits()), |b| f32::from_bits(b as u32);
    f64: |x| x.to_bits(), f64::from_bits;
    u16: |x| u64::from(x), |b| b as u16;
    u32: |x| u64::from(x), |b| b as u32;
    u64: |x| x, |b| b;
    i64: |x| x as u64, |b| b as i64;
    u8: |x| u64::from(x), |b| b as u8;
}

/// What [`bits`] returned, as values again.
pub fn values<T: Bits>(bits: &[u64]) -> Vec<T> {
    bits.iter().map(|&b| T::from_bits_of(b)).collect()
}
