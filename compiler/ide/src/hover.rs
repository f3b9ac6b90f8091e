//! What is known of the thing under the cursor: type, unit, resolved value, documentation.

use crate::analysis::{Analysis, Place};
use crate::resolve::{Occurrence, Symbol};
use crate::{builtins, numbers, schemas, values};
use smolc_check::names::defined;
use smolc_check::run_time;
use smolc_check::schema::Presence;
use smolc_check::spec::{Entry, Run, Stage};
use smolc_check::types::Type;
use smolc_check::units::{self, Dim, grouped};
use smolc_check::value::{ItemId, Num, Value};
use smolc_diag::{FileId, Span};
use smolc_syntax::ast::{Expr, ExprKind, Function, Item, ItemKind, Parameter};
use smolc_syntax::visit::{Node, path_at};

/// What to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hover {
    /// Markdown.
    pub text: String,
    /// What it is said of.
    pub place: Place,
}

/// What is known at an offset of a file.
pub fn hover(analysis: &Analysis<'_>, path: &str, offset: u32) -> Option<Hover> {
    let (_, module) = analysis.module(path)?;
    let nodes = path_at(&module.ast, offset);
    if let Some(found) = quantity(analysis, &nodes, offset) {
        return Some(found);
    }
    if let Some(o) = analysis.resolved().at(module.file, offset) {
        let text = symbol(analysis, o, &nodes)?;
        return Some(Hover { text, place: analysis.place(o.span) });
    }
    // Anything else that has a value.
    let Some(Node::Expr(expr)) = nodes.last() else { return None };
    let value = analysis.evaluate(expr)?;
    let shown = values::show(&value.value)?;
    Some(Hover { text: code(&shown), place: analysis.place(expr.span) })
}

fn code(text: &str) -> String {
    format!("```smol\n{text}\n```")
}

fn paragraphs(parts: Vec<String>) -> String {
    parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join("\n\n")
}

fn symbol(analysis: &Analysis<'_>, o: &Occurrence, nodes: &[Node<'_>]) -> Option<String> {
    Some(match &o.symbol {
        Symbol::Item(id) => item(analysis, *id)?,
        Symbol::Module(m) => {
            let module = analysis.program.modules.get(*m)?;
            paragraphs(vec![code(&format!("use {}", module.path)), module.ast.docs.join("\n")])
        }
        Symbol::Builtin(name) => {
            let (signature, doc) = builtins::describe(name);
            paragraphs(vec![code(&signature), doc])
        }
        Symbol::Local(span) => local(analysis, *span)?,
        Symbol::Stage(span) => stage(analysis, *span)?,
        Symbol::Field(schema, field) => {
            let field = schemas::named(schema)?.field(field)?;
            let presence = match field.presence {
                Presence::Required => "Required".to_owned(),
                Presence::Default(value) => format!("Default: {value}"),
            };
            let value = nodes.iter().rev().find_map(|n| match n {
                Node::Member(m) => Some(m),
                _ => None,
            });
            let value = value.and_then(|m| match &m.kind {
                smolc_syntax::ast::MemberKind::Field { value, .. } => resolved(analysis, value),
                _ => None,
            });
            paragraphs(vec![
                code(&format!("{}: {}", field.name, field.ty.phrase().replace('`', ""))),
                format!("{} {presence}.", field.doc),
                value.map_or_else(String::new, |v| format!("Value: `{v}`")),
            ])
        }
        Symbol::Type(name) => {
            let ty = Type::named(name)?;
            paragraphs(vec![code(name), ty.phrase()])
        }
        Symbol::Word(word) => code(word),
    })
}

/// The value of an expression, unless it is written out already.
fn resolved(analysis: &Analysis<'_>, expr: &Expr) -> Option<String> {
    let shown = values::show(&analysis.evaluate(expr)?.value)?;
    (shown != analysis.written(expr.span)).then_some(shown)
}

/// A function's head: `fn wsd(peak: Rate, …) -> Schedule`.
pub fn head(analysis: &Analysis<'_>, f: &Function) -> (String, Vec<String>) {
    let parameters: Vec<String> = f.parameters.iter().map(|p| parameter(analysis, p)).collect();
    let result = f.result.as_ref().map_or_else(String::new, |r| format!(" -> {}", r.text));
    (format!("{}({}){result}", f.name.text, parameters.join(", ")), parameters)
}

fn parameter(analysis: &Analysis<'_>, p: &Parameter) -> String {
    let ty = p.ty.as_ref().map_or_else(String::new, |t| format!(": {}", t.text));
    let default = p.default.as_ref().map_or_else(String::new, |d| format!(" = {}", analysis.written(d.span)));
    format!("{}{ty}{default}", p.name.text)
}

