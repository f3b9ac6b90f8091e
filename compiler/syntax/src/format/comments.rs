//! Comments at the ends of consecutive lines stand under each other.

use super::Line;

/// The text of all lines.
pub(super) fn align(lines: Vec<Line>) -> String {
    let mut out = String::new();
    let mut i = 0;
    while let Some(line) = lines.get(i) {
        let width = |l: &Line| l.indent + l.code.chars().count();
        let run = if line.comment.is_empty() {
            1
        } else {
            let rest = lines.get(i + 1..).unwrap_or_default();
            1 + rest.iter().take_while(|l| !l.comment.is_empty() && !l.blank).count()
        };
        let group = lines.get(i..i + run).unwrap_or_default();
        let column = group.iter().map(width).max().unwrap_or(0) + 2;
        for line in group {
            if line.blank && !out.is_empty() {
                out.push('\n');
            }
            let code = line.code.trim_end();
            if !code.is_empty() {
                out.push_str(&" ".repeat(line.indent));
                out.push_str(code);
            }
            if !line.comment.is_empty() {
                out.push_str(&" ".repeat(column.saturating_sub(width(line))));
                out.push_str(&line.comment);
            }
            out.push('\n');
        }
        i += run;
    }
    out
}
