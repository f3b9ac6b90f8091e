//! Datasets: a source, then steps.

use super::Eval;
use super::call::Formal;
use crate::schema::dataset::{COLUMNS, FILES};
use crate::types::Type;
use crate::units::Dim;
use crate::value::{Builtin, DatasetValue, Locals, Node, Object, Value};
use smolc_diag::{Diagnostic, Span};
use smolc_plan::{Source, Take};
use smolc_syntax::ast::{Argument, Expr, ExprKind, Member};
use std::rc::Rc;

impl Eval<'_> {
    /// `env("NAME", "default")`
    pub(super) fn env(&mut self, arguments: &[Argument], span: Span, locals: &Locals) -> Node {
        const FORMALS: [Formal<'static>; 2] =
            [Formal::builtin("name", Type::Text, false), Formal::builtin("default", Type::Text, true)];
        let Some(bound) = self.bind("env", &FORMALS, arguments, span, locals) else {
            return Node::error(span);
        };
        let Some(Value::Text(name)) = bound.get("name").map(|n| &n.value) else { return Node::error(span) };
        // An empty variable counts as unset, as the shell's `${NAME:-default}` has it.
        match (self.world.env(name).filter(|v| !v.is_empty()), bound.get("default")) {
            (Some(value), _) => Node::new(Value::Text(value), span),
            (None, Some(default)) => Node::new(default.value.clone(), span),
            (None, None) => {
                let d = Diagnostic::error(
                    "smol::param::missing",
                    span,
                    format!("the environment variable `{name}` is not set"),
                )
                .help(format!("set it, or give a default: `env(\"{name}\", \"…\")`"));
                self.fail(span, d)
            }
        }
    }

    /// `files("…")`, `parquet("…") { text: .text }` and the like. A pattern is a text or a list of texts.
    pub(super) fn source(
        &mut self,
        b: Builtin,
        arguments: &[Argument],
        members: &[Member],
        span: Span,
        locals: &Locals,
    ) -> Node {
        let formals = [Formal::builtin("pattern", Type::Any, false)];
        let columns = matches!(b, Builtin::Jsonl | Builtin::Parquet);
        let schema = if columns { &COLUMNS } else { &FILES };
        let owner = format!("`{}`", b.name());
        let fields = self.fields(members, Some(schema), &owner, locals);
        let record = Object { schema: Some(schema), fields, span };
        self.missing(&record, span, &owner);
        let Some(bound) = self.bind(b.name(), &formals, arguments, span, locals) else {
            return Node::error(span);
        };
        let Some(given) = bound.get("pattern") else { return Node::error(span) };
        let nodes = match &given.value {
            Value::List(items) => items.clone(),
            _ => vec![given.clone()],
        };
        let (mut patterns, mut pattern_spans) = (Vec::new(), Vec::new());
        for node in &nodes {
            if !self.expect(node, &Type::Path, &format!("the pattern of {owner}"), None) {
                return Node::error(span);
            }
            if let Value::Text(text) = &node.value {
                let from = self.sources.path(node.span.file);
                patterns.push(self.world.resolve(from, text));
                pattern_spans.push(node.span);
            }
        }
        if patterns.is_empty() {
            let d =
                Diagnostic::error("smol::data::empty", given.span, format!("{owner} is given no pattern"));
            return self.fail(span, d);
        }
        let source = match (b, record.text("text")) {
            (Builtin::Files, _) => Source::Files { patterns },
            (Builtin::Text, _) => Source::Text { patterns },
            (Builtin::Jsonl, Some(text)) => Source::Jsonl { patterns, text: text.into() },
            (Builtin::Parquet, Some(text)) => Source::Parquet { patterns, text: text.into() },
            _ => return Node::error(span),
        };
        if record.broken("tokens") {
            return Node::error(span);
        }
        let stated_tokens = record.u64("tokens");
        if stated_tokens == Some(0) {
            let d = Diagnostic::error("smol::data::empty", record.at("tokens"), "a dataset of no tokens");
            return self.fail(span, d);
        }
        let value = DatasetValue {
            id: None,
            name: String::new(),
            span,
            source,
            pattern_spans,
            take: None,
            validation_per_million: 0,
            stated_tokens,
        };
        Node::new(Value::Dataset(Rc::new(value)), span)
    }

    /// `source |> step(…)`
    pub(super) fn pipe(&mut self, source: &Expr, step: &Expr, span: Span, locals: &Locals) -> Node {
        let node = self.expr(source, locals);
        if let ExprKind::Call { function, arguments, record } = &step.kind {
            if let ExprKind::Name(name) = &function.kind
                && self.program.lookup(name).is_none()
                && crate::names::PLANNED.contains(&name.text.as_str())
            {
                return self.unsupported(step.span, &format!("the step `{}`", name.text));
            }
            return self.call(function, arguments, record.as_deref(), span, Some(node), locals);
        }
        if node.is_error() || matches!(step.kind, ExprKind::Error) {
            return Node::error(span);
        }
        let d = Diagnostic::error("smol::type::mismatch", step.span, "a step of a pipeline is a call")
            .help("write `|> sample(12M bytes)` or `|> split(validation: 2%)`");
        self.fail(span, d)
    }

    /// `sample(12M bytes)` and `split(validation: 2%)`
    pub(super) fn step(
        &mut self,
        b: Builtin,
        piped: Option<Node>,
        arguments: &[Argument],
        span: Span,
        locals: &Locals,
    ) -> Node {
        const SAMPLE: [Formal<'static>; 2] = [
            Formal::builtin("bytes", Type::Quantity(Dim::Bytes), false),
            Formal::builtin("seed", Type::Int, true),
        ];
        const SPLIT: [Formal<'static>; 1] = [Formal::builtin("validation", Type::Ratio, false)];
        let formals: &[Formal<'_>] = if b == Builtin::Sample { &SAMPLE } else { &SPLIT };
        let bound = self.bind(b.name(), formals, arguments, span, locals);
        let Some(piped) = piped else {
            let d = Diagnostic::error(
                "smol::type::mismatch",
                span,
                format!("`{}` is a step of a dataset's pipeline", b.name()),
            )
            .help(format!("write `files(\"…\") |> {}(…)`", b.name()));
            return self.fail(span, d);
        };
        let (Value::Dataset(dataset), Some(bound)) = (&piped.value, bound) else {
            let what = format!("what is piped into `{}`", b.name());
            self.expect(&piped, &Type::Dataset, &what, None);
            return Node::error(span);
        };
        // A pipeline that starts from a named dataset makes a new, unnamed one.
        let mut next = DatasetValue { id: None, ..(**dataset).clone() };
        let args = Object {
            schema: None,
            fields: bound
                .into_iter()
                .map(|(k, node)| (k, crate::value::Field { key: node.span, node }))
                .collect(),
            span,
        };
        if b == Builtin::Sample {
            let bytes = args.u64("bytes").unwrap_or(0);
            if bytes == 0 || next.take.is_some() {
                let message =
                    if bytes == 0 { "a sample of no bytes" } else { "the dataset is sampled twice" };
                return self.fail(span, Diagnostic::error("smol::data::step", args.at("bytes"), message));
            }
            if next.validation_per_million > 0 {
                let d =
                    Diagnostic::error("smol::data::step", args.at("bytes"), "`sample` stands before `split`")
                        .help("the split sets documents of the sample aside");
                return self.fail(span, d);
            }
            next.take = Some(Take { bytes, seed: args.u64("seed").unwrap_or(0) });
        } else {
            let share = args.fraction("validation").unwrap_or(crate::rational::Fraction::ZERO);
            let millionths =
                share.mul(crate::rational::Fraction::integer(1_000_000)).and_then(|f| f.to_u64());
            match millionths.and_then(|n| u32::try_from(n).ok()).filter(|n| (1..1_000_000).contains(n)) {
                Some(n) if next.validation_per_million == 0 => next.validation_per_million = n,
                Some(_) => {
                    let d = Diagnostic::error(
                        "smol::data::step",
                        args.at("validation"),
                        "the dataset is split twice",
                    );
                    return self.fail(span, d);
                }
                None => {
                    let d = Diagnostic::error(
                        "smol::data::step",
                        args.at("validation"),
                        format!("{} is no share to set aside", crate::units::percent(share)),
                    )
                    .help("it lies between 0% and 100%, both excluded, with at most four decimals (0.0001%)");
                    return self.fail(span, d);
                }
            }
        }
        Node::new(Value::Dataset(Rc::new(next)), span)
    }
}
