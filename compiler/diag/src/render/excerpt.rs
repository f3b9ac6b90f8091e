//! The part of a file that a diagnostic shows, made fit for a terminal.
//!
//! The drawing library prints source lines as they are. Here lines that are too long are cut around their labels,
//! control characters become visible, and labels move where they can be drawn.

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use crate::source::{FileId, Sources, Span};

/// Lines of a file with offsets translated.
#[derive(Debug)]
pub(super) struct Excerpt {
    path: String,
    text: String,
    first_line: usize,
    /// Start of every kept piece of the file: (offset in the file, offset in `text`), ascending.
    map: Vec<(usize, usize)>,
}

/// A label longer than this many lines shows only its first.
const TALL: usize = 6;

impl Excerpt {
    /// The lines around some spans of a file; lines are cut to about `width` columns.
    pub fn new(sources: &Sources, file: FileId, spans: &[Span], width: usize) -> Excerpt {
        let source = sources.text(file);
        let spans: Vec<(usize, usize)> = spans.iter().map(|s| drawable(source, *s)).collect();
        let low = spans.iter().map(|s| s.0).min().unwrap_or(0);
        let high = spans.iter().map(|s| s.1).max().unwrap_or(0);
        let mut start = line_start(source, low);
        for _ in 0..2 {
            start = line_start(source, start.saturating_sub(1));
        }
        let before = source.get(..start).unwrap_or("");
        let mut excerpt = Excerpt {
            path: sources.path(file).chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect(),
            text: String::new(),
            first_line: before.bytes().filter(|b| *b == b'\n').count(),
            map: Vec::new(),
        };
        let mut offset = start;
        let mut behind = 0;
        for line in source.get(start..).unwrap_or("").split_inclusive('\n') {
            behind += usize::from(offset > high);
            if behind > 2 {
                break;
            }
            excerpt.line(line, offset, &spans, width);
            offset += line.len();
        }
        excerpt.map.push((offset, excerpt.text.len()));
        // An empty label at the very end is not drawn; before a line break it is.
        if excerpt.text.is_empty() {
            excerpt.text.push(' ');
        }
        if !excerpt.text.ends_with('\n') {
            excerpt.text.push('\n');
        }
        excerpt
    }

    /// Adds one line of the file, beginning at `offset`.
    fn line(&mut self, line: &str, offset: usize, spans: &[(usize, usize)], width: usize) {
        let (body, ended) = match line.strip_suffix('\n') {
            Some(b) => (b.strip_suffix('\r').unwrap_or(b), true),
            None => (line, false),
        };
        let (from, to) = window(body, offset, spans, width);
        let mut kept = false;
        for (i, c) in body.char_indices() {
            if i < from || i >= to {
                if kept && i >= to {
                    break;
                }
                continue;
            }
            if !kept {
                kept = true;
                self.map.push((offset, self.text.len()));
                if from > 0 {
                    self.text.push('…');
                }
            }
            self.map.push((offset + i, self.text.len()));
            match c {
                '\t' => self.text.push('\t'),
                '\0'..='\u{1F}' => {
                    self.text.push(char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{FFFD}'))
                }
                '\u{7F}' => self.text.push('\u{2421}'),
                '\u{80}'..='\u{9F}'
                | '\u{202A}'..='\u{202E}'
                | '\u{2066}'..='\u{2069}'
                | '\u{FEFF}'
                | '\u{200B}' => {
                    self.text.push('\u{FFFD}');
                }
                c => self.text.push(c),
            }
        }
        self.map.push((offset + to.min(body.len()), self.text.len()));
        if to < body.len() {
            self.text.push('…');
        }
        if body.len() > to {
            self.map.push((offset + body.len(), self.text.len()));
        }
        if ended {
            self.text.push('\n');
        }
    }

    /// Where a span of the file lies in the excerpt.
    pub fn place(&self, sources: &Sources, span: Span) -> SourceSpan {
        let (start, end) = drawable(sources.text(span.file), span);
        let (from, to) = (self.at(start), self.at(end));
        SourceSpan::from(from..to.max(from))
    }

    fn at(&self, offset: usize) -> usize {
        let i = self.map.partition_point(|(file, _)| *file <= offset);
        i.checked_sub(1).and_then(|i| self.map.get(i)).map_or(0, |(_, own)| *own).min(self.text.len())
    }
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let c = self.text.read_span(span, before, after)?;
        Ok(Box::new(MietteSpanContents::new_named(
            self.path.clone(),
            c.data(),
            *c.span(),
            c.line() + self.first_line,
            c.column(),
            c.line_count(),
        )))
    }
}

fn line_start(source: &str, at: usize) -> usize {
    source.get(..at).and_then(|s| s.rfind('\n')).map_or(0, |i| i + 1)
}

/// The part of a span that can be drawn: inside the file, on character boundaries, not behind the last line, and only
/// the first line of a span over many.
fn drawable(source: &str, span: Span) -> (usize, usize) {
    let mut start = source.floor_char_boundary((span.start as usize).min(source.len()));
    let mut end = source.ceil_char_boundary((span.end as usize).min(source.len())).max(start);
    if start == source.len() && source.ends_with('\n') {
        let kept = source.trim_end().len();
        (start, end) = (kept, kept);
    }
    let inside = source.get(start..end).unwrap_or("");
    if inside.bytes().filter(|b| *b == b'\n').count() > TALL {
        end = start + inside.find('\n').unwrap_or(inside.len());
        if source.get(start..end).is_some_and(|s| s.ends_with('\r')) {
            end -= 1;
        }
    }
    (start, end)
}

/// Bytes of a line to keep: all of it, or about `width` characters around its labels.
fn window(body: &str, offset: usize, spans: &[(usize, usize)], width: usize) -> (usize, usize) {
    let room = width.saturating_sub(12).max(24);
    if body.chars().count() <= room {
        return (0, body.len());
    }
    let touching: Vec<(usize, usize)> =
        spans.iter().copied().filter(|s| s.1 >= offset && s.0 <= offset + body.len()).collect();
    let low = touching.iter().map(|s| s.0.saturating_sub(offset)).min().unwrap_or(0);
    let high = touching.iter().map(|s| s.1.saturating_sub(offset).min(body.len())).max().unwrap_or(0);
    let column = |byte: usize| body.get(..body.floor_char_boundary(byte)).unwrap_or("").chars().count();
    let (low, high, total) = (column(low), column(high), body.chars().count());
    // A little before the first label; labels too far apart are cut behind the first.
    let begin = if high <= room { 0 } else { low.saturating_sub(room / 4) };
    let stop = (begin + room).min(total);
    let byte = |n: usize| body.char_indices().nth(n).map_or(body.len(), |(i, _)| i);
    (byte(begin), byte(stop))
}
