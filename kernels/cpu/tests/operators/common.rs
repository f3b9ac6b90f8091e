//! Random data, comparison, and running a case on several pools.

use smolc_kernels_cpu::Pool;

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

pub fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

/// Relative L2 distance; NaN in `got` gives NaN, which fails every comparison.
pub fn distance(got: &[f32], want: &[f64]) -> f64 {
    assert_eq!(got.len(), want.len());
    let error: f64 = got.iter().zip(want).map(|(&g, &w)| (f64::from(g) - w).powi(2)).sum();
    let size: f64 = want.iter().map(|w| w * w).sum();
    (error / size.max(1e-30)).sqrt()
}

#[track_caller]
pub fn close(name: &str, got: &[f32], want: &[f64], tolerance: f64) {
    let distance = distance(got, want);
    assert!(distance <= tolerance, "{name}: relative L2 {distance:.2e} > {tolerance:.0e}");
}

/// Runs the case on 1, 2, 3 and 8 threads, checks that all bits agree, and returns the result.
pub fn on_all_pools(case: impl Fn(&Pool) -> Vec<Vec<f32>>) -> Vec<Vec<f32>> {
    let bits =
        |r: &[Vec<f32>]| r.iter().map(|v| v.iter().map(|x| x.to_bits()).collect()).collect::<Vec<Vec<u32>>>();
    let one = case(&Pool::new(1));
    for threads in [2, 3, 8] {
        assert!(bits(&case(&Pool::new(threads))) == bits(&one), "bits differ on {threads} threads");
    }
    one
}

/// An output buffer full of NaN: an element that is not written fails every comparison.
pub fn poison(n: usize) -> Vec<f32> {
    vec![f32::NAN; n]
}
