//! What an editor asks about a spec: pure functions from files and a position to plain data.
//!
//! An [`Analysis`] is made anew for every question: a spec checks in milliseconds. Everything is said in byte offsets and
//! paths; one file holds one feature. Run-time expressions are evaluated by the interpreter only.
//!
//! What does not live here: any protocol or JSON, line and column numbers, reading files and the state of an editor
//! (`smolc lsp`), and every judgement about a spec (`smolc-check`).
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "most kinds of node, value and symbol mean nothing to most questions"
)]

mod actions;
mod analysis;
mod builtins;
mod completion;
mod definition;
mod fixes;
mod folding;
mod hints;
mod hover;
mod lenses;
mod numbers;
mod overlay;
mod reference;
mod rename;
mod resolve;
mod schemas;
mod selection;
mod signature;
mod symbols;
mod tokens;
mod values;

pub use actions::{Action, ActionKind, actions};
pub use analysis::{Analysis, Place, diagnostics};
pub use builtins::builtin_docs;
pub use completion::{Completion, CompletionKind, complete};
pub use definition::{definition, highlights, occurrences};
pub use fixes::{Applied, FixError, Fixed, apply_edits, fix};
pub use folding::{Fold, FoldKind, folds};
pub use hints::{Hint, hints};
pub use hover::{Hover, hover};
pub use lenses::{Lens, lenses};
pub use overlay::Overlay;
pub use reference::{ItemDoc, ModuleDoc, document};
pub use rename::{RenameError, prepare_rename, rename};
pub use resolve::{Occurrence, Symbol};
pub use selection::selection;
pub use signature::{Signature, signature};
pub use symbols::{SymbolKind, SymbolNode, document_symbols, workspace_symbols};
pub use tokens::{MODIFIERS, SemanticToken, TOKEN_TYPES, semantic_tokens};
