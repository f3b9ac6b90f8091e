//! The form that code scanning services read: SARIF 2.1.0 (OASIS, 2020), one run.
//!
//! Lines and columns count from 1 and columns in Unicode scalar values, as in the [JSON form](crate::json); the column behind the
//! last character ends a region. Help stands below the message. Labels of other places are related locations, and a
//! fix says in its properties whether it may be applied without looking.

use serde_json::{Value, json};

use crate::arrange::arrange;
use crate::codes;
use crate::diagnostic::{Applicability, Diagnostic, Fix, Label, Severity};
use crate::source::{FileId, Sources, Span};

/// One log with every diagnostic, made by `smolc` of a version.
pub fn log(diagnostics: &[Diagnostic], sources: &Sources, version: &str) -> Value {
    let shown = arrange(diagnostics).diagnostics;
    let mut rules: Vec<&'static str> = shown.iter().map(|d| d.code).collect();
    rules.sort_unstable();
    rules.dedup();
    let results: Vec<Value> = shown.iter().map(|d| result(d, &rules, sources)).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "smolc",
                "version": version,
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules.iter().map(|code| rule(code)).collect::<Vec<_>>(),
            } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rule(code: &str) -> Value {
    let mut rule = json!({ "id": code });
    // The third line of a page says what the code means.
    let what = codes::page(code).and_then(|page| page.lines().nth(2)).filter(|line| !line.is_empty());
    if let (Some(what), Some(object)) = (what, rule.as_object_mut()) {
        object.insert("shortDescription".into(), json!({ "text": what }));
    }
    if let (Some(url), Some(object)) = (codes::url(code), rule.as_object_mut()) {
        object.insert("helpUri".into(), json!(url));
    }
    rule
}

fn result(d: &Diagnostic, rules: &[&str], sources: &Sources) -> Value {
    let lines: Vec<&str> = std::iter::once(&d.message).chain(&d.help).map(String::as_str).collect();
    let level = match d.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    };
    let mut result = json!({
        "ruleId": d.code,
        "ruleIndex": rules.iter().position(|code| *code == d.code),
        "level": level,
        "message": { "text": lines.join("\n") },
        "locations": [location(&d.primary, sources)],
    });
    if let Some(object) = result.as_object_mut() {
        if !d.secondary.is_empty() {
            let related: Vec<Value> = d.secondary.iter().map(|label| location(label, sources)).collect();
            object.insert("relatedLocations".into(), related.into());
        }
        if let Some(fix) = &d.fix {
            object.insert("fixes".into(), json!([fixed(fix, &d.help, sources)]));
        }
    }
    result
}

fn location(label: &Label, sources: &Sources) -> Value {
    let mut location = json!({ "physicalLocation": {
        "artifactLocation": artifact(label.span.file, sources),
        "region": region(label.span, sources),
    } });
    if let (false, Some(object)) = (label.text.is_empty(), location.as_object_mut()) {
        object.insert("message".into(), json!({ "text": label.text }));
    }
    location
}

fn fixed(fix: &Fix, help: &[String], sources: &Sources) -> Value {
    let mut files: Vec<FileId> = fix.edits.iter().map(|edit| edit.span.file).collect();
    files.sort_unstable();
    files.dedup();
    let change = |file: FileId| {
        let replacements: Vec<Value> = fix
            .edits
            .iter()
            .filter(|edit| edit.span.file == file)
            .map(|edit| {
                json!({
                    "deletedRegion": region(edit.span, sources),
                    "insertedContent": { "text": edit.text },
                })
            })
            .collect();
        json!({ "artifactLocation": artifact(file, sources), "replacements": replacements })
    };
    let applicability = match fix.applicability {
        Applicability::Safe => "safe",
        Applicability::Unsafe => "unsafe",
    };
    json!({
        "description": { "text": help.first().map_or("apply the fix", String::as_str) },
        "artifactChanges": files.into_iter().map(change).collect::<Vec<_>>(),
        "properties": { "applicability": applicability },
    })
}

fn artifact(file: FileId, sources: &Sources) -> Value {
    json!({ "uri": uri(&sources.path(file).to_string()) })
}

