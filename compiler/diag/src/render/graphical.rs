//! The source with its labels, drawn by miette.

use std::fmt;

use miette::{Diagnostic as Drawn, GraphicalReportHandler, GraphicalTheme, LabeledSpan, SourceCode};

use super::excerpt::Excerpt;
use crate::arrange::arrange;
use crate::diagnostic::{Diagnostic, Label, Severity};
use crate::source::{FileId, Sources, Span};

/// Draws diagnostics in the order of the text, `width` columns wide, with color or without; no links.
pub fn graphical(diagnostics: &[Diagnostic], sources: &Sources, width: usize, color: bool) -> String {
    let theme = if color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let width = width.max(40);
    let handler =
        GraphicalReportHandler::new_themed(theme).with_width(width).with_links(false).with_context_lines(1);
    let mut out = String::new();
    for d in arrange(diagnostics).diagnostics {
        let view = View::new(&d, sources, width);
        let mut one = String::new();
        // Writing to a String cannot fail, and every label lies inside its excerpt.
        if handler.render_report(&mut one, &view).is_err() {
            one = super::short(std::slice::from_ref(&d), sources);
        }
        for line in one.lines() {
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out.push('\n');
    }
    out
}

/// A diagnostic as miette wants it: one source a view, other files as related views.
#[derive(Debug)]
struct View {
    message: String,
    code: Option<&'static str>,
    severity: miette::Severity,
    help: Option<String>,
    excerpt: Excerpt,
    labels: Vec<LabeledSpan>,
    related: Vec<View>,
}

impl View {
    fn new(d: &Diagnostic, sources: &Sources, width: usize) -> View {
        let file = d.primary.span.file;
        let here: Vec<&Label> =
            std::iter::once(&d.primary).chain(d.secondary.iter().filter(|l| l.span.file == file)).collect();
        let mut others: Vec<FileId> =
            d.secondary.iter().map(|l| l.span.file).filter(|f| *f != file).collect();
        others.sort_unstable();
        others.dedup();
        let related = others.into_iter().map(|other| {
            let there: Vec<&Label> = d.secondary.iter().filter(|l| l.span.file == other).collect();
            let (excerpt, labels) = draw(&there, sources, other, width, false);
            let message = format!("in {}", sources.path(other));
            let severity = miette::Severity::Advice;
            View { message, code: None, severity, help: None, excerpt, labels, related: Vec::new() }
        });
        let related = related.collect();
        let (excerpt, labels) = draw(&here, sources, file, width, true);
        View {
            message: printable(&d.message),
            code: Some(d.code),
            severity: match d.severity {
                Severity::Error => miette::Severity::Error,
                Severity::Warning => miette::Severity::Warning,
                Severity::Info => miette::Severity::Advice,
            },
            help: (!d.help.is_empty()).then(|| printable(&d.help.join("\n"))),
            excerpt,
            labels,
            related,
        }
    }
}

fn draw(
    labels: &[&Label],
    sources: &Sources,
    file: FileId,
    width: usize,
    primary: bool,
) -> (Excerpt, Vec<LabeledSpan>) {
    let spans: Vec<Span> = labels.iter().map(|l| l.span).collect();
    let excerpt = Excerpt::new(sources, file, &spans, width);
    let drawn = labels.iter().enumerate().map(|(i, l)| {
        let place = excerpt.place(sources, l.span);
        let text = (!l.text.is_empty()).then(|| printable(&l.text));
        if primary && i == 0 {
            LabeledSpan::new_primary_with_span(text, place)
        } else {
            LabeledSpan::new_with_span(text, place)
        }
    });
    let drawn = drawn.collect();
    (excerpt, drawn)
}

fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{FFFD}' } else { c }).collect()
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for View {}

impl Drawn for View {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.code.map(|c| Box::new(c) as Box<dyn fmt::Display>)
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|h| Box::new(h) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.excerpt)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Drawn> + 'a>> {
        (!self.related.is_empty()).then(|| {
            Box::new(self.related.iter().map(|r| r as &dyn Drawn)) as Box<dyn Iterator<Item = &dyn Drawn>>
        })
    }
}
