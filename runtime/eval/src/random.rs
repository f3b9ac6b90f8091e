//! Random numbers as a function of a seed and a counter: number `i` of a seed never depends on how many were drawn.

/// A number in [0, 1), uniform to 53 bits: draw `counter` of `seed`, from the first 64 bits of Philox.
pub fn uniform(seed: u64, counter: u64) -> f64 {
    let [high, low, ..] = philox(seed, u128::from(counter));
    let bits = u64::from(high) << 32 | u64::from(low);
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

/// Philox4x32-10: 128 bits that depend on key and counter alone (Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers:
/// As Easy as 1, 2, 3", SC 2011). `kernels/cuda/src/common/philox.cuh` is the same function on a GPU.
fn philox(key: u64, counter: u128) -> [u32; 4] {
    let (mut k0, mut k1) = (key as u32, (key >> 32) as u32);
    let [mut c0, mut c1, mut c2, mut c3] = [0u32, 32, 64, 96].map(|shift| (counter >> shift) as u32);
    for _ in 0..10 {
        let (a, b) = (0xd251_1f53u64 * u64::from(c0), 0xcd9e_8d57u64 * u64::from(c2));
        (c0, c1, c2, c3) = ((b >> 32) as u32 ^ c1 ^ k0, b as u32, (a >> 32) as u32 ^ c3 ^ k1, a as u32);
        k0 = k0.wrapping_add(0x9e37_79b9);
        k1 = k1.wrapping_add(0xbb67_ae85);
    }
    [c0, c1, c2, c3]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uniform_and_unrelated_between_seeds() {
        for seed in [0, 1, 42, u64::MAX] {
            let n = 20_000;
            let mut bins = [0u32; 10];
            for i in 0..n {
                let u = uniform(seed, i);
                assert!((0.0..1.0).contains(&u));
                bins[(u * 10.0) as usize] += 1;
            }
            // Each bin has 2000 ± 42; six deviations.
            assert!(bins.iter().all(|&b| (1746..2254).contains(&b)), "{seed}: {bins:?}");
            let next: Vec<f64> = (0..8).map(|i| uniform(seed.wrapping_add(1), i)).collect();
            assert!((0..8).all(|i| uniform(seed, i) != next[i as usize]));
        }
    }

    /// The known answers that come with the generator's reference implementation (Random123, kat_vectors).
    #[test]
    fn philox_known_answers() {
        for (key, counter, want) in [
            (0, 0, [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            (u64::MAX, u128::MAX, [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (
                0x299f_31d0_a409_3822,
                0x0370_7344_1319_8a2e_85a3_08d3_243f_6a88,
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ] {
            assert_eq!(philox(key, counter), want);
        }
    }
}
