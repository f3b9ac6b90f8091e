//! What may be written at the cursor.
//!
//! The text is parsed again with a name of our own at the cursor, once as a value and once as a field, so that the same
//! tree and the same tables answer for half-written code as for whole.

use crate::analysis::Analysis;
use crate::overlay::Overlay;
use crate::resolve::{Block, Expected, Symbol};
use crate::{builtins, hover, schemas};
use smolc_check::load::{STD, Target};
use smolc_check::names::defined;
use smolc_check::schema::{Presence, Schema};
use smolc_check::types::{NAMED, Type};
use smolc_check::units::Dim;
use smolc_check::value::Builtin;
use smolc_diag::FileId;
use smolc_syntax::ast::{ExprKind, ItemKind, MemberKind};
use smolc_syntax::token::{Token, tokenize};
use smolc_syntax::visit::{Node, path_at, walk};
use smolc_syntax::{TokenKind, parse};
use std::collections::BTreeSet;

/// What a proposal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum CompletionKind {
    Field,
    Value,
    Function,
    Constructor,
    Variable,
    Module,
    Keyword,
    Unit,
    Type,
    Column,
    Code,
}

/// A proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// What is shown and looked for.
    pub label: String,
    /// What it is.
    pub kind: CompletionKind,
    /// Type or signature.
    pub detail: String,
    /// Documentation; Markdown.
    pub doc: String,
    /// What is written. `$1`, `${2:text}` and `$0` are places to fill in.
    pub insert: String,
    /// What it replaces: the word at the cursor.
    pub replace: (u32, u32),
    /// Smaller stands higher.
    pub rank: u32,
}

const MARK: &str = "smolc_cursor";

struct Collector {
    replace: (u32, u32),
    out: Vec<Completion>,
}

impl Collector {
    fn add(&mut self, label: &str, kind: CompletionKind, detail: &str, doc: &str, insert: &str, rank: u32) {
        if self.out.iter().any(|c| c.label == label) {
            return;
        }
        self.out.push(Completion {
            label: label.to_owned(),
            kind,
            detail: detail.to_owned(),
            doc: doc.to_owned(),
            insert: insert.to_owned(),
            replace: self.replace,
            rank,
        });
    }

    fn finish(mut self) -> Vec<Completion> {
        self.out.sort_by(|a, b| (a.rank, &a.label).cmp(&(b.rank, &b.label)));
        self.out
    }
}

