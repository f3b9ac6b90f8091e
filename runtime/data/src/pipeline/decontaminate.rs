//! Finding text of benchmarks in documents.
//!
//! Texts are compared as words (see [`words`](super::words)): case, punctuation and layout do not matter. A document and an
//! item have a match where `ngram` words in a row are the same. An item with fewer words is compared whole, unless it has
//! fewer than [`SHORTEST`] words: such items occur everywhere, and are counted and left out instead.

use super::words::Words;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use xxhash_rust::xxh3::xxh3_64;

/// Fewest words that are taken as a sign of a benchmark.
pub const SHORTEST: usize = 5;

/// The texts of benchmarks, indexed.
#[derive(Debug)]
pub struct Benchmarks {
    ngram: usize,
    /// Share of an item's words that must be covered; `None`: one match is enough.
    overlap: Option<(u64, u64)>,
    names: Vec<String>,
    items: Vec<Item>,
    /// Hash of a sequence of words → where it stands: item and first word.
    index: HashMap<u64, Vec<(u32, u32)>>,
    /// Lengths of matches that occur.
    lengths: BTreeSet<usize>,
    coverage: Vec<Coverage>,
}

#[derive(Debug)]
struct Item {
    benchmark: usize,
    /// Place in its benchmark.
    number: usize,
    words: Words,
    /// Words in a row that make a match: `ngram`, or all of a shorter item.
    length: usize,
}

/// What of a benchmark can be found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// The benchmark.
    pub benchmark: String,
    /// Items given.
    pub items: u64,
    /// Items that are too short to be looked for.
    pub too_short: u64,
}

/// Why a document is taken for contaminated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contamination {
    /// The benchmark.
    pub benchmark: String,
    /// Number of the item in it, from 0.
    pub item: usize,
    /// The item's words that the document has.
    pub words: u64,
    /// The first of them in a row, normalized.
    pub ngram: String,
}

impl Benchmarks {
    /// Indexes benchmarks: name and texts. `ngram` is the number of words that must be the same in a row, at least 1;
    /// `overlap` the share of an item's words that matches must cover, as numerator and denominator (`None`: one match is
    /// enough). Memory: the texts, and about 80 bytes a word.
    pub fn new<'a>(
        ngram: usize,
        overlap: Option<(u64, u64)>,
        benchmarks: impl IntoIterator<Item = (&'a str, Vec<String>)>,
    ) -> Benchmarks {
        let ngram = ngram.max(1);
        let mut all = Benchmarks {
            ngram,
            overlap,
            names: Vec::new(),
            items: Vec::new(),
            index: HashMap::new(),
            lengths: BTreeSet::new(),
            coverage: Vec::new(),
        };
        for (name, texts) in benchmarks {
            let benchmark = all.names.len();
            all.names.push(name.to_string());
            let mut coverage = Coverage { benchmark: name.to_string(), items: 0, too_short: 0 };
            for (number, text) in texts.iter().enumerate() {
                coverage.items += 1;
                let words = Words::new(text);
                let length = ngram.min(words.len());
                if length < ngram.min(SHORTEST) {
                    coverage.too_short += 1;
                    continue;
                }
                let item = all.items.len() as u32;
                for (first, ngram) in (0u32..).zip(words.ngrams(length)) {
                    all.index.entry(xxh3_64(ngram.as_bytes())).or_default().push((item, first));
                }
                all.lengths.insert(length);
                all.items.push(Item { benchmark, number, words, length });
            }
            all.coverage.push(coverage);
        }
        all
    }

    /// What can be found of each benchmark.
    pub fn coverage(&self) -> &[Coverage] {
        &self.coverage
    }

