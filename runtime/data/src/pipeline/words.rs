//! Text as words, for comparing texts that were laid out differently.
//!
//! Letters and digits (`char::is_alphanumeric`) make words; they are lower-cased by Unicode's full mapping. Apostrophes and
//! combining marks of the block U+0300 to U+036F are left out without ending a word (`don't` is `dont`); everything else ends
//! one. Composed and decomposed accents are not brought together: `é` and `e` with U+0301 differ.

/// The words of a text, joined by single spaces.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words {
    text: String,
    /// Byte range of each word in `text`.
    ranges: Vec<(usize, usize)>,
}

impl Words {
    pub(crate) fn new(text: &str) -> Words {
        let mut words = Words { text: String::with_capacity(text.len()), ranges: Vec::new() };
        let mut begin = None;
        for c in text.chars() {
            if c.is_alphanumeric() {
                if begin.is_none() {
                    if !words.text.is_empty() {
                        words.text.push(' ');
                    }
                    begin = Some(words.text.len());
                }
                if c.is_ascii() {
                    words.text.push(c.to_ascii_lowercase());
                } else {
                    words.text.extend(c.to_lowercase());
                }
            } else if !matches!(c, '\'' | '\u{2019}' | '\u{300}'..='\u{36f}')
                && let Some(start) = begin.take()
            {
                words.ranges.push((start, words.text.len()));
            }
        }
        if let Some(start) = begin {
            words.ranges.push((start, words.text.len()));
        }
        words
    }

    /// Number of words.
    pub(crate) fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Words `first .. first + n`, joined by spaces; `None` if they are not all there.
    pub(crate) fn ngram(&self, first: usize, n: usize) -> Option<&str> {
        let start = self.ranges.get(first)?.0;
        let end = self.ranges.get(first.checked_add(n)?.checked_sub(1)?)?.1;
        self.text.get(start..end)
    }

    /// Every sequence of `n` words in order; the whole text once, where it has fewer words but any.
    pub(crate) fn ngrams(&self, n: usize) -> impl Iterator<Item = &str> {
        let n = n.min(self.len());
        let count = if n == 0 { 0 } else { self.len() - n + 1 };
        (0..count).filter_map(move |first| self.ngram(first, n))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        Words::new(text).ngrams(1).map(String::from).collect()
    }

    #[test]
    fn layout_case_and_punctuation_do_not_matter() {
        let expected = ["it", "isnt", "1", "000", "straße", "世界"];
        for text in ["It isn't 1,000 Straße: 世界!", " it\tISN\u{2019}T\n(1.000)  STRAßE—世界"] {
            assert_eq!(words(text), expected, "{text}");
        }
        assert_eq!(words(""), [""; 0]);
        assert_eq!(words("… – ' !"), [""; 0]);
        assert_eq!(words("e\u{301}a"), ["ea"]);
    }

    #[test]
    fn sequences_of_words() {
        let w = Words::new("One, two: three. Four?");
        assert_eq!(w.ngrams(2).collect::<Vec<_>>(), ["one two", "two three", "three four"]);
        assert_eq!(w.ngrams(4).collect::<Vec<_>>(), ["one two three four"]);
        assert_eq!(w.ngrams(9).collect::<Vec<_>>(), ["one two three four"]);
        assert_eq!(w.ngrams(0).count(), 0);
        assert_eq!(w.ngram(3, 2), None);
    }
}
