//! A text with its tokens, and what the chunker asks of them.

use smolc_diag::{FileId, Span};

use crate::token::{Token, TokenKind};

/// A text cut into tokens. Tokens are spoken of by their index.
pub(crate) struct Lexed<'a> {
    pub file: FileId,
    pub text: &'a str,
    pub tokens: Vec<Token>,
    /// Line of each token, from 0.
    pub lines: Vec<u32>,
    /// First token of each line that is neither space nor a line break, with its column in bytes; `None` if blank.
    pub heads: Vec<Option<Head>>,
}

/// The first token of a line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub token: usize,
    pub column: u32,
}

impl<'a> Lexed<'a> {
    /// A text with its tokens.
    pub fn new(file: FileId, text: &'a str, tokens: Vec<Token>) -> Lexed<'a> {
        let mut lines = Vec::with_capacity(tokens.len());
        let mut heads = vec![None];
        // A byte-order mark takes no column.
        let mut line_start = if text.starts_with('\u{FEFF}') { 3 } else { 0 };
        for (i, t) in tokens.iter().enumerate() {
            lines.push(heads.len() as u32 - 1);
            if t.kind == TokenKind::Newline {
                heads.push(None);
                line_start = t.span.end;
            } else if t.kind != TokenKind::Space
                && let Some(head @ None) = heads.last_mut()
            {
                *head = Some(Head { token: i, column: t.span.start.saturating_sub(line_start) });
            }
        }
        Lexed { file, text, tokens, lines, heads }
    }

    pub fn kind(&self, i: usize) -> TokenKind {
        self.tokens.get(i).map_or(TokenKind::Newline, |t| t.kind)
    }

    pub fn span(&self, i: usize) -> Span {
        self.tokens.get(i).map_or(Span::new(self.file, self.text.len(), self.text.len()), |t| t.span)
    }

    pub fn str(&self, i: usize) -> &'a str {
        let s = self.span(i);
        self.text.get(s.start as usize..s.end as usize).unwrap_or("")
    }

    pub fn line(&self, i: usize) -> u32 {
        self.lines.get(i).copied().unwrap_or(self.heads.len() as u32)
    }

    /// Column of the first token of a token's line.
    pub fn indent(&self, i: usize) -> u32 {
        self.heads.get(self.line(i) as usize).copied().flatten().map_or(0, |h| h.column)
    }

    /// Whether a token is the first of its line.
    pub fn is_head(&self, i: usize) -> bool {
        self.heads.get(self.line(i) as usize).copied().flatten().is_some_and(|h| h.token == i)
    }

    /// The first token from `i` on, before `end`, that is no trivia.
    pub fn next(&self, i: usize, end: usize) -> Option<usize> {
        (i..end).find(|&k| !self.kind(k).is_trivia())
    }

    /// The last token before `i`, from `start` on, that is no trivia.
    pub fn previous(&self, i: usize, start: usize) -> Option<usize> {
        (start..i).rev().find(|&k| !self.kind(k).is_trivia())
    }

    /// The first token from `i` on, before `end`, that is neither trivia nor a doc comment.
    pub fn next_code(&self, i: usize, end: usize) -> Option<usize> {
        (i..end).find(|&k| {
            !self.kind(k).is_trivia() && !matches!(self.kind(k), TokenKind::Doc | TokenKind::InnerDoc)
        })
    }

    pub fn is_mark(&self, i: usize, mark: &str) -> bool {
        self.kind(i) == TokenKind::Mark && self.str(i) == mark
    }

    pub fn is_word(&self, i: usize, word: &str) -> bool {
        self.kind(i) == TokenKind::Word && self.str(i) == word
    }

    /// Whether a token, standing first on a line, goes on with the expression of the line before.
    pub fn continues(&self, i: usize) -> bool {
        match self.kind(i) {
            TokenKind::Mark => {
                matches!(
                    self.str(i),
                    "|>" | "->"
                        | ".."
                        | "<"
                        | "<="
                        | ">"
                        | ">="
                        | "=="
                        | "!="
                        | "+"
                        | "-"
                        | "*"
                        | "/"
                        | "="
                        | "=>"
                        | ")"
                        | "]"
                        | "}"
                )
            }
            TokenKind::Word => matches!(self.str(i), "then" | "else" | "and" | "or" | "until"),
            _ => false,
        }
    }

    /// Whether a token, standing last on a line, waits for more.
    pub fn awaits(&self, i: usize) -> bool {
        match self.kind(i) {
            TokenKind::Mark => {
                matches!(
                    self.str(i),
                    "|>" | "->"
                        | ".."
                        | "<"
                        | "<="
                        | ">"
                        | ">="
                        | "=="
                        | "!="
                        | "+"
                        | "-"
                        | "*"
                        | "/"
                        | "="
                        | "=>"
                        | ":"
                )
            }
            TokenKind::Word => matches!(self.str(i), "if" | "then" | "else" | "and" | "or" | "not"),
            _ => false,
        }
    }

    /// Whether a member seems to begin at a token: `name:`, or `stage`, `run` or `drop` and a name.
    pub fn begins_member(&self, i: usize, end: usize) -> bool {
        match self.kind(i) {
            TokenKind::Doc => true,
            TokenKind::Mark => self.str(i) == "#",
            TokenKind::Word => self.next(i + 1, end).is_some_and(|n| {
                self.line(n) == self.line(i)
                    && (self.is_mark(n, ":")
                        || (matches!(self.str(i), "stage" | "run" | "drop")
                            && self.kind(n) == TokenKind::Word))
            }),
            _ => false,
        }
    }
}
