//! Choosing documents: seeded samples and the validation split.

use super::DocumentRef;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Seed of the hash that splits documents; part of what a manifest's format version means.
const SPLIT_SEED: u64 = 0x5641_4c49_4441_5445;

/// Number of the document that a seed gives to a place: a file's key and a line (0 for a whole file).
pub(crate) fn key(seed: u64, file: &[u8], line: u64) -> u64 {
    let mut bytes = Vec::with_capacity(file.len() + 8);
    bytes.extend_from_slice(file);
    bytes.extend_from_slice(&line.to_le_bytes());
    xxh3_64_with_seed(&bytes, seed)
}

/// At most `budget` bytes of whole documents: in the order of their numbers, each that still fits. The result keeps the
/// documents' own order. `keys` are the documents' numbers.
pub(crate) fn take(documents: &[DocumentRef], keys: &[u64], budget: u64) -> Vec<DocumentRef> {
    let mut order: Vec<(u64, usize)> = keys.iter().copied().zip(0..).collect();
    order.sort_unstable();
    let mut room = budget;
    let mut chosen: Vec<usize> = order
        .into_iter()
        .filter(|&(_, i)| {
            let fits = documents.get(i).is_some_and(|d| d.bytes <= room);
            room -= if fits { documents.get(i).map_or(0, |d| d.bytes) } else { 0 };
            fits
        })
        .map(|(_, i)| i)
        .collect();
    chosen.sort_unstable();
    chosen.into_iter().filter_map(|i| documents.get(i).copied()).collect()
}

/// Whether a document belongs to the validation split: decided by its text alone, so that copies of a document, in this
/// dataset or in another one with the same share, are on the same side, and a document never moves.
pub(crate) fn is_validation(text_hash: u64, per_million: u32) -> bool {
    let number = xxh3_64(&(text_hash ^ SPLIT_SEED).to_le_bytes());
    ((u128::from(number) * 1_000_000) >> 64) < u128::from(per_million)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_kept_and_nested() {
        for per_million in [0, 1, 20_000, 500_000, 1_000_000] {
            let n = (0..200_000u64).filter(|&h| is_validation(h, per_million)).count() as f64;
            let expected = 0.2 * f64::from(per_million);
            assert!((n - expected).abs() <= 5.0 * expected.sqrt() + 1.0, "{per_million}: {n}");
        }
        assert!((0..10_000u64).all(|h| !is_validation(h, 10_000) || is_validation(h, 20_000)));
    }
}
