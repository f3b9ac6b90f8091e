//! A keyed permutation of `0..n`: eight Feistel rounds and cycle walking.
//!
//! A number is written as `left · 2^h + right` with `2^h` the power of two next to `√n` and `left < ⌈n / 2^h⌉`. Odd rounds
//! add a hash of the right part to the left one (modulo its size), even rounds the other way round (Black and Rogaway,
//! "Ciphers with arbitrary finite domains", CT-RSA 2002, generalised Feistel). The domain exceeds `n` by less than `2^h`, so
//! a walk almost never takes a second turn, where a Feistel network on an even number of bits takes up to four.
//!
//! The round function takes the *top* bits of a 64-bit finalizer. The low bits of a product depend on lower bits only; a
//! network built from those keeps the parity of whole runs.

/// Rounds of the network.
const ROUNDS: usize = 8;

/// 2^64 / golden ratio, odd: the increment of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Multipliers of SplitMix64's finalizer.
const FIRST: u64 = 0xbf58_476d_1ce4_e5b9;
const SECOND: u64 = 0x94d0_49bb_1331_11eb;

/// The round function: multiply, fold, multiply; only the top bits of the result are used. It is SplitMix64's finalizer short
/// of two shifts that would do nothing here: the first folds in the top bits of the argument, which the key alone decides
/// (halves have at most 32 bits), and the last does not reach the top bits of the result.
#[inline]
fn top(x: u64) -> u64 {
    let x = x.wrapping_mul(FIRST);
    (x ^ (x >> 32)).wrapping_mul(SECOND)
}

/// The finalizer of SplitMix64.
fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(FIRST);
    let x = (x ^ (x >> 27)).wrapping_mul(SECOND);
    x ^ (x >> 31)
}

/// Hashes one more word into a key.
pub(super) fn absorb(key: u64, word: u64) -> u64 {
    mix(key ^ mix(word.wrapping_add(GOLDEN)))
}

/// Round keys.
#[derive(Clone, Copy, Debug)]
pub struct Keys([u64; ROUNDS]);

impl Keys {
    /// Spreads a key into round keys: the SplitMix64 stream that starts at it.
    pub fn new(key: u64) -> Keys {
        let mut state = key;
        Keys([(); ROUNDS].map(|()| {
            state = state.wrapping_add(GOLDEN);
            mix(state)
        }))
    }
}

/// A family of permutations of `0..n`, one for each [`Keys`].
#[derive(Clone, Copy, Debug)]
pub struct Permutation {
    n: u64,
    /// Bits of the right part, 1 to 32.
    bits: u32,
    /// Size of the left part, at most `2^32`.
    left: u64,
}

impl Permutation {
    /// The permutations of `0..n`; `n = 0` is taken as 1.
    pub fn new(n: u64) -> Permutation {
        let n = n.max(1);
        let bits = ((u64::BITS - (n - 1).leading_zeros()) / 2).max(1);
        Permutation { n, bits, left: n.div_ceil(1 << bits) }
    }

    /// Where `x` goes; `x` must be below `n`.
    #[inline]
    pub fn forward(&self, keys: &Keys, x: u64) -> u64 {
        debug_assert!(x < self.n);
        let mut x = x;
        loop {
            let (mut l, mut r) = self.split(x);
            for [odd, even] in pairs(keys) {
                // Less one turn if that leaves something: written without a branch, which no predictor could guess.
                let moved = (l + self.scale(top(r ^ odd))).wrapping_sub(self.left);
                l = moved.wrapping_add(self.left & (moved as i64 >> 63) as u64);
                r = (r + (top(l ^ even) >> (64 - self.bits))) & self.mask();
            }
            x = l << self.bits | r;
            if x < self.n {
                return x;
            }
        }
    }

    /// What goes to `y`; `y` must be below `n`.
    pub fn inverse(&self, keys: &Keys, y: u64) -> u64 {
        debug_assert!(y < self.n);
        let mut y = y;
        loop {
            let (mut l, mut r) = self.split(y);
            for [odd, even] in pairs(keys).rev() {
                r = r.wrapping_sub(top(l ^ even) >> (64 - self.bits)) & self.mask();
                let shift = self.scale(top(r ^ odd));
                l = if l < shift { l + self.left - shift } else { l - shift };
            }
            y = l << self.bits | r;
            if y < self.n {
                return y;
            }
        }
    }

    #[inline]
    fn mask(&self) -> u64 {
        (1 << self.bits) - 1
    }

    #[inline]
    fn split(&self, x: u64) -> (u64, u64) {
        (x >> self.bits, x & self.mask())
    }