/// The proposals at an offset of a file, best first. All that fit the place; the editor filters by what is typed.
pub fn complete(analysis: &Analysis<'_>, path: &str, offset: u32) -> Vec<Completion> {
    let Some(file) = analysis.file(path) else { return Vec::new() };
    let text = analysis.sources.text(file);
    let tokens = tokenize(file, text);
    let inside = tokens.iter().find(|t| t.span.start < offset && offset <= t.span.end);
    // Nothing within comments, and within text only behind `{`.
    let in_text = inside.is_some_and(|t| {
        matches!(t.kind, TokenKind::Text | TokenKind::BadText)
            && (offset < t.span.end || t.kind == TokenKind::BadText)
    });
    if inside.is_some_and(|t| matches!(t.kind, TokenKind::Comment | TokenKind::Doc | TokenKind::InnerDoc)) {
        return Vec::new();
    }
    let word = inside.filter(|t| t.kind == TokenKind::Word);
    let start = word.map_or(offset, |t| t.span.start);
    let mut all = Collector { replace: (start, word.map_or(offset, |t| t.span.end)), out: Vec::new() };
    if in_text {
        interpolation(analysis, path, offset, text, &mut all);
        return all.finish();
    }
    let before: Vec<&Token> = tokens.iter().filter(|t| t.span.end <= start && !t.kind.is_trivia()).collect();
    let written = |back: usize| {
        let token = before.len().checked_sub(back).and_then(|i| before.get(i))?;
        text.get(token.span.start as usize..token.span.end as usize)
    };
    let line_start = text.get(..start as usize).and_then(|t| t.rfind('\n')).map_or(0, |n| n + 1);
    let line = text.get(line_start..start as usize).unwrap_or("");
    // A word that begins at the cursor stays, but says nothing about what may be written before it.
    let behind = tokens.iter().find(|t| t.span.start == offset && t.kind == TokenKind::Word);
    let (a, b) = (all.replace.0, behind.map_or(all.replace.1, |t| t.span.end));
    let marked = |piece: &str| {
        format!("{}{piece}{}", text.get(..a as usize).unwrap_or(""), text.get(b as usize..).unwrap_or(""))
    };
    if line.trim_start().starts_with("#[") {
        attribute(&mut all);
        return all.finish();
    }
    if line.starts_with("use ") {
        imports(line, &mut all);
        return all.finish();
    }
    if line.is_empty() {
        items(&mut all);
        return all.finish();
    }
    if written(1) == Some(".") {
        members(analysis, path, &written, &mut all);
        return all.finish();
    }
    let number = before.last().is_some_and(|t| t.kind == TokenKind::Number);
    if number && line.ends_with(char::is_whitespace) {
        units(analysis, path, start, &mut all);
        // A weight stands in front of a name.
        if written(1).is_some_and(|n| n.ends_with('%')) {
            all.out.clear();
            names(analysis, path, Some(&Type::Mix), &mut all);
        }
        return all.finish();
    }
    if matches!(written(2), Some("param"))
        || written(1) == Some("->") && line.starts_with("fn ")
        || is_type(&written, line)
    {
        for (name, ty) in NAMED {
            all.add(name, CompletionKind::Type, &ty.phrase(), "", name, 0);
        }
        return all.finish();
    }
    let value = marked(MARK);
    let field = marked(&format!("{MARK}: 0"));
    let second = context(analysis, path, field);
    let first = context(analysis, path, value);
    match (first, second) {
        (Some(Context::Value { expected, locals, call }), _) => {
            for name in &locals {
                all.add(name, CompletionKind::Variable, "", "", name, 1);
            }
            for (name, detail) in &call {
                all.add(&format!("{name}:"), CompletionKind::Field, detail, "", &format!("{name}: $0"), 0);
            }
            values(analysis, path, expected.as_ref(), &mut all);
        }
        (_, Some(Context::Field { schema, set })) => fields(schema, &set, &mut all),
        _ => {
            names(analysis, path, None, &mut all);
            keywords(&mut all);
        }
    }
    all.finish()
}

/// Whether a type is written: behind `name:` of a parameter.
fn is_type<'t>(written: &impl Fn(usize) -> Option<&'t str>, line: &str) -> bool {
    let head = line.starts_with("fn ") || line.starts_with("param ");
    head && written(1) == Some(":") && !line.contains('=')
}

