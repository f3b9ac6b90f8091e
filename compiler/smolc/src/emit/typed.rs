//! The checked spec: everything that was worked out, each value with the place it was written at.
//!
//! It is the spec as the compiler holds it, so that nothing can be missing; only spans are said as people say them.

use super::tree::place;
use smolc_check::Checked;
use smolc_diag::{FileId, Span};

/// The spec.
pub fn render(checked: &Checked) -> String {
    let debug = format!("{:#?}\n", checked.spec);
    let lines: Vec<&str> = debug.lines().collect();
    let mut text = String::new();
    let mut rest = lines.as_slice();
    while let Some((line, after)) = rest.split_first() {
        match line.strip_suffix("Span {").and_then(|before| Some((before, span(after)?))) {
            Some((before, (span, used))) => {
                let at = place(&checked.sources, span);
                let file = checked.sources.path(span.file);
                let file = if span.file == FileId(0) { String::new() } else { format!("{file}:") };
                text.push_str(&format!("{before}{file}{},\n", at.trim_start()));
                rest = after.get(used..).unwrap_or_default();
            }
            None => {
                text.push_str(line);
                text.push('\n');
                rest = after;
            }
        }
    }
    text
}

/// A span's fields as `{:#?}` lays them out, and the number of lines they take.
fn span(lines: &[&str]) -> Option<(Span, usize)> {
    let number =
        |line: &str, key: &str| line.trim().strip_prefix(key)?.strip_suffix(',')?.parse::<u32>().ok();
    let [file, id, close, start, end, last, ..] = lines else { return None };
    if file.trim() != "file: FileId(" || close.trim() != ")," || !last.trim().starts_with('}') {
        return None;
    }
    let id = number(id, "")?;
    let (start, end) = (number(start, "start: ")?, number(end, "end: ")?);
    Some((Span { file: FileId(id), start, end }, 6))
}
