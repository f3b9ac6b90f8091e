//! From a text to its features.

use crate::pipeline::Words;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Seed of the hash; part of what [`VERSION`](super::VERSION) means.
const SEED: u64 = u64::from_le_bytes(*b"ngrams 1");

/// Sequences that fall into one bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Feature {
    pub(super) bucket: u32,
    pub(super) count: u32,
}

impl Feature {
    /// x_f, of `total` sequences.
    pub(super) fn value(&self, total: f64) -> f64 {
        (f64::from(self.count) / total).sqrt()
    }
}

/// Sequences in all.
pub(super) fn total(features: &[Feature]) -> f64 {
    features.iter().map(|f| f64::from(f.count)).sum()
}

/// The buckets that a text's sequences of 1 to `ngrams` words fall into, in ascending order. Words are lower-cased letters and
/// digits, see [`Words`]; a sequence is its words with single spaces between them. `buckets` is at most 2^32.
pub(super) fn features(text: &str, ngrams: usize, buckets: usize) -> Vec<Feature> {
    let words = Words::new(text);
    let mut found: Vec<u32> = Vec::with_capacity(words.len().saturating_mul(ngrams.min(2)));
    for length in 1..=ngrams.min(words.len()) {
        for first in 0..=words.len() - length {
            let Some(sequence) = words.ngram(first, length) else { break };
            let hash = xxh3_64_with_seed(sequence.as_bytes(), SEED);
            // The upper half of the product is even over the buckets, whatever their number.
            found.push(((u128::from(hash) * buckets as u128) >> 64) as u32);
        }
    }
    found.sort_unstable();
    let mut features: Vec<Feature> = Vec::new();
    for bucket in found {
        match features.last_mut() {
            Some(last) if last.bucket == bucket => last.count = last.count.saturating_add(1),
            _ => features.push(Feature { bucket, count: 1 }),
        }
    }
    features
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_are_counted_and_the_values_have_norm_one() {
        let found = features("The cat, the CAT; the dog.", 2, 1 << 20);
        // the ×3, cat ×2, dog; the cat ×2, cat the ×2, the dog.
        assert_eq!(total(&found), 11.0);
        let mut counts: Vec<u32> = found.iter().map(|f| f.count).collect();
        counts.sort_unstable();
        assert_eq!(counts, [1, 1, 2, 2, 2, 3]);
        let norm: f64 = found.iter().map(|f| f.value(11.0).powi(2)).sum();
        assert!((norm - 1.0).abs() < 1e-12);
        assert!(found.windows(2).all(|w| w[0].bucket < w[1].bucket));
    }

    #[test]
    fn few_words_have_few_features() {
        assert!(features("", 2, 8).is_empty() && features(" … ", 3, 8).is_empty());
        assert_eq!(total(&features("one", 3, 8)), 1.0);
        assert_eq!(total(&features("one two", 3, 1 << 20)), 3.0);
        assert_eq!(features("a b c d", 1, 1), [Feature { bucket: 0, count: 4 }]);
    }

    /// The hash is part of the format: a stored classifier must find its features again.
    #[test]
    fn buckets_do_not_change() {
        let buckets: Vec<u32> = features("a linear model", 2, 2 << 20).iter().map(|f| f.bucket).collect();
        assert_eq!(buckets, [311_261, 879_597, 1_342_780, 1_461_153, 1_959_673]);
    }
}