enum Context {
    Value { expected: Option<Type>, locals: Vec<String>, call: Vec<(String, String)> },
    Field { schema: Option<&'static Schema>, set: Vec<String> },
}

/// What stands at the mark in a text that holds it.
fn context(analysis: &Analysis<'_>, path: &str, text: String) -> Option<Context> {
    let at = text.find(MARK)? as u32;
    let world = Overlay::one(analysis.world, path, text);
    let marked = Analysis::new(&world, &analysis.path, &[]);
    let (_, module) = marked.module(path)?;
    let nodes = path_at(&module.ast, at);
    for node in nodes.iter().rev() {
        match node {
            Node::Expr(e) => {
                let ExprKind::Name(name) = &e.kind else { continue };
                if name.text != MARK {
                    continue;
                }
                let holds = |x: &&Expected| x.span.file == module.file && x.span == e.span;
                let expected = marked.resolved().expected.iter().find(holds).map(|x| x.ty);
                let in_mix = nodes.iter().any(|n| {
                    matches!(n, Node::Expr(e) if matches!(e.kind, ExprKind::Weighted(..) | ExprKind::Rest(_)))
                });
                let expected = expected.or(in_mix.then_some(Type::Mix));
                return Some(Context::Value {
                    expected,
                    locals: locals(&nodes),
                    call: parameters(&marked, &nodes, at),
                });
            }
            Node::Member(m) => {
                let name = match &m.kind {
                    MemberKind::Field { name, .. } | MemberKind::Error { name: Some(name) } => name,
                    _ => continue,
                };
                if name.text == MARK {
                    let holds = |b: &&Block| b.members.iter().any(|(s, _)| *s == m.span);
                    let block = marked.resolved().blocks.iter().find(holds);
                    let set = block
                        .map_or(Vec::new(), |b| b.members.iter().filter_map(|(_, k)| k.clone()).collect());
                    return Some(Context::Field { schema: block.and_then(|b| b.schema), set });
                }
            }
            Node::Item(_) | Node::Argument(_) => {}
        }
    }
    None
}

/// Names of parameters and schedule variables around a place.
fn locals(nodes: &[Node<'_>]) -> Vec<String> {
    let mut out = Vec::new();
    for node in nodes {
        match node {
            Node::Item(item) => {
                if let ItemKind::Fn(f) = &item.kind {
                    out.extend(f.parameters.iter().map(|p| p.name.text.clone()));
                }
            }
            Node::Expr(e) => {
                if let ExprKind::At(t, _) = &e.kind {
                    out.extend([t.text.clone(), "end".to_owned()]);
                }
            }
            _ => {}
        }
    }
    out
}

/// Parameters of the call around a place that have no argument yet, if the place begins an argument.
fn parameters(analysis: &Analysis<'_>, nodes: &[Node<'_>], at: u32) -> Vec<(String, String)> {
    let [.., Node::Expr(call), Node::Argument(argument), Node::Expr(_)] = nodes else { return Vec::new() };
    let ExprKind::Call { function, arguments, .. } = &call.kind else { return Vec::new() };
    if argument.name.is_some() || argument.value.span.start != at {
        return Vec::new();
    }
    let resolved = analysis.resolved();
    let Some(o) = resolved.at(function.span.file, function.span.end) else { return Vec::new() };
    let given: Vec<&str> =
        arguments.iter().filter_map(|a| a.name.as_ref()).map(|n| n.text.as_str()).collect();
    let all: Vec<String> = match &o.symbol {
        Symbol::Item(id) => match analysis.item(*id).map(|i| &i.kind) {
            Some(ItemKind::Fn(f)) => hover::head(analysis, f).1,
            _ => Vec::new(),
        },
        Symbol::Builtin(name) => builtins::documented(name)
            .map_or(Vec::new(), |b| b.parameters.iter().map(|p| (*p).to_owned()).collect()),
        _ => Vec::new(),
    };
    let split = |p: &String| {
        let name = p.split([':', ' ']).next().unwrap_or("").to_owned();
        (name, p.clone())
    };
    all.iter().map(split).filter(|(n, _)| !n.is_empty() && !given.contains(&n.as_str())).collect()
}

fn fields(schema: Option<&'static Schema>, set: &[String], all: &mut Collector) {
    let Some(schema) = schema else { return };
    for field in schema.fields.iter().filter(|f| !set.iter().any(|s| s == f.name)) {
        let required = field.presence == Presence::Required;
        let presence = match field.presence {
            Presence::Required => "required".to_owned(),
            Presence::Default(value) => format!("default: {value}"),
        };
        let insert = match schemas::of_field(field).filter(|_| matches!(field.ty, Type::Record(_))) {
            Some(_) => format!("{}: {{ $0 }}", field.name),
            None => format!("{}: $0", field.name),
        };
        let doc = format!("{} ({presence})", field.doc);
        all.add(field.name, CompletionKind::Field, &field.ty.phrase(), &doc, &insert, u32::from(!required));
    }
    if schema.name == "run" {
        let insert = "stage ${1:name} for ${2:1M tokens} { mix: ${3:100%} ${0:dataset} }";
        all.add("stage", CompletionKind::Keyword, "a span of the run with one mixture", "", insert, 0);
    }
}

/// What may stand where a type is expected.
fn values(analysis: &Analysis<'_>, path: &str, ty: Option<&Type>, all: &mut Collector) {
    match ty {
        Some(Type::Optional(inner)) => {
            all.add("none", CompletionKind::Keyword, "", "", "none", 2);
            values(analysis, path, Some(inner), all);
            return;
        }
        Some(Type::Word(words)) => {
            words.iter().for_each(|w| all.add(w, CompletionKind::Value, "", "", w, 0));
            return;
        }
        Some(Type::Bool) => {
            ["true", "false"].iter().for_each(|w| all.add(w, CompletionKind::Keyword, "", "", w, 0));
        }
        Some(Type::Cadence) => {
            all.add("every", CompletionKind::Keyword, "", "", "every ${1:100 steps}", 0);
            all.add("at stage end", CompletionKind::Keyword, "", "", "at stage end", 0);
            all.add("at end", CompletionKind::Keyword, "", "", "at end", 0);
            return;
        }
        Some(Type::Record(schema)) => {
            all.add("{ … }", CompletionKind::Constructor, schema.name, schema.doc, "{ $0 }", 0);
        }
        Some(Type::Schedule) => {
            all.add("at t =>", CompletionKind::Keyword, "a schedule", "", "at t => $0", 1);
        }
        _ => {}
    }
    names(analysis, path, ty, all);
    if ty.is_none() {
        keywords(all);
    }
}

fn keywords(all: &mut Collector) {
    for word in ["if", "then", "else", "and", "or", "not", "rest", "with", "true", "false", "none", "every"] {
        all.add(word, CompletionKind::Keyword, "", "", word, 9);
    }
}

/// Names in scope; those of the expected type first, those of another left out where the type is one of a kind.
fn names(analysis: &Analysis<'_>, path: &str, ty: Option<&Type>, all: &mut Collector) {
    let Some((_, module)) = analysis.module(path) else { return };
    for (name, bound) in &module.scope {
        if name == MARK {
            continue;
        }
        match bound.target {
            Target::Item(id) => {
                let Some(item) = analysis.item(id) else { continue };
                let Some((_, keyword)) = defined(&item.kind) else { continue };
                let Some(rank) = fits(keyword, &item.kind, ty) else { continue };
                let (detail, insert, kind) = match &item.kind {
                    ItemKind::Fn(f) => {
                        (hover::head(analysis, f).0, format!("{name}($0)"), CompletionKind::Function)
                    }
                    _ => (keyword.to_owned(), name.clone(), CompletionKind::Variable),
                };
                all.add(name, kind, &detail, &item.docs.join("\n"), &insert, rank);
            }
            Target::Module(m) => {
                let docs = analysis.program.modules.get(m).map_or(String::new(), |x| x.ast.docs.join("\n"));
                all.add(name, CompletionKind::Module, "module", &docs, &format!("{name}.$0"), 4);
            }
            Target::Builtin(b) => builtin(b.name(), ty, all),
            Target::Unknown => {}
        }
    }
    Builtin::PRELUDE.iter().for_each(|b| builtin(b.name(), ty, all));
}

fn builtin(name: &'static str, ty: Option<&Type>, all: &mut Collector) {
    let (signature, doc) = builtins::describe(name);
    let constructor = builtins::documented(name).is_none();
    let rank = match ty {
        Some(Type::Block(schemas, _)) => match schemas.iter().any(|s| s.name == name) {
            true => 0,
            false => return,
        },
        Some(Type::Tokenizer) if matches!(name, "bpe" | "hf") => 0,
        Some(Type::Dataset) if matches!(name, "files" | "text" | "jsonl" | "parquet") => 0,
        Some(Type::Tokenizer | Type::Dataset | Type::Mix | Type::Bool | Type::Word(_)) => return,
        _ => 6,
    };
    let insert = match (constructor, builtins::documented(name).is_some_and(|b| b.parameters.is_empty())) {
        (true, _) => format!("{name} {{\n  $0\n}}"),
        (false, true) => name.to_owned(),
        (false, false) => format!("{name}($0)"),
    };
    let kind = if constructor { CompletionKind::Constructor } else { CompletionKind::Function };
    all.add(name, kind, &signature, &doc, &insert, rank);
}

/// The rank of an item where a type is expected; `None` if it cannot be that.
fn fits(keyword: &str, kind: &ItemKind, ty: Option<&Type>) -> Option<u32> {
    let wanted: &[&str] = match ty {
        Some(Type::Dataset) => &["dataset"],
        Some(Type::Mix) => &["dataset", "mix"],
        Some(Type::Tokenizer) => &["tokenizer"],
        Some(Type::Block(..)) => &["model", "let"],
        Some(Type::Schedule) => {
            let makes =
                matches!(kind, ItemKind::Fn(f) if f.result.as_ref().is_some_and(|r| r.text == "Schedule"));
            return match keyword {
                "schedule" => Some(0),
                "fn" if makes => Some(0),
                "let" | "param" => Some(3),
                _ => None,
            };
        }
        Some(_) => &["let", "param", "fn"],
        None => return Some(3),
    };
    wanted.contains(&keyword).then(|| if matches!(keyword, "let" | "param") { 2 } else { 1 })
}

/// Behind a dot: items of a module, stages of a run, or columns that the spec uses.
fn members<'t>(
    analysis: &Analysis<'_>,
    path: &str,
    written: &impl Fn(usize) -> Option<&'t str>,
    all: &mut Collector,
) {
    let Some((_, module)) = analysis.module(path) else { return };
    let target = written(2).and_then(|base| module.scope.get(base)).map(|b| b.target);
    match target {
        Some(Target::Module(m)) => {
            let Some(other) = analysis.program.modules.get(m) else { return };
            for item in &other.ast.items {
                if let Some((name, keyword)) = defined(&item.kind) {
                    let name = name.text.as_str();
                    all.add(name, CompletionKind::Variable, keyword, &item.docs.join("\n"), name, 0);
                }
            }
            if other.path == "std.models" {
                Builtin::MODELS.iter().for_each(|b| builtin(b.name(), None, all));
            }
        }
        Some(Target::Item(id)) => {
            if let Some(ItemKind::Run(run)) = analysis.item(id).map(|i| &i.kind) {
                for member in &run.body {
                    if let MemberKind::Stage(stage) = &member.kind {
                        let name = stage.name.text.as_str();
                        all.add(name, CompletionKind::Variable, "stage", &member.docs.join("\n"), name, 0);
                    }
                }
            }
        }
        _ => {
            let mut columns = BTreeSet::new();
            walk(&module.ast, &mut |node| {
                if let Node::Expr(e) = node
                    && let ExprKind::Column(name) = &e.kind
                    && !name.text.is_empty()
                {
                    columns.insert(name.text.clone());
                }
            });
            for name in columns {
                all.add(&name, CompletionKind::Column, "column", "", &name, 0);
            }
        }
    }
}

