//! The one diagnostic type.

use crate::source::Span;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The run would be wrong or would die.
    Error,
    /// The run is probably not what is wanted.
    Warning,
    /// Something worth knowing.
    Info,
}

/// Something to tell the user about a spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable code, `smol::mix::sum`; each has a page `codes/mix/sum.md`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one line that stands alone: lower-case start, no full stop, `code` in backticks.
    pub message: String,
    /// The place, and what to say right there.
    pub primary: Label,
    /// Other places involved, possibly in other files.
    pub secondary: Vec<Label>,
    /// What to do, one per line.
    pub help: Vec<String>,
    /// An edit that does it.
    pub fix: Option<Fix>,
}

/// A labelled span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What to say there; may be empty.
    pub text: String,
}

/// A proposed change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// Edits, not overlapping.
    pub edits: Vec<Edit>,
    /// Whether it may be applied without looking.
    pub applicability: Applicability,
}

/// Replace a span by a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced; empty = insertion.
    pub span: Span,
    /// By what.
    pub text: String,
}

/// Whether a fix may be applied without looking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applicability {
    /// Keeps or restores the meaning that was evidently intended.
    Safe,
    /// A guess.
    Unsafe,
}

impl Diagnostic {
    /// An error at a span.
    pub fn error(code: &'static str, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            code,
            severity: Severity::Error,
            message: message.into(),
            primary: Label { span, text: String::new() },
            secondary: Vec::new(),
            help: Vec::new(),
            fix: None,
        }
    }

    /// A lint at a span.
    pub fn warning(code: &'static str, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(code, span, message) }
    }

    /// What to say at the place itself.
    pub fn label(mut self, text: impl Into<String>) -> Diagnostic {
        self.primary.text = text.into();
        self
    }

    /// Another place involved.
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Diagnostic {
        self.secondary.push(Label { span, text: text.into() });
        self
    }

    /// What to do.
    pub fn help(mut self, text: impl Into<String>) -> Diagnostic {
        self.help.push(text.into());
        self
    }

    /// An edit that does it.
    pub fn fix(mut self, span: Span, text: impl Into<String>, applicability: Applicability) -> Diagnostic {
        self.fix = Some(Fix { edits: vec![Edit { span, text: text.into() }], applicability });
        self
    }
}
