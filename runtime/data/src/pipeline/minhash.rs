//! MinHash signatures (Broder, "On the resemblance and containment of documents", 1997) cut into bands.
//!
//! A document's shingles are its sequences of `ngram` words (see [`words`](super::words)). Hash function `i` is
//! `(a_i x + b_i) mod (2^61 - 1)` over a shingle's 64-bit hash (Carter and Wegman, 1979), and the signature's entry `i` is its
//! least value. Two documents whose shingle sets have Jaccard similarity `s` agree in an entry with probability `s`, in all
//! `r` entries of a band with `s^r`, and in some of `b` bands with `1 - (1 - s^r)^b`.

use super::words::Words;
use thiserror::Error;
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128};

/// 2^61 - 1, a prime.
const PRIME: u64 = (1 << 61) - 1;

/// Most hash functions, and longest shingle: far beyond any use.
const MOST: u64 = 1 << 16;

/// Parameters that make no signature.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "minhash(bands: {bands}, hashes: {hashes}, ngram: {ngram}): each must be at least 1, and bands times hashes and ngram at most 65536"
)]
pub struct MinHashError {
    bands: u64,
    hashes: u64,
    ngram: u64,
}

/// A family of hash functions.
#[derive(Clone, Debug)]
pub struct MinHash {
    hashes: usize,
    ngram: usize,
    seed: u64,
    /// `(a, b)` of each function; `a` is not 0.
    functions: Vec<(u64, u64)>,
}

impl MinHash {
    /// `bands` bands of `hashes` hashes each over shingles of `ngram` words.
    pub fn new(bands: u64, hashes: u64, ngram: u64, seed: u64) -> Result<MinHash, MinHashError> {
        let wrong = MinHashError { bands, hashes, ngram };
        let functions = bands.checked_mul(hashes).filter(|&n| n > 0 && n <= MOST);
        let functions = functions.ok_or_else(|| wrong.clone())?;
        if ngram == 0 || ngram > MOST {
            return Err(wrong);
        }
        let draw = |word: u64| xxh3_64_with_seed(&word.to_le_bytes(), seed);
        let functions =
            (0..functions).map(|i| (1 + draw(2 * i) % (PRIME - 1), draw(2 * i + 1) % PRIME)).collect();
        Ok(MinHash { hashes: hashes as usize, ngram: ngram as usize, seed, functions })
    }

    /// The Jaccard similarity at which two documents are found with a probability of about a half, `(1/b)^(1/r)`.
    pub fn threshold(&self) -> f64 {
        let bands = self.functions.len() as f64 / self.hashes as f64;
        (1.0 / bands).powf(1.0 / self.hashes as f64)
    }

    /// The signature; `None` for a text without words.
    pub fn signature(&self, text: &str) -> Option<Vec<u64>> {
        let words = Words::new(text);
        let mut least = vec![u64::MAX; self.functions.len()];
        let mut any = false;
        for shingle in words.ngrams(self.ngram) {
            any = true;
            let x = xxh3_64_with_seed(shingle.as_bytes(), self.seed) % PRIME;
            for (least, &(a, b)) in least.iter_mut().zip(&self.functions) {
                *least = (*least).min(affine(a, x, b));
            }
        }
        any.then_some(least)
    }

    /// A key for each band: documents that share one are taken for copies of each other. Keys have 128 bits, so others do not
    /// share one by accident. None for a text without words.
    pub fn bands(&self, text: &str) -> Vec<u128> {
        let Some(signature) = self.signature(text) else { return Vec::new() };
        (0u64..)
            .zip(signature.chunks(self.hashes))
            .map(|(band, hashes)| {
                let bytes: Vec<u8> =
                    std::iter::once(&band).chain(hashes).flat_map(|h| h.to_le_bytes()).collect();
                xxh3_128(&bytes)
            })
            .collect()
    }
}

/// `(a x + b) mod (2^61 - 1)` for arguments below it.
fn affine(a: u64, x: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(x) + u128::from(b);
    // 2^61 is 1 modulo the prime: fold the high bits onto the low ones. The sum is below 2^62.
    let folded = (product as u64 & PRIME) + (product >> 61) as u64;
    if folded >= PRIME { folded - PRIME } else { folded }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    proptest! {
        #[test]
        fn affine_is_exact(a in 1..PRIME, x in 0..PRIME, b in 0..PRIME) {
            let exact = (u128::from(a) * u128::from(x) + u128::from(b)) % u128::from(PRIME);
            prop_assert_eq!(u128::from(affine(a, x, b)), exact);
        }
    }

    /// Two texts with about the given share of common words.
    fn pair(n: usize, common: usize, salt: usize) -> (String, String) {
        let word = |side: &str, i: usize| format!("{side}{}x{salt} ", i * 7919);
        let text = |side: &str| {
            (0..n).map(|i| if i < common { word("c", i) } else { word(side, i) }).collect::<String>()
        };
        (text("a"), text("b"))
    }

    fn jaccard(a: &str, b: &str, n: usize) -> f64 {
        let set = |t: &str| Words::new(t).ngrams(n).map(String::from).collect::<HashSet<_>>();
        let (a, b) = (set(a), set(b));
        a.intersection(&b).count() as f64 / a.union(&b).count() as f64
    }

    #[test]
    fn agreement_estimates_the_jaccard_similarity() {
        let family = MinHash::new(64, 32, 1, 5).unwrap();
        for common in [0, 30, 100, 170, 200] {
            let (a, b) = pair(200, common, 3);
            let expected = jaccard(&a, &b, 1);
            let (x, y) = (family.signature(&a).unwrap(), family.signature(&b).unwrap());
            let agree = x.iter().zip(&y).filter(|(p, q)| p == q).count() as f64 / x.len() as f64;
            // 2048 draws: a standard deviation of at most 0.011.
            assert!((agree - expected).abs() < 0.055, "{common}: {agree}, Jaccard {expected}");
        }
    }

    #[test]
    fn bands_find_pairs_as_the_curve_says() {
        let (bands, hashes) = (8, 4);
        let mut found = 0u32;
        let mut expected = 0.0;
        for salt in 0..400 {
            let family = MinHash::new(bands, hashes, 1, salt as u64).unwrap();
            let (a, b) = pair(100, 75, salt);
            let s = jaccard(&a, &b, 1);
            expected += 1.0 - (1.0 - s.powi(hashes as i32)).powi(bands as i32);
            let (a, b) = (family.bands(&a), family.bands(&b));
            found += u32::from(a.iter().zip(&b).any(|(x, y)| x == y));
        }
        // Binomial: a standard deviation below 10.
        assert!((f64::from(found) - expected).abs() < 50.0, "{found} found, {expected} expected");
    }

    #[test]
    fn layout_does_not_matter_and_texts_without_words_have_no_keys() {
        let family = MinHash::new(2, 5, 5, 1).unwrap();
        assert_eq!(
            family.bands("One two, three four FIVE six"),
            family.bands("one\ntwo three (four) five six.")
        );
        assert_ne!(family.bands("one two three four five"), family.bands("one two three four six"));
        assert_eq!(family.bands("short text").len(), 2);
        assert!(family.bands("?!").is_empty());
        assert!((MinHash::new(20, 5, 1, 1).unwrap().threshold() - 0.549).abs() < 1e-3);
        for (b, h, n) in [(0, 1, 1), (1, 0, 1), (1, 1, 0), (1 << 40, 1 << 40, 1), (1, 1, 1 << 20)] {
            assert!(MinHash::new(b, h, n, 1).unwrap_err().to_string().contains("bands"), "{b} {h} {n}");
        }
    }
}