/// Behind a number: the units that fit.
fn units(analysis: &Analysis<'_>, path: &str, at: u32, all: &mut Collector) {
    let wanted = analysis.file(path).and_then(|file| wanted_dims(analysis, file, at));
    for dim in [
        Dim::Tokens,
        Dim::Steps,
        Dim::Sequences,
        Dim::Epochs,
        Dim::Documents,
        Dim::Evals,
        Dim::Bytes,
        Dim::Seconds,
    ] {
        let fits = wanted.as_ref().is_none_or(|w| w.contains(&dim));
        let word = if dim == Dim::Seconds { "s" } else { dim.word() };
        if fits {
            all.add(word, CompletionKind::Unit, "unit", "", word, 0);
        }
    }
}

fn wanted_dims(analysis: &Analysis<'_>, file: FileId, at: u32) -> Option<&'static [Dim]> {
    let near = |x: &&Expected| x.span.file == file && x.span.start <= at && at <= x.span.end + 2;
    let found = analysis.resolved().expected.iter().filter(near).max_by_key(|x| x.span.start)?;
    Some(found.ty.dims()).filter(|d| d.iter().any(|d| !d.is_scalar()))
}

/// In column 0: items.
fn items(all: &mut Collector) {
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
fn imports(line: &str, all: &mut Collector) {
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
            if *name == "models" {
                Builtin::MODELS
                    .iter()
                    .for_each(|b| offer(b.name(), "constructor", &builtins::describe(b.name()).1));
            }
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

fn attribute(all: &mut Collector) {
    for code in smolc_diag::codes::all() {
        let page = smolc_diag::codes::page(code).unwrap_or("");
        let what = page.lines().find(|l| !l.is_empty() && !l.starts_with('#')).unwrap_or("");
        all.add(code, CompletionKind::Code, "", what, code, 0);
    }
}

/// Within a text literal, behind `{`: names that hold text.
fn interpolation(analysis: &Analysis<'_>, path: &str, offset: u32, text: &str, all: &mut Collector) {
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
