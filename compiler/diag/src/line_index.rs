//! Positions as editors count them: line and column from 0, the column in the units that were agreed on.

/// What a column counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Bytes.
    Utf8,
    /// UTF-16 code units, what an editor counts unless something else was agreed on.
    Utf16,
    /// Unicode scalar values.
    Utf32,
}

impl Encoding {
    fn width(self, c: char) -> u32 {
        match self {
            Encoding::Utf8 => c.len_utf8() as u32,
            Encoding::Utf16 => c.len_utf16() as u32,
            Encoding::Utf32 => 1,
        }
    }
}

/// The lines of a text. A line ends at `\n`, `\r\n` or a lone `\r`, as the language server protocol has it.
#[derive(Clone, Debug)]
pub struct LineIndex<'a> {
    text: &'a str,
    starts: Vec<u32>,
}

impl<'a> LineIndex<'a> {
    /// Looks for the lines of a text.
    pub fn new(text: &'a str) -> LineIndex<'a> {
        let mut starts = vec![0];
        let bytes = text.as_bytes();
        for (i, b) in bytes.iter().enumerate() {
            if *b == b'\n' || *b == b'\r' && bytes.get(i + 1) != Some(&b'\n') {
                starts.push(i as u32 + 1);
            }
        }
        LineIndex { text, starts }
    }

    /// Line and column of a byte offset; one inside a character or past the end is moved back to the nearest before.
    pub fn position(&self, offset: u32, encoding: Encoding) -> (u32, u32) {
        let mut at = (offset as usize).min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        let line = self.starts.partition_point(|s| *s as usize <= at).saturating_sub(1);
        let start = self.starts.get(line).copied().unwrap_or(0) as usize;
        let before = self.text.get(start..at).unwrap_or("");
        (line as u32, before.chars().map(|c| encoding.width(c)).sum())
    }

    /// Byte offset of a position. A column past the end of its line is the end of the line, one inside a character the
    /// beginning of it, and a line past the end of the text the end of the text.
    pub fn offset(&self, line: u32, column: u32, encoding: Encoding) -> u32 {
        let Some(&start) = self.starts.get(line as usize) else { return self.text.len() as u32 };
        let rest = self.text.get(start as usize..).unwrap_or("");
        let mut column_left = column;
        for (i, c) in rest.char_indices() {
            if c == '\n' || c == '\r' || column_left < encoding.width(c) {
                return start + i as u32;
            }
            column_left -= encoding.width(c);
        }
        self.text.len() as u32
    }

    /// Number of lines; a text that ends with a line break has an empty last one.
    pub fn lines(&self) -> u32 {
        self.starts.len() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back_for_every_character() {
        let text = "smol 1\r\nlet é = \"世界 \u{1F600}\" // x\rlet b = 1\n\n";
        let index = LineIndex::new(text);
        assert_eq!(index.lines(), 5);
        for encoding in [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32] {
            for (i, c) in text.char_indices() {
                let (line, column) = index.position(i as u32, encoding);
                // The `\n` of `\r\n` has no position of its own.
                if c != '\n' || !text[..i].ends_with('\r') {
                    assert_eq!(index.offset(line, column, encoding), i as u32, "{i} {encoding:?}");
                }
            }
        }
        let smile = text.find('\u{1F600}').unwrap() as u32;
        assert_eq!(index.position(smile, Encoding::Utf16), (1, 12));
        assert_eq!(index.position(smile + 4, Encoding::Utf16), (1, 14));
        assert_eq!(index.offset(1, 13, Encoding::Utf16), smile);
        assert_eq!(index.position(smile + 2, Encoding::Utf8), index.position(smile, Encoding::Utf8));
        assert_eq!(index.offset(0, 99, Encoding::Utf16), 6);
        assert_eq!(index.offset(99, 0, Encoding::Utf16), text.len() as u32);
    }
}
