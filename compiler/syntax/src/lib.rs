//! Grammar, tolerant parser and syntax tree of `.smol`.
//!
//! Parsing never fails: [`parse`] yields a tree of whatever could be read, and a diagnostic for each place that could
//! not. It works in three layers over one grammar (`grammar.pest`), because pest itself stops at the first mistake:
//!
//! 1. [`token`]: a flat, total, lossless list of tokens;
//! 2. [`chunk`]: items begin at a keyword in column 0, members end at a newline or a comma outside brackets, so that
//!    a text falls into pieces before anything is parsed;
//! 3. each piece goes through a strict rule of the grammar. One that fails gives one diagnostic and an error node that
//!    still knows its name.
//!
//! The strict rule for a whole file ([`strict::accepts`]) accepts exactly the texts that parse without an error; tests
//! hold the two against each other.
//!
//! [`format`] lays a text out in the one canonical way; [`visit`] walks the tree.
//!
//! What does not live here: names, types and units beyond their spelling (check), and reading files (smolc).
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "most rules and kinds of token mean nothing in most places"
)]

pub mod ast;
mod brackets;
mod build;
mod chunk;
mod explain;
pub mod format;
mod grammar;
mod header;
mod keywords;
mod lexed;
mod members;
mod memo;
mod parse;
mod patch;
mod shift;
pub mod strict;
pub mod token;
pub mod visit;

pub use memo::Memo;
pub use parse::{Parsed, parse, parse_with};
pub use token::{Token, TokenKind};
