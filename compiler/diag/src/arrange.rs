//! What is shown of a list of diagnostics: each once, in the order of the text, not more than can be read.

use std::collections::{BTreeMap, HashSet};

use crate::diagnostic::{Diagnostic, Severity};
use crate::source::FileId;

/// Most diagnostics shown for one file.
pub const MOST: usize = 50;

/// Diagnostics in the order they are shown, and how many there are in all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arranged {
    /// At most [`MOST`] for a file, and a note for each file that has more.
    pub diagnostics: Vec<Diagnostic>,
    /// All errors, also those not shown.
    pub errors: usize,
    /// All warnings, also those not shown.
    pub warnings: usize,
}

/// Sorts by file, offset and code, drops repetitions of a code at a span, and caps each file. Errors are kept before
/// warnings when not all can be shown.
pub fn arrange(diagnostics: &[Diagnostic]) -> Arranged {
    let mut seen = HashSet::new();
    let mut all: Vec<&Diagnostic> =
        diagnostics.iter().filter(|d| seen.insert((d.code, d.primary.span))).collect();
    let key = |d: &Diagnostic| (d.primary.span.file, d.primary.span.start, d.code, d.primary.span.end);
    all.sort_by(|a, b| key(a).cmp(&key(b)));
    let count = |severity| all.iter().filter(|d| d.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let mut files: BTreeMap<FileId, Vec<&Diagnostic>> = BTreeMap::new();
    for d in all {
        files.entry(d.primary.span.file).or_default().push(d);
    }
    let mut shown = Vec::new();
    for list in files.into_values() {
        let total = list.len();
        let mut kept: Vec<&Diagnostic> = list;
        if total > MOST {
            kept.sort_by_key(|d| d.severity);
            kept.truncate(MOST);
            kept.sort_by(|a, b| key(a).cmp(&key(b)));
        }
        let last = kept.last().map(|d| d.primary.span);
        shown.extend(kept.into_iter().cloned());
        if let Some(span) = last.filter(|_| total > MOST) {
            let hidden = total - MOST;
            let note = Diagnostic::error(
                "smol::diag::more",
                span,
                format!("{hidden} more of this file are not shown"),
            );
            let note = Diagnostic { severity: Severity::Info, ..note };
            shown.push(note.label("the last one shown").help("repair some of those above, then check again"));
        }
    }
    Arranged { diagnostics: shown, errors, warnings }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Span;

    fn at(code: &'static str, start: usize) -> Diagnostic {
        Diagnostic::error(code, Span::new(FileId(0), start, start + 1), "m")
    }

    #[test]
    fn order_is_of_the_text_and_repetitions_go() {
        let list = [at("b", 5), at("a", 5), at("b", 5), at("z", 1)];
        let shown = arrange(&list);
        assert_eq!(shown.diagnostics.iter().map(|d| d.code).collect::<Vec<_>>(), ["z", "a", "b"]);
        assert_eq!((shown.errors, shown.warnings), (3, 0));
    }

    #[test]
    fn a_file_shows_fifty_and_says_how_many_more() {
        let mut list: Vec<Diagnostic> = (0..70).map(|i| at("a", 2 * i)).collect();
        for d in list.iter_mut().take(30) {
            d.severity = Severity::Warning;
        }
        let shown = arrange(&list);
        assert_eq!(shown.diagnostics.len(), MOST + 1);
        assert_eq!((shown.errors, shown.warnings), (40, 30));
        assert_eq!(shown.diagnostics.iter().filter(|d| d.severity == Severity::Error).count(), 40);
        assert!(shown.diagnostics[MOST].message.starts_with("20 more"));
    }
}
