//! Annotated sources for tests: what a spec must be told about is written next to it.
//!
//! `//~ error[smol::syntax::unclosed] never closed` at the end of a line expects a diagnostic that begins on this line,
//! of this severity and code, whose message contains the text. `//~^ …` on a line of its own means the line above,
//! `//~^^ …` the one above that. A diagnostic nobody expects fails the test as much as one that does not come.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use crate::arrange::arrange;
use crate::diagnostic::Diagnostic;
use crate::json::severity;
use crate::source::{FileId, Sources};

/// A diagnostic that a source announces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Line, from 1.
    pub line: u32,
    /// `error`, `warning`, `info`.
    pub severity: String,
    /// `smol::syntax::unclosed`
    pub code: String,
    /// Part of the message; may be empty.
    pub text: String,
}

/// The annotations of a source; an annotation that cannot be read is given back as an error.
pub fn annotations(source: &str) -> Result<Vec<Expected>, String> {
    let mut expected = Vec::new();
    for (index, line) in source.lines().enumerate() {
        for mark in line.split("//~").skip(1) {
            let up = mark.bytes().take_while(|b| *b == b'^').count();
            let rest = mark.trim_start_matches('^').trim();
            let read = rest.split_once('[').and_then(|(s, r)| r.split_once(']').map(|(c, t)| (s, c, t)));
            let Some((severity, code, text)) = read else {
                return Err(format!("line {}: not an annotation: //~{mark}", index + 1));
            };
            expected.push(Expected {
                line: (index + 1 - up.min(index)) as u32,
                severity: severity.trim().to_owned(),
                code: code.trim().to_owned(),
                text: text.trim().to_owned(),
            });
        }
    }
    Ok(expected)
}

/// What is wrong with the form of a message: it begins in lower case (code aside), takes one line and no full stop, and
/// blames nobody.
fn style(message: &str) -> Option<&'static str> {
    let words = message.to_lowercase();
    match () {
        () if message.is_empty() => Some("is empty"),
        () if message.starts_with(|c: char| c.is_uppercase()) => Some("begins in upper case"),
        () if message.ends_with(['.', '!']) => Some("ends in a full stop"),
        () if message.contains('\n') => Some("takes more than one line"),
        () if ["illegal", "please", "you ", "invalid"].iter().any(|w| words.contains(w)) => {
            Some("blames or begs")
        }
        () => None,
    }
}

/// Holds diagnostics against the annotations of a file; the error says what is missing and what is too much.
pub fn compare(diagnostics: &[Diagnostic], sources: &Sources, file: FileId) -> Result<(), String> {
    let mut expected = annotations(sources.text(file))?;
    let mut problems = String::new();
    for d in arrange(diagnostics).diagnostics {
        let (line, column) = sources.line_column(d.primary.span.file, d.primary.span.start);
        let here = d.primary.span.file == file;
        if let Some(wrong) = style(&d.message) {
            let _ = writeln!(problems, "{line}:{column}: a message {wrong}: {}", d.message);
        }
        let found = expected.iter().position(|e| {
            here && e.line == line
                && e.severity == severity(d.severity)
                && e.code == d.code
                && d.message.contains(&e.text)
        });
        match found {
            Some(i) => drop(expected.remove(i)),
            None => {
                let path = sources.path(d.primary.span.file);
                let _ = writeln!(
                    problems,
                    "not announced: {path}:{line}:{column}: {}[{}] {}",
                    severity(d.severity),
                    d.code,
                    d.message
                );
            }
        }
    }
    for e in expected {
        let _ = writeln!(
            problems,
            "announced, did not come: line {}: {}[{}] {}",
            e.line, e.severity, e.code, e.text
        );
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// Holds a text against a file that a person has approved; `SMOLC_BLESS=1` in the environment rewrites the file.
pub fn golden(path: &Path, actual: &str) -> Result<(), String> {
    let name = path.display();
    if env::var_os("SMOLC_BLESS").is_some_and(|v| v == "1") {
        return fs::write(path, actual).map_err(|e| format!("{name}: {e}"));
    }
    let wanted = fs::read_to_string(path).map_err(|e| format!("{name}: {e}; SMOLC_BLESS=1 writes it"))?;
    if wanted == actual {
        return Ok(());
    }
    let differs = wanted.lines().zip(actual.lines()).position(|(a, b)| a != b);
    let line = differs.unwrap_or(wanted.lines().count().min(actual.lines().count())) + 1;
    Err(format!("{name}: differs from line {line} on; SMOLC_BLESS=1 rewrites it\n--- is now\n{actual}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Span;

    #[test]
    fn annotations_are_read_and_held_against_diagnostics() {
        let mut sources = Sources::default();
        let text = "a //~ error[smol::a::b] bad\nb\n//~^ warning[smol::c::d]\n";
        let file = sources.add("t.smol", text);
        let bad = Diagnostic::error("smol::a::b", Span::new(file, 0, 1), "a bad thing");
        let lint = Diagnostic::warning("smol::c::d", Span::new(file, 28, 29), "a lint");
        assert_eq!(compare(&[lint.clone(), bad.clone()], &sources, file), Ok(()));
        assert!(compare(&[bad], &sources, file).unwrap_err().contains("did not come"));
        let other = Diagnostic::error("smol::e::f", Span::new(file, 0, 1), "new");
        assert!(compare(&[other], &sources, file).unwrap_err().contains("not announced"));
        assert!(annotations("x //~ nonsense").is_err());
    }
}