fn item(analysis: &Analysis<'_>, id: ItemId) -> Option<String> {
    let item: &Item = analysis.item(id)?;
    let (name, keyword) = defined(&item.kind)?;
    let head = match &item.kind {
        ItemKind::Fn(f) => format!("fn {}", head(analysis, f).0),
        ItemKind::Param { ty, .. } => format!("param {}: {}", name.text, ty.text),
        _ => format!("{keyword} {}", name.text),
    };
    let known = match &item.kind {
        ItemKind::Run(run) => run_facts(analysis, run.name.span),
        ItemKind::Fn(_) | ItemKind::Sweep { .. } | ItemKind::Target { .. } => None,
        _ => analysis.value(id).and_then(|n| values::show(&n.value)).map(|v| format!("Value: `{v}`")),
    };
    Some(paragraphs(vec![code(&head), known.unwrap_or_default(), item.docs.join("\n")]))
}

fn run_at<'a>(analysis: &'a Analysis<'_>, name: Span) -> Option<&'a Run> {
    analysis.checked().spec.runs.iter().find(|r| r.span == name)
}

fn run_facts(analysis: &Analysis<'_>, name: Span) -> Option<String> {
    let run = run_at(analysis, name)?;
    let mut parts = Vec::new();
    if let (Some(steps), Some(batch)) = (run.steps, &run.batch) {
        parts.push(format!(
            "{}, {} tokens",
            numbers::steps(steps),
            numbers::short(steps as f64 * batch.tokens() as f64)
        ));
    }
    if let Some(n) = run.model.as_ref().and_then(|m| numbers::parameters(&m.model)) {
        parts.push(format!("{} parameters", numbers::short(n as f64)));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn local(analysis: &Analysis<'_>, declared: Span) -> Option<String> {
    let module = analysis.program.module_of(declared)?;
    let item =
        module.ast.items.iter().find(|i| i.span.start <= declared.start && declared.end <= i.span.end)?;
    if let ItemKind::Fn(f) = &item.kind
        && let Some(p) = f.parameters.iter().find(|p| p.name.span == declared)
    {
        let takes = p.ty.as_ref().and_then(|t| Type::named(&t.text)).map(|t| t.phrase());
        return Some(paragraphs(vec![
            code(&parameter(analysis, p)),
            takes.map_or_else(String::new, |t| format!("A parameter of `{}`: {t}.", f.name.text)),
        ]));
    }
    if let ItemKind::Sweep { .. } = &item.kind {
        return Some(code(analysis.written(declared)));
    }
    Some(paragraphs(vec![
        code(&format!("{}: Span", analysis.written(declared))),
        "Updates made before this one: the first update of a run sees zero.".to_owned(),
    ]))
}

fn stage_at<'a>(analysis: &'a Analysis<'_>, name: Span) -> Option<(&'a Run, &'a Stage)> {
    let runs = &analysis.checked().spec.runs;
    runs.iter().find_map(|r| r.stages.iter().find(|s| s.span == name).map(|s| (r, s)))
}

fn stage(analysis: &Analysis<'_>, name: Span) -> Option<String> {
    let mut parts = vec![code(&format!("stage {}", analysis.written(name)))];
    if let Some((run, stage)) = stage_at(analysis, name) {
        parts.push(course(run, stage).unwrap_or_default());
        parts.push(ledger(analysis, run, stage).unwrap_or_default());
    }
    let module = analysis.program.module_of(name)?;
    let docs = path_at(&module.ast, name.start).into_iter().find_map(|n| match n {
        Node::Member(m) if m.span.start <= name.start && !m.docs.is_empty() => Some(m.docs.join("\n")),
        _ => None,
    });
    parts.push(docs.unwrap_or_default());
    Some(paragraphs(parts))
}

/// Steps of a stage and the learning rate at its ends.
fn course(run: &Run, stage: &Stage) -> Option<String> {
    let ((first, count), batch) = (stage.steps?, run.batch.as_ref()?);
    let mut text = format!(
        "Steps {} to {} ({}), {} tokens",
        grouped(first.into()),
        grouped((first + count).into()),
        numbers::steps(count),
        numbers::short(count as f64 * batch.tokens() as f64),
    );
    if let (Some(lr), Some(end)) = (&run.lr, run.steps) {
        let at = |t| numbers::rate(run_time::at(&lr.expr, t, end));
        text += &format!("; learning rate {} to {}", at(first), at((first + count).saturating_sub(1)));
    }
    Some(text + ".")
}

/// Tokens and epochs of every dataset in a stage, as a table.
fn ledger(analysis: &Analysis<'_>, run: &Run, stage: &Stage) -> Option<String> {
    let mut text = String::from("| dataset | share | tokens | epochs |\n| --- | ---: | ---: | ---: |");
    for entry in stage.mix.as_ref()? {
        let (name, tokens, passes) = entry_facts(analysis, run, stage, entry)?;
        text += &format!(
            "\n| {name} | {} | {} | {} |",
            numbers::percent(&entry.weight),
            numbers::short(tokens),
            passes.map_or_else(|| "unknown".into(), |p| p.trim_end_matches(" epochs").to_owned())
        );
    }
    Some(text)
}

fn entry_facts(
    analysis: &Analysis<'_>,
    run: &Run,
    stage: &Stage,
    entry: &Entry,
) -> Option<(String, f64, Option<String>)> {
    let dataset = analysis.checked().spec.datasets.get(entry.dataset)?;
    let tokens = numbers::share(&entry.weight, stage.steps?.1, run.batch.as_ref()?);
    Some((dataset.name.clone(), tokens, dataset.stated_tokens.map(|size| numbers::epochs(tokens, size))))
}

/// A number with a unit or a weight: what it comes to in this run.
fn quantity(analysis: &Analysis<'_>, nodes: &[Node<'_>], offset: u32) -> Option<Hover> {
    let Some(Node::Expr(expr)) = nodes.last() else { return None };
    let ExprKind::Number(_) = expr.kind else { return None };
    let mut parts = Vec::new();
    let value = analysis.evaluate(expr)?;
    parts.push(code(&values::show(&value.value)?));
    if let Some(text) = weight(analysis, expr.span.file, offset) {
        parts.push(text);
    } else if let Value::Number(Num::Exact(f), dim) = value.value {
        parts.push(span_of_run(analysis, expr, f, dim).unwrap_or_default());
    }
    Some(Hover { text: paragraphs(parts), place: analysis.place(expr.span) })
}

