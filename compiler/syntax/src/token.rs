//! The flat token list: total and lossless. Concatenated, the tokens are the source.

use smolc_diag::{FileId, Span};

/// A token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Where it stands.
    pub span: Span,
}

/// Kinds of token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Spaces and tabs.
    Space,
    /// A line break, `\n` or `\r\n`.
    Newline,
    /// `// …`
    Comment,
    /// `/// …`
    Doc,
    /// `//! …`
    InnerDoc,
    /// `"…"`
    Text,
    /// A text literal that its line does not close.
    BadText,
    /// `24`, `6T`, `60%`
    Number,
    /// A name or a keyword.
    Word,
    /// Punctuation and operators.
    Mark,
    /// A word with letters outside ASCII.
    OddWord,
    /// A character that has no meaning here.
    Unknown,
}

impl TokenKind {
    /// Whether the token means nothing to the grammar: space, line breaks, comments.
    pub fn is_trivia(self) -> bool {
        matches!(self, TokenKind::Space | TokenKind::Newline | TokenKind::Comment)
    }
}

/// Cuts a text into tokens. Never fails.
///
/// Written by hand for speed, an editor asks at every keystroke; the rule `tokens` of the grammar says what it must yield,
/// and a test holds the two against each other.
pub fn tokenize(file: FileId, text: &str) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(text.len() / 3);
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|r| !r.is_empty()) {
        let (kind, length) = first(rest);
        tokens.push(Token { kind, span: Span::new(file, at, at + length) });
        at += length;
    }
    tokens
}

/// Kind and length of the token that a text, which is not empty, begins with.
fn first(rest: &str) -> (TokenKind, usize) {
    let bytes = rest.as_bytes();
    let at = |i: usize| bytes.get(i).copied().unwrap_or(0);
    match at(0) {
        b'\n' => return (TokenKind::Newline, 1),
        b'\r' if at(1) == b'\n' => return (TokenKind::Newline, 2),
        b'/' if at(1) == b'/' => {
            let kind = match (at(2), at(3)) {
                (b'/', next) if next != b'/' => TokenKind::Doc,
                (b'!', _) => TokenKind::InnerDoc,
                _ => TokenKind::Comment,
            };
            return (kind, line_end(bytes));
        }
        b'"' => {
            return match text_end(rest) {
                Some(length) => (TokenKind::Text, length),
                None => (TokenKind::BadText, line_end(bytes)),
            };
        }
        _ => {}
    }
    let space = space_end(rest);
    if space > 0 {
        return (TokenKind::Space, space);
    }
    let letters = letters(bytes, 0);
    let behind = rest.get(letters..).and_then(|r| r.chars().next());
    if behind.is_some_and(|c| !c.is_ascii() && pest::unicode::XID_CONTINUE(c)) {
        let goes_on = |c: char| is_letter(c) || pest::unicode::XID_CONTINUE(c);
        let end = rest.find(|c: char| !goes_on(c)).unwrap_or(rest.len());
        return (TokenKind::OddWord, end);
    }
    if at(0).is_ascii_digit() {
        return (TokenKind::Number, number_end(bytes));
    }
    if letters > 0 {
        return (TokenKind::Word, letters);
    }
    match (at(0), at(1)) {
        (b'|', b'>')
        | (b'=', b'>' | b'=')
        | (b'-', b'>')
        | (b'.', b'.')
        | (b'<' | b'>' | b'!', b'=')
        | (b':', b':') => (TokenKind::Mark, 2),
        (
            b'{' | b'}' | b'(' | b')' | b'[' | b']' | b':' | b',' | b'=' | b'.' | b'+' | b'-' | b'*' | b'/' | b'<'
            | b'>' | b'#',
            _,
        ) => (TokenKind::Mark, 1),
        _ => (TokenKind::Unknown, rest.chars().next().map_or(1, char::len_utf8)),
    }
}

