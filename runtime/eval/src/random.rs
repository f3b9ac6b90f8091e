//! Random numbers as a function of a seed and a counter: number `i` of a seed never depends on how many were drawn.

/// A number in [0, 1), uniform to 53 bits: draw `counter` of `seed`.
///
/// The finalizer of SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014) over
/// the counter and over the seed, and once more over the sum of the two.
pub fn uniform(seed: u64, counter: u64) -> f64 {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    // Keeps a small seed and a small counter from being the same number.
    const SEED: u64 = 0xd1b5_4a32_d192_ed03;
    let counter = mix(counter.wrapping_add(1).wrapping_mul(GOLDEN));
    let bits = mix(counter.wrapping_add(mix(seed ^ SEED)));
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
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

    /// Continuations that people have noted down must not change.
    #[test]
    fn frozen() {
        let draws = [
            (0, 0, 0.6634447575466641),
            (0, 1, 0.9625381364894718),
            (42, 0, 0.00335185289855644),
            (u64::MAX, 7, 0.7699210523667316),
        ];
        for (seed, counter, value) in draws {
            assert_eq!(uniform(seed, counter), value);
        }
    }
}