/// Tokens and epochs of a weight, in every stage whose mixture it is part of.
fn weight(analysis: &Analysis<'_>, file: FileId, offset: u32) -> Option<String> {
    let holds = |s: Span| s.file == file && s.start <= offset && offset <= s.end;
    let mut lines = Vec::new();
    for run in &analysis.checked().spec.runs {
        for stage in &run.stages {
            for entry in stage.mix.iter().flatten().filter(|e| holds(e.span)) {
                let (name, tokens, passes) = entry_facts(analysis, run, stage, entry)?;
                lines.push(format!(
                    "- `{name}`: {} of stage `{}`, {}{}",
                    numbers::percent(&entry.weight),
                    stage.name,
                    units::tokens(tokens),
                    passes.map_or_else(String::new, |p| format!(", {p}")),
                ));
            }
        }
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// A span of the run in steps and in tokens, with the stage and the learning rate it leads to.
fn span_of_run(
    analysis: &Analysis<'_>,
    expr: &Expr,
    f: smolc_check::rational::Fraction,
    dim: Dim,
) -> Option<String> {
    let (_, module) = analysis.module(analysis.sources.path(expr.span.file))?;
    let name = module.ast.items.iter().find_map(|i| match &i.kind {
        ItemKind::Run(r) if i.span.start <= expr.span.start && expr.span.end <= i.span.end => {
            Some(r.name.span)
        }
        _ => None,
    })?;
    let run = run_at(analysis, name)?;
    let batch = run.batch.as_ref()?;
    if let Some(stage) = run.stages.iter().find(|s| s.length_span == expr.span) {
        return course(run, stage);
    }
    let steps = match dim {
        Dim::Steps => f.to_f64(),
        Dim::Tokens => f.to_f64() / batch.tokens() as f64,
        Dim::Sequences => f.to_f64() / batch.sequences as f64,
        _ => return None,
    };
    let mut text = match dim {
        Dim::Steps => format!("{} tokens", numbers::short(steps * batch.tokens() as f64)),
        _ => numbers::steps(steps.round() as u64),
    };
    let at = steps.round() as u64;
    let whole = run.steps?;
    if at > 1 && at < whole {
        let stage = run.stages.iter().find(|s| s.steps.is_some_and(|(a, n)| a <= at && at < a + n));
        if let Some(stage) = stage {
            text += &format!("; step {} is in stage `{}`", grouped(at.into()), stage.name);
        }
        if let Some(lr) = &run.lr {
            text += &format!(", learning rate {}", numbers::rate(run_time::at(&lr.expr, at, whole)));
        }
    }
    Some(text + ".")
}
