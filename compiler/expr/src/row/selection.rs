//! Which rows of a batch a filter keeps.

/// A bit a row, 64 rows a word, and how many are set. Reusing one selection for many batches allocates nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    words: Vec<u64>,
    rows: usize,
    count: usize,
}

impl Selection {
    /// A selection of no rows.
    pub fn new() -> Selection {
        Selection::default()
    }

    /// Rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Rows kept.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Row i is bit i % 64 of word i / 64; bits beyond the last row are 0.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// Whether a row is kept.
    pub fn contains(&self, row: usize) -> bool {
        self.words.get(row / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// The rows kept, in order.
    pub fn indices(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(at, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = rest.trailing_zeros() as usize;
                rest &= rest.checked_sub(1)?;
                Some(at * 64 + bit)
            })
        })
    }

    /// Makes room for `rows` rows, none kept, and hands out the words; whoever fills them states the count after.
    pub(super) fn reset(&mut self, rows: usize) -> &mut [u64] {
        self.rows = rows;
        self.count = 0;
        self.words.clear();
        self.words.resize(rows.div_ceil(64), 0);
        &mut self.words
    }

    pub(super) fn set_count(&mut self, count: usize) {
        self.count = count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_are_the_set_bits() {
        let mut selection = Selection::new();
        selection.reset(130).copy_from_slice(&[1 << 63 | 1, 0, 0b10]);
        selection.set_count(3);
        assert_eq!(selection.indices().collect::<Vec<_>>(), [0, 63, 129]);
        assert!(selection.contains(63) && !selection.contains(62) && !selection.contains(1000));
        selection.reset(3);
        assert_eq!((selection.rows(), selection.count(), selection.indices().count()), (3, 0, 0));
    }
}