    /// Whether a document holds text of a benchmark: the item with the most words in it, the earlier one where two have as
    /// many; `None` if it is clean.
    pub fn find(&self, text: &str) -> Option<Contamination> {
        let words = Words::new(text);
        // Item → its words that the document has.
        let mut covered: HashMap<u32, BTreeSet<u32>> = HashMap::new();
        for &length in &self.lengths {
            for first in 0..words.len() {
                let Some(ngram) = words.ngram(first, length) else { break };
                let Some(places) = self.index.get(&xxh3_64(ngram.as_bytes())) else { continue };
                for &(item, place) in places {
                    let found = self.items.get(item as usize);
                    // The words themselves decide, not their hash.
                    if found.is_some_and(|i| {
                        i.length == length && i.words.ngram(place as usize, length) == Some(ngram)
                    }) {
                        covered.entry(item).or_default().extend(place..place + length as u32);
                    }
                }
            }
        }
        let enough = |item: &Item, words: u64| match self.overlap {
            None => true,
            Some((share, of)) => {
                u128::from(words) * u128::from(of) >= u128::from(share) * item.words.len() as u128
            }
        };
        let found = covered
            .into_iter()
            .filter_map(|(index, words)| Some((self.items.get(index as usize)?, index, words)))
            .filter(|(item, _, words)| enough(item, words.len() as u64))
            .max_by_key(|(_, index, words)| (words.len(), std::cmp::Reverse(*index)))?;
        let (item, _, words) = found;
        let first = words.first().map_or(0, |&w| w as usize);
        Some(Contamination {
            benchmark: self.names.get(item.benchmark).cloned().unwrap_or_default(),
            item: item.number,
            words: words.len() as u64,
            ngram: item.words.ngram(first, item.length).unwrap_or_default().to_string(),
        })
    }

    /// Words that must be the same in a row.
    pub fn ngram(&self) -> usize {
        self.ngram
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const QUESTION: &str = "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May. How \
                            many clips did Natalia sell altogether?";

    fn benchmarks(ngram: usize, overlap: Option<(u64, u64)>) -> Benchmarks {
        let short = ["What is pi?".to_string(), "The quick brown fox jumps over the lazy dog".to_string()];
        Benchmarks::new(ngram, overlap, [("gsm8k", vec![QUESTION.to_string()]), ("short", short.to_vec())])
    }

    #[test]
    fn thirteen_words_in_a_row_are_found_however_they_are_laid_out() {
        let b = benchmarks(13, None);
        let copy = "Solve this:\n\tNATALIA sold clips to 48 of her friends in April and then she -- sold 24.";
        let found = b.find(copy).unwrap();
        assert_eq!((found.benchmark.as_str(), found.item, found.words), ("gsm8k", 0, 14));
        assert_eq!(found.ngram, "natalia sold clips to 48 of her friends in april and then she");
        // Twelve in a row are not enough.
        assert_eq!(b.find("Natalia sold clips to 48 of her friends in April, and then he sold half"), None);
        assert_eq!(b.find(""), None);
    }

    #[test]
    fn short_items_are_compared_whole_or_counted() {
        let b = benchmarks(13, None);
        assert_eq!(b.find("A quick brown fox jumps over the lazy dog"), None);
        let found = b.find("He typed: \"The quick brown fox jumps over the lazy dog\", twice.").unwrap();
        assert_eq!((found.benchmark.as_str(), found.item, found.words), ("short", 1, 9));
        let coverage = b.coverage();
        assert_eq!((coverage[1].items, coverage[1].too_short), (2, 1));
        assert_eq!((coverage[0].items, coverage[0].too_short), (1, 0));
        assert_eq!(b.find("What is pi? What is pi?"), None);
    }

    #[test]
    fn an_overlap_asks_for_more_than_one_match() {
        // 14 of the question's 27 words.
        let copy = "Natalia sold clips to 48 of her friends in April, and then she sold 24.";
        assert_eq!(benchmarks(13, Some((1, 2))).find(copy).map(|c| c.words), Some(14));
        assert_eq!(benchmarks(13, Some((2, 3))).find(copy), None);
    }

    fn brute_force(items: &[Vec<u8>], document: &[u8], n: usize) -> bool {
        items.iter().any(|item| {
            let length = n.min(item.len());
            length >= n.min(SHORTEST)
                && item.windows(length).any(|w| document.windows(length).any(|v| v == w))
        })
    }

    proptest! {
        #[test]
        fn as_by_brute_force(
            items in prop::collection::vec(prop::collection::vec(0u8..4, 0..9), 1..5),
            document in prop::collection::vec(0u8..4, 0..30),
            n in 1usize..8,
        ) {
            let text = |words: &[u8]| words.iter().map(|w| format!("w{w}, ")).collect::<String>();
            let b = Benchmarks::new(n, None, [("all", items.iter().map(|i| text(i)).collect())]);
            let expected = brute_force(&items, &document, n);
            prop_assert_eq!(b.find(&text(&document)).is_some(), expected);
        }
    }
}
