//! Text columns in Arrow's layout: one more offset than rows, and the bytes of all rows behind each other.

use super::BatchError;
use super::utf8::{AsciiRows, text_of_rows};

/// Offsets into the bytes of a text column, one more than there are rows; none at all stands for no rows.
#[derive(Clone, Copy, Debug)]
pub enum Offsets<'a> {
    /// Arrow's `Utf8`.
    I32(&'a [i32]),
    /// Arrow's `LargeUtf8`.
    I64(&'a [i64]),
}

impl Offsets<'_> {
    fn len(&self) -> usize {
        match self {
            Offsets::I32(offsets) => offsets.len(),
            Offsets::I64(offsets) => offsets.len(),
        }
    }

    fn get(&self, index: usize) -> Option<i64> {
        match self {
            Offsets::I32(offsets) => offsets.get(index).copied().map(i64::from),
            Offsets::I64(offsets) => offsets.get(index).copied(),
        }
    }
}

/// A checked view of a text column. Offsets grow, stay inside the bytes and lie on boundaries of characters, and the
/// bytes between the first and the last are UTF-8: machine code relies on all of it.
#[derive(Clone, Debug)]
pub struct Text<'a> {
    offsets: Offsets<'a>,
    /// The bytes from the first offset to the last.
    text: &'a str,
    /// The first offset.
    base: usize,
    /// Rows that are ASCII, so that their characters are their bytes; `None` where nobody looked.
    #[cfg_attr(not(feature = "jit"), allow(dead_code))] // the interpreter counts
    ascii: Option<AsciiRows>,
}

impl<'a> Text<'a> {
    /// A view of bytes that are yet to be found to be UTF-8. Reads all of them once, and learns which rows are ASCII:
    /// machine code knows their length then without reading them again.
    ///
    /// Errors: [`BatchError::Offset`] at the first offset that is negative, falls, leaves `bytes` or splits a character;
    /// [`BatchError::Utf8`] where the bytes are not UTF-8.
    pub fn new(offsets: Offsets<'a>, bytes: &'a [u8]) -> Result<Text<'a>, BatchError> {
        let (first, last) = ends(&offsets, bytes.len())?;
        let inside = bytes.get(first..last).unwrap_or(&[]);
        let rows = match offsets {
            Offsets::I32(offsets) => text_of_rows(ends_of(offsets, first), inside),
            Offsets::I64(offsets) => text_of_rows(ends_of(offsets, first), inside),
        };
        if let Some((text, ascii)) = rows {
            return Ok(Text { offsets, text, base: first, ascii: Some(ascii) });
        }
        // Something is wrong, or there is no row at all: what, and where.
        let text =
            str::from_utf8(inside).map_err(|error| BatchError::Utf8 { byte: first + error.valid_up_to() })?;
        Text { offsets, text, base: first, ascii: None }.checked()
    }

    /// A view of text. Reads the offsets only.
    ///
    /// Errors: [`BatchError::Offset`], as [`Text::new`].
    pub fn of_str(offsets: Offsets<'a>, text: &'a str) -> Result<Text<'a>, BatchError> {
        let (first, last) = ends(&offsets, text.len())?;
        let text = match text.get(first..last) {
            Some(text) => text,
            None => {
                let (index, offset) =
                    if text.is_char_boundary(first) { (offsets.len() - 1, last) } else { (0, first) };
                return Err(BatchError::Offset { index, offset: offset as i64, problem: SPLITS });
            }
        };
        Text { offsets, text, base: first, ascii: None }.checked()
    }

    fn checked(self) -> Result<Text<'a>, BatchError> {
        match self.offsets {
            Offsets::I32(offsets) => self.check(offsets)?,
            Offsets::I64(offsets) => self.check(offsets)?,
        }
        Ok(self)
    }

    /// Offsets between the first and the last, which [`ends`] has found to be in range.
    fn check<T: Copy + Into<i64>>(&self, offsets: &[T]) -> Result<(), BatchError> {
        let mut before = self.base as i64;
        let end = (self.base + self.text.len()) as i64;
        for (index, offset) in offsets.iter().enumerate() {
            let offset: i64 = (*offset).into();
            if offset < before || offset > end {
                let problem = if offset < before { FALLS } else { "is larger than the last one" };
                return Err(BatchError::Offset { index, offset, problem });
            }
            // Not negative: `before` starts at `base`.
            if !self.text.is_char_boundary((offset - self.base as i64) as usize) {
                return Err(BatchError::Offset { index, offset, problem: SPLITS });
            }
            before = offset;
        }
        Ok(())
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The text of a row; `None` beyond the end.
    pub fn get(&self, row: usize) -> Option<&'a str> {
        let (from, to) = (self.offsets.get(row)?, self.offsets.get(row.checked_add(1)?)?);
        let inside = |offset: i64| usize::try_from(offset).ok()?.checked_sub(self.base);
        self.text.get(inside(from)?..inside(to)?)
    }

    /// The offsets.
    pub fn offsets(&self) -> Offsets<'a> {
        self.offsets
    }

    /// Rows known to be ASCII, a bit a row; `None` where nobody looked.
    #[cfg(feature = "jit")]
    pub(super) fn ascii(&self) -> Option<&[u64]> {
        self.ascii.as_deref()
    }

    /// Where offset 0 would point. Offsets below the first are never read.
    #[cfg(feature = "jit")]
    pub(super) fn origin(&self) -> *const u8 {
        self.text.as_ptr().wrapping_sub(self.base)
    }
}