fn is_letter(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// End of the ASCII letters, digits and `_` from `i` on.
fn letters(bytes: &[u8], i: usize) -> usize {
    let run = bytes.get(i..).unwrap_or_default();
    i + run.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count()
}

/// Where the line ends, its break left out.
fn line_end(bytes: &[u8]) -> usize {
    let end = bytes.iter().position(|b| *b == b'\n').unwrap_or(bytes.len());
    let carriage = end < bytes.len() && end > 0 && bytes.get(end - 1) == Some(&b'\r');
    if carriage { end - 1 } else { end }
}

/// End of spaces, tabs, byte-order marks and carriage returns that break no line.
fn space_end(rest: &str) -> usize {
    let mut letters = rest.char_indices().peekable();
    while let Some((i, c)) = letters.next() {
        let space = match c {
            ' ' | '\t' | '\u{FEFF}' => true,
            '\r' => letters.peek().is_none_or(|(_, n)| *n != '\n'),
            _ => false,
        };
        if !space {
            return i;
        }
    }
    rest.len()
}

/// End of a text literal; `None` if its line does not close it.
fn text_end(rest: &str) -> Option<usize> {
    let mut letters = rest.char_indices().skip(1).peekable();
    while let Some((i, c)) = letters.next() {
        let line_breaks =
            |c: char, next: Option<char>| c == '\n' || c == '\r' && next == Some('\n');
        match c {
            '"' => return Some(i + 1),
            '\\' => {
                let (_, escaped) = letters.next()?;
                if line_breaks(escaped, letters.peek().map(|l| l.1)) {
                    return None;
                }
            }
            c if line_breaks(c, letters.peek().map(|l| l.1)) => return None,
            _ => {}
        }
    }
    None
}

/// End of a number: digits, fraction, exponent, letters, `%`.
fn number_end(bytes: &[u8]) -> usize {
    let digit = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
    let digits = |mut i: usize| {
        while bytes.get(i).is_some_and(|b| b.is_ascii_digit() || *b == b'_') {
            i += 1;
        }
        i
    };
    let mut end = digits(0);
    if bytes.get(end) == Some(&b'.') && digit(end + 1) {
        end = digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let mut i = end + 1 + usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        if digit(i) {
            while digit(i) {
                i += 1;
            }
            end = i;
        }
    }
    end = letters(bytes, end);
    end + usize::from(bytes.get(end) == Some(&b'%'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::{Grammar, Rule};
    use pest::Parser;

    /// What the grammar says.
    fn by_grammar(file: FileId, text: &str) -> Vec<Token> {
        let mut tokens = Vec::new();
        for pair in Grammar::parse(Rule::tokens, text).unwrap().flatten() {
            let kind = match pair.as_rule() {
                Rule::t_newline => TokenKind::Newline,
                Rule::t_space => TokenKind::Space,
                Rule::t_comment => TokenKind::Comment,
                Rule::t_doc => TokenKind::Doc,
                Rule::t_inner_doc => TokenKind::InnerDoc,
                Rule::t_text => TokenKind::Text,
                Rule::t_bad_text => TokenKind::BadText,
                Rule::t_number => TokenKind::Number,
                Rule::t_word => TokenKind::Word,
                Rule::t_mark => TokenKind::Mark,
                Rule::t_odd_word => TokenKind::OddWord,
                Rule::t_unknown => TokenKind::Unknown,
                _ => continue,
            };
            let span = pair.as_span();
            tokens.push(Token { kind, span: Span::new(file, span.start(), span.end()) });
        }
        tokens
    }

    #[test]
    fn the_grammar_yields_the_same_tokens() {
        let complete = include_str!("../tests/texts/complete.smol");
        let pieces = [
            "", "\r", "\n", "\r\n", "\u{FEFF}", "é", "世", "\u{1F600}", "\u{301}", "\"", "\\", "\\\n", "\\\r", "//", "///", "////", "//!",
            "1", "1.", "1.5", "1e", "1e+", "1e+5", "1E5x", "1_", "_1", "%", "..", "...", "=>", "==", "=", "|", "|>", "!", "!=", "::", ":::",
            "<=", "->", "-", "é1", "1é", "a\u{301}b", "\0", "\t", " ", "#", "~",
        ];
        let mut texts: Vec<String> = vec![complete.to_owned()];
        for a in pieces {
            for b in pieces {
                for c in ["", "x", "\n", "\"", "5", "."] {
                    texts.push(format!("{a}{b}{c}"));
                }
            }
        }
        for (k, (i, _)) in complete.char_indices().enumerate().step_by(7) {
            texts.push(format!("{}{}{}", &complete[..i], pieces[k % pieces.len()], &complete[i..]));
        }
        for text in texts {
            assert_eq!(tokenize(FileId(3), &text), by_grammar(FileId(3), &text), "{text:?}");
        }
    }
}
