//! The JSON form, read by other tools. Its shape is versioned; see [`report`].

use serde_json::{Value, json};

use crate::arrange::arrange;
use crate::codes;
use crate::diagnostic::{Applicability, Diagnostic, Label, Severity};
use crate::source::{FileId, Sources, Span};

/// One object with every diagnostic:
///
/// `{"version":1,"diagnostics":[{"code","severity":"error|warning|info","message","file","span":{"start":{"line",
/// "column","byte"},"end":{…}},"labels":[{"file","span","text"}],"help":[…],"fix":{"edits":[{"file","span","text"}],
/// "applicability":"safe|unsafe"}|null,"url"}],"summary":{"errors","warnings"}}`
///
/// Lines and columns from 1, columns in Unicode scalar values, bytes from 0; `end` is one past the last character.
/// `labels` begins with the text at the place itself, if there is one. `url` is null for a code without a page.
pub fn report(diagnostics: &[Diagnostic], sources: &Sources) -> Value {
    let arranged = arrange(diagnostics);
    let list: Vec<Value> = arranged.diagnostics.iter().map(|d| diagnostic(d, sources)).collect();
    json!({
        "version": 1,
        "diagnostics": list,
        "summary": { "errors": arranged.errors, "warnings": arranged.warnings },
    })
}

fn diagnostic(d: &Diagnostic, sources: &Sources) -> Value {
    let own = (!d.primary.text.is_empty()).then_some(&d.primary);
    let labels: Vec<Value> = own.into_iter().chain(&d.secondary).map(|l| label(l, sources)).collect();
    let fix = d.fix.as_ref().map(|f| {
        let edits: Vec<Value> = f
            .edits
            .iter()
            .map(|e| json!({ "file": sources.path(e.span.file), "span": span(e.span, sources), "text": e.text }))
            .collect();
        let applicability = match f.applicability {
            Applicability::Safe => "safe",
            Applicability::Unsafe => "unsafe",
        };
        json!({ "edits": edits, "applicability": applicability })
    });
    json!({
        "code": d.code,
        "severity": severity(d.severity),
        "message": d.message,
        "file": sources.path(d.primary.span.file),
        "span": span(d.primary.span, sources),
        "labels": labels,
        "help": d.help,
        "fix": fix,
        "url": codes::url(d.code),
    })
}

fn label(l: &Label, sources: &Sources) -> Value {
    json!({ "file": sources.path(l.span.file), "span": span(l.span, sources), "text": l.text })
}

/// The word for a severity.
pub fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}

fn span(span: Span, sources: &Sources) -> Value {
    json!({ "start": place(span.file, span.start, sources), "end": place(span.file, span.end, sources) })
}

fn place(file: FileId, byte: u32, sources: &Sources) -> Value {
    let (line, column) = sources.line_column(file, byte);
    json!({ "line": line, "column": column, "byte": byte })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_is_the_contract() {
        let mut sources = Sources::default();
        let a = sources.add("a.smol", "smol 1\nlet é = 世界 tokens\n");
        let b = sources.add("b.smol", "");
        let d = Diagnostic::error("smol::syntax::unit", Span::new(a, 16, 22), "m \u{1b}")
            .label("here")
            .also(Span::new(b, 0, 0), "there")
            .help("h")
            .fix(Span::new(a, 7, 7), "x", Applicability::Unsafe);
        let value = report(&[d.clone(), d], &sources);
        let text = serde_json::to_string(&value).unwrap();
        let back: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(back, value);
        assert_eq!(value["version"], 1);
        assert_eq!(value["summary"], json!({ "errors": 1, "warnings": 0 }));
        let one = &value["diagnostics"][0];
        assert_eq!(one["span"]["start"], json!({ "line": 2, "column": 9, "byte": 16 }));
        assert_eq!(one["span"]["end"], json!({ "line": 2, "column": 11, "byte": 22 }));
        assert_eq!(one["labels"][1]["file"], "b.smol");
        assert_eq!(one["labels"][1]["span"]["end"], json!({ "line": 1, "column": 1, "byte": 0 }));
        assert_eq!(one["fix"]["applicability"], "unsafe");
        assert_eq!(one["help"], json!(["h"]));
        let keys: Vec<&String> = one.as_object().unwrap().keys().collect();
        let all = ["code", "severity", "message", "file", "span", "labels", "help", "fix", "url"];
        assert_eq!(keys.len(), all.len());
        assert!(all.iter().all(|k| one.get(k).is_some()));
    }
}
