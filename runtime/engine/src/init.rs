//! Initial weights: a pure function of (seed, parameter name, element index).
//!
//! Each parameter has its own key, the FNV-1a hash of its Hugging Face name mixed with the seed, so that neither the
//! order nor the number of other parameters matters. Word `n` of its stream is SplitMix64's output function (Steele,
//! Lea and Flood, 2014) of `key + n·γ`: a counter, so that any element can be computed alone. Elements 2j and 2j+1 are
//! the two values of one Box–Muller transform of words 2j and 2j+1, in f64 with `libm`, whose bits do not depend on the
//! platform; times the standard deviation, rounded to f32.

use std::f64::consts::TAU;

const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// SplitMix64's finalizer: a bijection whose every output bit depends on every input bit.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The key of a parameter's stream.
fn key(seed: u64, name: &str) -> u64 {
    let fnv = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    let name = name.bytes().fold(0xcbf2_9ce4_8422_2325, fnv);
    mix(mix(seed.wrapping_add(GAMMA)) ^ name)
}

fn word(key: u64, n: u64) -> u64 {
    mix(key.wrapping_add(n.wrapping_mul(GAMMA)))
}

/// Two independent standard normal values.
fn pair(key: u64, j: u64) -> (f64, f64) {
    let unit = 1.0 / (1u64 << 53) as f64;
    // In (0, 1], so that the logarithm is finite.
    let u = ((word(key, 2 * j) >> 11) + 1) as f64 * unit;
    let v = (word(key, 2 * j + 1) >> 11) as f64 * unit;
    let (radius, angle) = (libm::sqrt(-2.0 * libm::log(u)), TAU * v);
    (radius * libm::cos(angle), radius * libm::sin(angle))
}

/// Fills a parameter with N(0, std²).
pub(crate) fn normal(seed: u64, name: &str, std: f64, out: &mut [f32]) {
    let key = key(seed, name);
    for (j, chunk) in out.chunks_mut(2).enumerate() {
        let (a, b) = pair(key, j as u64);
        for (value, z) in chunk.iter_mut().zip([a, b]) {
            *value = (z * std) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_a_normal() {
        let mut x = vec![0f32; 200_001];
        normal(7, "w", 0.02, &mut x);
        let n = x.len() as f64;
        let moment = |p: i32| x.iter().map(|v| (f64::from(*v) / 0.02).powi(p)).sum::<f64>() / n;
        assert!(moment(1).abs() < 0.01, "{}", moment(1));
        assert!((moment(2) - 1.0).abs() < 0.015, "{}", moment(2));
        assert!(moment(3).abs() < 0.04, "{}", moment(3));
        assert!((moment(4) - 3.0).abs() < 0.1, "{}", moment(4));
    }

    #[test]
    fn streams_differ_by_seed_and_name_and_are_frozen() {
        let draw = |seed, name| {
            let mut x = [0f32; 4];
            normal(seed, name, 1.0, &mut x);
            x
        };
        assert_ne!(draw(1, "a"), draw(2, "a"));
        assert_ne!(draw(1, "a"), draw(1, "b"));
        // A change here would change every model ever trained from a seed.
        assert_eq!(draw(42, "model.norm.weight").map(f32::to_bits), FROZEN);
    }

    const FROZEN: [u32; 4] = [3_178_318_751, 1_029_663_590, 3_205_939_173, 3_207_262_984];
}
