//! Bytes of a text column found to be UTF-8 row by row, and what that tells about the rows.
#![allow(unsafe_code)]

use std::sync::Arc;

/// Rows whose text is ASCII: row i is bit i % 64 of word i / 64.
pub(super) type AsciiRows = Arc<[u64]>;

/// `bytes` as text, if every row is UTF-8 by itself and the rows cover them; `ends` begins with where the first one begins.
///
/// A row of ASCII is looked at once, and no other row twice but for its beginning: knowing which rows are ASCII costs no
/// second pass over memory (`bench/README.md` has the cost).
pub(super) fn text_of_rows(mut ends: impl Iterator<Item = usize>, bytes: &[u8]) -> Option<(&str, AsciiRows)> {
    let mut begin = ends.next()?;
    if begin != 0 {
        return None;
    }
    let mut words = Vec::new();
    let (mut word, mut bit) = (0u64, 0);
    for end in ends {
        let row = bytes.get(begin..end)?;
        let ascii = row.is_ascii();
        if !ascii {
            str::from_utf8(row).ok()?;
        }
        word |= u64::from(ascii) << bit;
        bit += 1;
        if bit == 64 {
            words.push(word);
            (word, bit) = (0, 0);
        }
        begin = end;
    }
    if bit > 0 {
        words.push(word);
    }
    if begin != bytes.len() {
        return None;
    }
    // SAFETY: the rows follow each other from the first byte to the last, and each was found to be UTF-8, by `from_utf8` or
    // because it is ASCII; texts behind each other are a text.
    Some((unsafe { str::from_utf8_unchecked(bytes) }, words.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascii_rows_are_told_from_others() {
        let rows = ["a", "", "é", "plain", "€uro", "\u{7f}"];
        let all = rows.concat();
        let ends = rows.iter().scan(0, |end, row| {
            *end += row.len();
            Some(*end)
        });
        let (text, ascii) = text_of_rows([0].into_iter().chain(ends), all.as_bytes()).unwrap();
        assert_eq!((text, ascii.as_ref()), (all.as_str(), &[0b101011][..]));
        let many = [b'x'; 130];
        let (_, ascii) = text_of_rows(0..=130, &many).unwrap();
        assert_eq!(ascii.as_ref(), [u64::MAX, u64::MAX, 0b11]);
    }

    #[test]
    fn rows_that_do_not_cover_the_bytes_or_are_no_text_are_refused() {
        let text = "aé";
        for ends in [vec![], vec![1, 3], vec![0, 2, 3], vec![0, 1], vec![0, 4], vec![0, 3, 1, 3]] {
            assert_eq!(text_of_rows(ends.iter().copied(), text.as_bytes()), None, "{ends:?}");
        }
        assert_eq!(text_of_rows([0, 1, 2].into_iter(), b"a\xff"), None);
        assert!(text_of_rows([0, 1, 3].into_iter(), text.as_bytes()).is_some());
    }
}