const FALLS: &str = "is smaller than the one before it";
const SPLITS: &str = "is inside a character";

/// Where rows end, from the first one's begin on. An offset that is too small for it is one that no slice reaches.
fn ends_of<T: Copy + Into<i64>>(offsets: &[T], base: usize) -> impl Iterator<Item = usize> {
    let base = base as i64;
    offsets.iter().map(move |offset| {
        let inside = (*offset).into().checked_sub(base).map(usize::try_from);
        inside.and_then(Result::ok).unwrap_or(usize::MAX)
    })
}

/// First and last offset, in order and inside `bytes` bytes.
fn ends(offsets: &Offsets<'_>, bytes: usize) -> Result<(usize, usize), BatchError> {
    let (first, last) =
        (offsets.get(0).unwrap_or(0), offsets.get(offsets.len().wrapping_sub(1)).unwrap_or(0));
    let index = offsets.len().saturating_sub(1);
    let from = usize::try_from(first).map_err(|_| BatchError::Offset {
        index: 0,
        offset: first,
        problem: "is negative",
    })?;
    match usize::try_from(last) {
        Ok(to) if to <= bytes && from <= to => Ok((from, to)),
        Ok(to) if from <= to => {
            Err(BatchError::Offset { index, offset: last, problem: "is beyond the end of the bytes" })
        }
        _ => Err(BatchError::Offset { index, offset: last, problem: "is smaller than the first one" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_in_both_widths_and_in_slices() {
        let bytes = "xaé€z".as_bytes();
        let narrow = Text::new(Offsets::I32(&[1, 2, 2, 4, 7]), bytes).unwrap();
        let rows: Vec<_> = (0..5).map(|row| narrow.get(row)).collect();
        assert_eq!(rows, [Some("a"), Some(""), Some("é"), Some("€"), None]);
        let wide = Text::of_str(Offsets::I64(&[4, 7, 8]), "xaé€z").unwrap();
        assert_eq!((wide.len(), wide.get(0), wide.get(1)), (2, Some("€"), Some("z")));
        assert_eq!(Text::new(Offsets::I32(&[]), bytes).unwrap().len(), 0);
        assert_eq!(Text::new(Offsets::I32(&[8]), bytes).unwrap().len(), 0);
    }

    #[test]
    fn hostile_offsets_are_refused() {
        let bytes = "aé€".as_bytes();
        let bad: [&[i32]; 8] =
            [&[-1, 3], &[0, 7], &[3, 1], &[0, 3, 1, 6], &[0, 2], &[2, 3], &[0, 9, 6], &[0, i32::MIN, 6]];
        for offsets in bad {
            assert!(Text::new(Offsets::I32(offsets), bytes).is_err(), "{offsets:?}");
            assert!(Text::of_str(Offsets::I32(offsets), "aé€").is_err(), "{offsets:?}");
            let wide: Vec<i64> = offsets.iter().map(|o| i64::from(*o)).collect();
            assert!(Text::new(Offsets::I64(&wide), bytes).is_err(), "{offsets:?}");
        }
        assert!(Text::new(Offsets::I64(&[0, i64::MAX]), bytes).is_err());
        assert!(Text::new(Offsets::I64(&[i64::MIN, 0]), bytes).is_err());
        assert_eq!(Text::new(Offsets::I32(&[0, 2]), b"a\xff").unwrap_err(), BatchError::Utf8 { byte: 1 });
        // Bytes that no row reads may be anything.
        assert!(Text::new(Offsets::I32(&[0, 1]), b"a\xff").is_ok());
    }
}
