//! The flat token list: total and lossless. Concatenated, the tokens are the source.

use pest::Parser;
use smolc_diag::{FileId, Span};

use crate::grammar::{Grammar, Rule};

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
pub fn tokenize(file: FileId, text: &str) -> Vec<Token> {
    let Ok(pairs) = Grammar::parse(Rule::tokens, text) else {
        // The rule ends in `ANY`, so that it accepts every text; this keeps the list lossless all the same.
        return vec![Token { kind: TokenKind::Unknown, span: Span::new(file, 0, text.len()) }];
    };
    let mut tokens = Vec::new();
    for pair in pairs.flatten() {
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
