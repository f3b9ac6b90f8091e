//! The pest parser generated from `grammar.pest`.
#![allow(missing_docs)]

/// Parser of every rule.
#[derive(pest_derive::Parser)]
#[grammar = "grammar.pest"]
pub(crate) struct Grammar;