    /// Maps a 64-bit hash to `0..left` by its top bits.
    #[inline]
    fn scale(&self, hash: u64) -> u64 {
        ((u128::from(hash) * u128::from(self.left)) >> 64) as u64
    }
}

#[inline]
fn pairs(keys: &Keys) -> impl DoubleEndedIterator<Item = [u64; 2]> {
    let [a, b, c, d, e, f, g, h] = keys.0;
    [[a, b], [c, d], [e, f], [g, h]].into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[test]
    fn every_small_domain_is_permuted() {
        for n in 1..=1u64 << 12 {
            let p = Permutation::new(n);
            let keys = Keys::new(n * 7 + 1);
            let mut seen = vec![false; n as usize];
            for x in 0..n {
                let y = p.forward(&keys, x);
                assert!(y < n && !seen[y as usize], "n = {n}, x = {x}");
                seen[y as usize] = true;
                assert_eq!(p.inverse(&keys, y), x, "n = {n}");
            }
        }
    }

    proptest! {
        #[test]
        fn large_domains_are_inverted(n in any::<u64>(), shift in 0u32..63, key: u64, x: u64) {
            let n = (n >> shift).clamp(1, 1 << 62);
            let (p, keys) = (Permutation::new(n), Keys::new(key));
            let y = p.forward(&keys, x % n);
            prop_assert!(y < n);
            prop_assert_eq!(p.inverse(&keys, y), x % n);
        }

        #[test]
        fn the_domain_exceeds_n_by_less_than_its_right_part(n in 2u64..1 << 60) {
            let p = Permutation::new(n);
            let domain = u128::from(p.left) << p.bits;
            prop_assert!(domain >= u128::from(n) && domain - u128::from(n) < 1 << p.bits);
            prop_assert!(p.left <= 1 << 32);
        }
    }

    /// The sizes on which a network of low product bits gives 78 to 100% of one parity in every run.
    #[test]
    fn runs_have_mixed_parity_and_fresh_differences() {
        for n in [1 << 20, 1_000_003, 1 << 21, 3_000_000, 1 << 28, 200_000_001, 5_370_000_000u64] {
            let (p, keys) = (Permutation::new(n), Keys::new(12_345));
            let run = 4096;
            let majority: f64 = (0..20u64)
                .map(|b| {
                    let odd =
                        (b * run..(b + 1) * run).filter(|&x| p.forward(&keys, x) & 1 == 1).count() as u64;
                    odd.max(run - odd) as f64 / run as f64
                })
                .sum::<f64>()
                / 20.0;
            assert!(majority < 0.515, "n = {n}: mean majority parity {majority}");
            let differences: HashSet<u64> =
                (0..20_000).map(|x| p.forward(&keys, x + 1).wrapping_sub(p.forward(&keys, x))).collect();
            assert!(differences.len() > 19_500, "n = {n}: {} distinct differences", differences.len());
        }
    }

    /// Chi-square of where the first 64 Ki places go, in 256 equal bins, and of pairs of neighbours in 16 × 16.
    #[test]
    fn images_are_spread_evenly() {
        let chi =
            |bins: &[f64], expected: f64| bins.iter().map(|b| (b - expected).powi(2) / expected).sum::<f64>();
        for n in [1u64 << 24, 10_000_019, 5_370_000_000] {
            let (p, keys) = (Permutation::new(n), Keys::new(99));
            let image: Vec<u64> = (0..=1 << 16).map(|x| p.forward(&keys, x)).collect();
            let bin = |y: u64, bins: u64| (u128::from(y) * u128::from(bins) / u128::from(n)) as usize;
            let (mut single, mut pair) = (vec![0f64; 256], vec![0f64; 256]);
            for w in image.windows(2) {
                single[bin(w[0], 256)] += 1.0;
                pair[bin(w[0], 16) * 16 + bin(w[1], 16)] += 1.0;
            }
            // 255 degrees of freedom: mean 255, deviation 22.6.
            for (what, c) in [("places", chi(&single, 256.0)), ("pairs", chi(&pair, 256.0))] {
                assert!(c < 255.0 + 6.0 * 22.6, "n = {n}: chi-square of {what} {c}");
            }
        }
    }

    #[test]
    fn keys_give_different_permutations() {
        let p = Permutation::new(1000);
        let order = |key| (0..1000).map(|x| p.forward(&Keys::new(key), x)).collect::<Vec<_>>();
        assert_ne!(order(1), order(2));
        let fixed = order(3).iter().enumerate().filter(|&(x, &y)| x as u64 == y).count();
        assert!(fixed < 10, "{fixed} fixed points");
    }
}
