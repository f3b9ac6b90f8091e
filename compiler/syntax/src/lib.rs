//! Grammar, tolerant parser, syntax tree and typed AST of .smol
pub mod ast;
