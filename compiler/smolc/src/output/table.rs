//! Plain tables: aligned columns, two spaces apart, no rules.

use super::{Stream, Style};

/// How a column lines up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A table. The last column takes the rest of the width and wraps.
#[derive(Debug)]
pub struct Table {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with the given headings; empty headings everywhere = no heading line.
    pub fn new(columns: &[(&str, Align)]) -> Table {
        Table { columns: columns.iter().map(|(n, a)| ((*n).to_string(), *a)).collect(), rows: Vec::new() }
    }

    /// Adds a row. Missing cells are empty.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table as lines, indented by `indent`, for a stream's width and color.
    pub fn render(&self, stream: &Stream, indent: usize) -> String {
        let last = self.columns.len().saturating_sub(1);
        let widths: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .map(|(i, (name, _))| {
                let cells = self.rows.iter().filter_map(|r| r.get(i)).map(|c| width(c)).max().unwrap_or(0);
                cells.max(width(name))
            })
            .collect();
        let before: usize = indent + widths.iter().take(last).map(|w| w + 2).sum::<usize>();
        let room = stream.width.saturating_sub(before).max(20);
        let mut out = String::new();
        if self.columns.iter().any(|(name, _)| !name.is_empty()) {
            let cells: Vec<&str> = self.columns.iter().map(|(name, _)| name.as_str()).collect();
            let line = self.line(&cells, &widths, indent);
            out.push_str(&stream.style(Style::Dim, &line));
            out.push('\n');
        }
        for row in &self.rows {
            let wrapped = wrap(row.get(last).map_or("", String::as_str), room);
            for (i, part) in wrapped.iter().enumerate() {
                let cells: Vec<&str> = (0..self.columns.len())
                    .map(|c| match (c == last, i) {
                        (true, _) => part.as_str(),
                        (false, 0) => row.get(c).map_or("", String::as_str),
                        (false, _) => "",
                    })
                    .collect();
                out.push_str(&self.line(&cells, &widths, indent));
                out.push('\n');
            }
        }
        out
    }

    fn line(&self, cells: &[&str], widths: &[usize], indent: usize) -> String {
        let mut line = " ".repeat(indent);
        for ((cell, (_, align)), w) in cells.iter().zip(&self.columns).zip(widths) {
            let pad = " ".repeat(w.saturating_sub(width(cell)));
            match align {
                Align::Left => line.push_str(&format!("{cell}{pad}  ")),
                Align::Right => line.push_str(&format!("{pad}{cell}  ")),
            }
        }
        line.trim_end().to_string()
    }
}

/// Columns of a text on a terminal.
pub fn width(text: &str) -> usize {
    unicode_width::UnicodeWidthStr::width(text)
}

/// Breaks a text at spaces into lines of at most `room` columns; a word that is longer stands alone. Existing line
/// breaks stay.
pub fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            if !line.is_empty() && width(&line) + 1 + width(word) > room {
                lines.push(std::mem::take(&mut line));
            } else if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

/// At most `room` columns of a text, ending in `…` where it was cut.
pub fn truncate(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_string();
    }
    let mut out = String::new();
    for c in text.chars() {
        if width(&out) + unicode_width::UnicodeWidthChar::width(c).unwrap_or(0) + 1 > room {
            break;
        }
        out.push(c);
    }
    out.push('…');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_the_last_one_wraps() {
        let mut table =
            Table::new(&[("stage", Align::Left), ("steps", Align::Right), ("mixture", Align::Left)]);
        table.row(["prose".into(), "1,245".into(), "80% docs + 20% code + 10% something long".into()]);
        table.row(["übung".into(), "7".into(), "100% docs".into()]);
        let stream = Stream::plain(40);
        let want = "  stage  steps  mixture\n  prose  1,245  80% docs + 20% code +\n                10% something long\n  \
                    übung      7  100% docs\n";
        assert_eq!(table.render(&stream, 2), want);
    }

    #[test]
    fn texts_are_cut_to_columns_not_bytes() {
        assert_eq!(truncate("dataset", 7), "dataset");
        assert_eq!(truncate("datasets", 7), "datase…");
        assert_eq!(truncate("漢字漢字", 5), "漢字…");
    }
}
