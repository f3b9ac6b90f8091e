//! Where the text alone says what may follow: column 0, `use`, attributes, text literals.

use super::{Collector, CompletionKind};
use crate::analysis::Analysis;
use crate::builtins;
use smolc_check::load::STD;
use smolc_check::names::defined;
use smolc_check::value::Builtin;
use smolc_diag::FileId;
use smolc_syntax::parse;

/// In column 0: items.
pub(super) fn items(all: &mut Collector) {
    let list: [(&str, &str, &str); 14] = [
        ("use", "use std.${1:schedules}.{${0:wsd}}", "take names from another module"),
        ("param", "param ${1:name}: ${2:Path} = $0", "a value that `--set` may replace"),
        ("let", "let ${1:name} = $0", "a name for a value"),
        ("fn", "fn ${1:name}(${2:peak: Rate}) -> ${3:Schedule} =\n  $0", "a function"),
        ("dataset", "dataset ${1:name} = files(\"${2:**/*.md}\")$0", "what is read"),
        (
            "tokenizer",
            "tokenizer ${1:name} = bpe { vocab: ${2:4096}, train: [$0], eos: \"<|endoftext|>\" }",
            "how text becomes tokens",
        ),
        ("mix", "mix ${1:name} = ${2:60%} ${3:a} + ${4:40%} ${0:b}", "datasets in exact shares"),
        ("model", "model ${1:name} = ${2:Llama} {\n  $0\n}", "a shape"),
        ("schedule", "schedule ${1:name} = $0", "a value over the run"),
        ("run", "run ${1:name} {\n  $0\n}", "a training"),
        ("sweep", "sweep ${1:name} over ${2:x} in [$3] {\n  $0\n}", "runs that differ in one value"),
        ("target", "target ${1:name} { $0 }", "what it runs on"),
        ("eval", "eval ${1:name} = $0", "an evaluation"),
        ("suite", "suite ${1:name} = [$0]", "several evaluations"),
    ];
    for (word, insert, detail) in list {
        all.add(word, CompletionKind::Keyword, detail, "", insert, 0);
    }
}

/// In a `use`: modules, then what they export.
pub(super) fn imports(line: &str, all: &mut Collector) {
    let rest = line.strip_prefix("use ").unwrap_or("").trim_start();
    let named = STD.iter().find(|(name, _)| rest.starts_with(&format!("std.{name}.")));
    match named {
        Some((name, text)) => {
            let given: Vec<&str> = rest.split(['{', ',', '}']).map(str::trim).collect();
            let file = parse(FileId::default(), text).file;
            let brace = if rest.contains('{') { ("", "") } else { ("{", "}") };
            let mut offer = |item: &str, detail: &str, doc: &str| {
                if !given.contains(&item) {
                    let insert = format!("{}{item}{}", brace.0, brace.1);
                    all.add(item, CompletionKind::Variable, detail, doc, &insert, 0);
                }
            };
            for item in &file.items {
                if let Some((n, keyword)) = defined(&item.kind) {
                    offer(&n.text, keyword, &item.docs.join("\n"));
                }
            }
            Builtin::exported_by(&format!("std.{name}"))
                .iter()
                .for_each(|b| offer(b.name(), "constructor", &builtins::describe(b.name()).1));
        }
        None if rest.starts_with("std.") => {
            for (name, text) in STD {
                let docs = parse(FileId::default(), text).file.docs.join("\n");
                all.add(name, CompletionKind::Module, "module", &docs, name, 0);
            }
        }
        None => {
            all.add("std", CompletionKind::Module, "the standard library", "", "std.", 0);
        }
    }
}

pub(super) fn attribute(all: &mut Collector) {
    for code in smolc_diag::codes::all() {
        let page = smolc_diag::codes::page(code).unwrap_or("");
        let what = page.lines().find(|l| !l.is_empty() && !l.starts_with('#')).unwrap_or("");
        all.add(code, CompletionKind::Code, "", what, code, 0);
    }
}

/// Within a text literal, behind `{`: names that hold text.
pub(super) fn interpolation(
    analysis: &Analysis<'_>,
    path: &str,
    offset: u32,
    text: &str,
    all: &mut Collector,
) {
    let before = text.get(..offset as usize).unwrap_or("");
    let Some(open) = before.rfind('{') else { return };
    let typed = before.get(open + 1..).unwrap_or("");
    if before.ends_with("\\{") || !typed.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return;
    }
    all.replace = (open as u32 + 1, offset);
    let Some((_, module)) = analysis.module(path) else { return };
    for item in &module.ast.items {
        if let Some((name, keyword @ ("param" | "let"))) = defined(&item.kind) {
            all.add(&name.text, CompletionKind::Variable, keyword, &item.docs.join("\n"), &name.text, 0);
        }
    }
}