fn region(span: Span, sources: &Sources) -> Value {
    let ((line, column), (end_line, end_column)) =
        (sources.line_column(span.file, span.start), sources.line_column(span.file, span.end));
    json!({ "startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column })
}

/// A path as a URI reference: relative as it is, absolute as `file:`, with what a URI cannot hold as `%XX`.
fn uri(path: &str) -> String {
    let mut uri = String::from(if path.starts_with('/') { "file://" } else { "" });
    for (at, segment) in path.split('/').enumerate() {
        if at > 0 {
            uri.push('/');
        }
        for byte in segment.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    uri.push(char::from(byte));
                }
                other => uri += &format!("%{other:02X}"),
            }
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Properties of an object of SARIF 2.1.0 that are used here: those that must be there, those that may, and what is inside.
    struct Shape {
        must: &'static [(&'static str, Inside)],
        may: &'static [(&'static str, Inside)],
    }

    enum Inside {
        Text,
        Number,
        Free,
        One(&'static Shape),
        Each(&'static Shape),
    }
    use Inside::{Each, Free, Number, One, Text};

    // Sections of the standard: 3.13 log, 3.14 run, 3.18 tool, 3.19 component, 3.49 rule, 3.27 result, 3.11 message,
    // 3.28 location, 3.29 physical location, 3.4 artifact location, 3.30 region, 3.55 fix, 3.56 change, 3.57 replacement.
    const LOG: Shape = Shape { must: &[("version", Text), ("runs", Each(&RUN))], may: &[("$schema", Text)] };
    const RUN: Shape =
        Shape { must: &[("tool", One(&TOOL))], may: &[("results", Each(&RESULT)), ("columnKind", Text)] };
    const TOOL: Shape = Shape { must: &[("driver", One(&DRIVER))], may: &[] };
    const DRIVER: Shape = Shape {
        must: &[("name", Text)],
        may: &[("version", Text), ("informationUri", Text), ("rules", Each(&RULE))],
    };
    const RULE: Shape =
        Shape { must: &[("id", Text)], may: &[("shortDescription", One(&MESSAGE)), ("helpUri", Text)] };
    const MESSAGE: Shape = Shape { must: &[("text", Text)], may: &[] };
    const RESULT: Shape = Shape {
        must: &[("message", One(&MESSAGE))],
        may: &[
            ("ruleId", Text),
            ("ruleIndex", Number),
            ("level", Text),
            ("locations", Each(&LOCATION)),
            ("relatedLocations", Each(&LOCATION)),
            ("fixes", Each(&FIX)),
        ],
    };
    const LOCATION: Shape =
        Shape { must: &[], may: &[("physicalLocation", One(&PHYSICAL)), ("message", One(&MESSAGE))] };
    const PHYSICAL: Shape =
        Shape { must: &[("artifactLocation", One(&ARTIFACT))], may: &[("region", One(&REGION))] };
    const ARTIFACT: Shape = Shape { must: &[("uri", Text)], may: &[] };
    const REGION: Shape = Shape {
        must: &[("startLine", Number)],
        may: &[("startColumn", Number), ("endLine", Number), ("endColumn", Number)],
    };
    const FIX: Shape = Shape {
        must: &[("artifactChanges", Each(&CHANGE))],
        may: &[("description", One(&MESSAGE)), ("properties", Free)],
    };
    const CHANGE: Shape = Shape {
        must: &[("artifactLocation", One(&ARTIFACT)), ("replacements", Each(&REPLACEMENT))],
        may: &[],
    };
    const REPLACEMENT: Shape =
        Shape { must: &[("deletedRegion", One(&REGION))], may: &[("insertedContent", One(&MESSAGE))] };

    fn fits(value: &Value, shape: &Shape, at: &str) {
        let object = value.as_object().unwrap_or_else(|| panic!("{at} is no object: {value}"));
        for (name, _) in shape.must {
            assert!(object.contains_key(*name), "{at} lacks {name}");
        }
        for (name, value) in object {
            let at = format!("{at}.{name}");
            let known = shape.must.iter().chain(shape.may).find(|(known, _)| known == name);
            match &known.unwrap_or_else(|| panic!("{at} is not known")).1 {
                Text => assert!(value.is_string(), "{at}: {value}"),
                Number => assert!(value.is_u64(), "{at}: {value}"),
                Free => assert!(value.is_object(), "{at}: {value}"),
                One(shape) => fits(value, shape, &at),
                Each(shape) => {
                    let all = value.as_array().unwrap_or_else(|| panic!("{at} is no list"));
                    all.iter().for_each(|value| fits(value, shape, &at));
                }
            }
        }
    }

    #[test]
    fn the_shape_is_the_standards() {
        let mut sources = Sources::default();
        let a = sources.add("dir/a b.smol", "smol 1\nlet é = 世界 tokens\n");
        let b = sources.add("/root/b.smol", "");
        let first = Diagnostic::error("smol::syntax::unit", Span::new(a, 16, 22), "m")
            .label("here")
            .also(Span::new(b, 0, 0), "there")
            .help("h")
            .fix(Span::new(a, 7, 7), "x", Applicability::Unsafe);
        let second = Diagnostic::warning("smol::mix::sum", Span::new(a, 0, 4), "n");
        let third = Diagnostic {
            severity: Severity::Info,
            ..Diagnostic::error("smol::no::page", Span::new(a, 0, 1), "o")
        };
        for list in [&[][..], &[first.clone(), second.clone(), third.clone(), first.clone()]] {
            let log = log(list, &sources, "1.2.3");
            fits(&log, &LOG, "log");
            assert_eq!(log["version"], "2.1.0");
        }
        let log = log(&[first, second, third], &sources, "1.2.3");
        let run = &log["runs"][0];
        let results = run["results"].as_array().unwrap();
        let levels: Vec<&Value> = results.iter().map(|r| &r["level"]).collect();
        assert_eq!(levels, ["warning", "note", "error"]);
        for result in results {
            let index = result["ruleIndex"].as_u64().unwrap() as usize;
            assert_eq!(run["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
        }
        let error = &results[2];
        assert_eq!(error["message"]["text"], "m\nh");
        let place = &error["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "dir/a%20b.smol");
        assert_eq!(
            place["region"],
            json!({ "startLine": 2, "startColumn": 9, "endLine": 2, "endColumn": 11 })
        );
        let there = &error["relatedLocations"][0]["physicalLocation"]["artifactLocation"]["uri"];
        assert_eq!(*there, "file:///root/b.smol");
        assert_eq!(
            error["fixes"][0]["artifactChanges"][0]["replacements"][0]["insertedContent"]["text"],
            "x"
        );
        assert_eq!(error["fixes"][0]["properties"]["applicability"], "unsafe");
    }
}
