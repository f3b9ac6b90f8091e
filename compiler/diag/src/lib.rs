//! Diagnostics: one structured type, stable codes with a page each, and the renderers.
//!
//! Every phase yields [`Diagnostic`]s; nothing else prints an error about a spec. What does not live here: files and
//! their reading (the caller lends source text through [`Sources`]), and any decision about exit codes.

pub mod arrange;
pub mod codes;
pub mod diagnostic;
pub mod json;
pub mod line_index;
pub mod render;
pub mod sarif;
pub mod source;
pub mod suggest;
pub mod testing;

pub use diagnostic::{Applicability, Diagnostic, Edit, Fix, Label, Severity};
pub use line_index::{Encoding, LineIndex};
pub use source::{FileId, Sources, Span};
