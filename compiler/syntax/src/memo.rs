//! What is kept of texts that were parsed before: between two keystrokes all lines but one stay what they were.
//!
//! Two tables, both by text alone. A line break ends every token, so that the tokens of a line depend on nothing but the
//! line. An item that begins in column 0 and parses without a diagnostic yields the same tree wherever it stands, with other
//! spans. A memo therefore changes how long parsing takes, never what it yields; `tests/incremental.rs` holds the two
//! against each other.

use rustc_hash::FxHashMap;
use smolc_diag::{FileId, Span};

use crate::ast::Item;
use crate::shift::Shift;
use crate::token::{Token, TokenKind, tokenize};

/// Bytes of text that are kept at most; then the memo begins anew. A tree is some thirty times its text.
const MOST: usize = 2 << 20;

/// What is known of lines and items that were parsed before.
#[derive(Debug, Default)]
pub struct Memo {
    lines: FxHashMap<Box<str>, Box<[(TokenKind, u32)]>>,
    /// The tree of an item, and where it stood.
    items: FxHashMap<Box<str>, (u32, Item)>,
    bytes: usize,
}

impl Memo {
    /// The tokens of a text, as [`tokenize`] cuts it.
    pub(crate) fn tokens(&mut self, file: FileId, text: &str) -> Vec<Token> {
        let mut tokens = Vec::with_capacity(text.len() / 3);
        let mut at = 0u32;
        for line in text.split_inclusive('\n') {
            let mut push = |kept: &[(TokenKind, u32)]| {
                for &(kind, length) in kept {
                    tokens.push(Token { kind, span: Span { file, start: at, end: at + length } });
                    at += length;
                }
            };
            match self.lines.get(line) {
                Some(kept) => push(kept),
                None => {
                    let cut = tokenize(file, line);
                    let kept: Box<[_]> = cut.iter().map(|t| (t.kind, t.span.end - t.span.start)).collect();
                    push(&kept);
                    self.room(line.len());
                    self.lines.insert(line.into(), kept);
                }
            }
        }
        tokens
    }

    /// The tree of an item's text, as if it stood at `start` of `file`.
    pub(crate) fn item(&self, text: &str, file: FileId, start: u32) -> Option<Item> {
        let (stood, item) = self.items.get(text)?;
        let mut item = item.clone();
        Shift { file, by: i64::from(start) - i64::from(*stood) }.item(&mut item);
        Some(item)
    }

    /// Keeps the tree of an item's text that stands at `start`.
    pub(crate) fn keep(&mut self, text: &str, start: u32, item: &Item) {
        self.room(text.len());
        self.items.insert(text.into(), (start, item.clone()));
    }

    fn room(&mut self, bytes: usize) {
        if self.bytes + bytes > MOST {
            *self = Memo::default();
        }
        self.bytes += bytes;
    }
}
