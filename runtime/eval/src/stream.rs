//! Tokens to text as they come: a character is shown once all its bytes are there.

/// Most tokens a piece of text is held back for: a character has four bytes, a token at least one.
const HELD: usize = 8;

/// Turns a growing list of tokens into pieces of text.
///
/// A byte-level token may end inside a character; what it decodes to then ends with U+FFFD and is held back until the
/// rest has come. Tokens are decoded together with the piece before them, because some decoders treat the first
/// token of a text differently (a leading space).
#[derive(Clone, Debug, Default)]
pub struct TextStream {
    tokens: Vec<u32>,
    /// Tokens that were shown with the last piece.
    shown: usize,
}

impl TextStream {
    /// An empty stream.
    pub fn new() -> TextStream {
        TextStream::default()
    }

    /// A stream behind a prompt, whose text is not shown again.
    pub fn after(prompt: &[u32]) -> TextStream {
        let tail = prompt.len().saturating_sub(HELD);
        let tokens: Vec<u32> = prompt.get(tail..).unwrap_or_default().to_vec();
        TextStream { shown: tokens.len(), tokens }
    }

    /// Adds a token; returns the text that became complete, which may be empty.
    ///
    /// Errors are those of `decode`, which turns tokens into text.
    pub fn push<E>(&mut self, token: u32, decode: impl Fn(&[u32]) -> Result<String, E>) -> Result<String, E> {
        self.tokens.push(token);
        self.take(decode, false)
    }

    /// The text held back at the end, with U+FFFD where a character stays incomplete.
    pub fn finish<E>(&mut self, decode: impl Fn(&[u32]) -> Result<String, E>) -> Result<String, E> {
        self.take(decode, true)
    }

    fn take<E>(&mut self, decode: impl Fn(&[u32]) -> Result<String, E>, all: bool) -> Result<String, E> {
        let before = decode(self.tokens.get(..self.shown).unwrap_or_default())?;
        let text = decode(&self.tokens)?;
        let hold = text.ends_with('\u{fffd}') && self.tokens.len() - self.shown < HELD;
        if hold && !all {
            return Ok(String::new());
        }
        // What was shown is decoded the same with more behind it, but for a U+FFFD at its end (a prompt may have one).
        let same = text.bytes().zip(before.bytes()).take_while(|(a, b)| a == b).count();
        let start = (0..=same).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0);
        let piece = text.get(start..).unwrap_or_default().to_owned();
        self.tokens.drain(..self.shown);
        self.shown = self.tokens.len();
        Ok(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    /// One byte a token.
    fn bytes(tokens: &[u32]) -> Result<String, Infallible> {
        let bytes: Vec<u8> = tokens.iter().map(|t| *t as u8).collect();
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn pieces(text: &[u8]) -> Vec<String> {
        let mut stream = TextStream::new();
        let mut out: Vec<String> = text.iter().map(|b| stream.push(u32::from(*b), bytes).unwrap()).collect();
        out.push(stream.finish(bytes).unwrap());
        out
    }

    #[test]
    fn characters_come_whole_and_nothing_is_lost() {
        for text in ["plain", "naïve déjà vu", "日本語 text", "👩‍👩‍👧 family", "a\u{fffd}b", ""]
        {
            let pieces = pieces(text.as_bytes());
            assert_eq!(pieces.concat(), text);
            assert!(text.contains('\u{fffd}') || pieces.iter().all(|p| !p.contains('\u{fffd}')));
        }
    }

    #[test]
    fn an_incomplete_end_is_shown_as_such() {
        let pieces = pieces(&"é日".as_bytes()[..4]);
        assert_eq!(pieces.concat(), "é\u{fffd}");
    }

    #[test]
    fn a_token_that_decodes_to_nothing_is_no_trouble() {
        let decode = |t: &[u32]| bytes(&t.iter().copied().filter(|t| *t != 0).collect::<Vec<_>>());
        let mut stream = TextStream::new();
        let text: String = [0, 97, 0, 0, 98].iter().map(|t| stream.push(*t, decode).unwrap()).collect();
        assert_eq!(text, "ab");
    }

    #[test]
    fn a_leading_space_is_dropped_once_only() {
        // As Metaspace decoders do: the space before the first word goes.
        let decode = |t: &[u32]| bytes(t).map(|text| text.trim_start_matches(' ').to_owned());
        let mut stream = TextStream::new();
        let text: String = b" a b".iter().map(|b| stream.push(u32::from(*b), decode).unwrap()).collect();
        assert_eq!(text, "a b");
        let mut stream = TextStream::after(&[97]);
        assert_eq!(stream.push(32, decode).unwrap() + &stream.push(98, decode).unwrap(), " b");
    }
}
