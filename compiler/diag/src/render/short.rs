//! One line each.

use std::fmt::Write as _;

use crate::arrange::arrange;
use crate::diagnostic::Diagnostic;
use crate::json::severity;
use crate::source::Sources;

/// `file:line:column: error[code]: message`, one a line, in the order of the text.
pub fn short(diagnostics: &[Diagnostic], sources: &Sources) -> String {
    let mut out = String::new();
    for d in arrange(diagnostics).diagnostics {
        let span = d.primary.span;
        let (line, column) = sources.line_column(span.file, span.start);
        let message: String = d.message.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let place = sources.path(span.file);
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{place}:{line}:{column}: {}[{}]: {message}", severity(d.severity), d.code);
    }
    out
}
