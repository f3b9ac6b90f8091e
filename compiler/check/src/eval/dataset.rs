//! Steps of a dataset's pipeline.
//!
//! `where`, `thin`, `dedup` and `decontaminate` come first, in any order, and happen in the order written; then `sample`,
//! once; then `split`, once. So a sample is one of what is left, and the validation split is one of the sample.

use super::Eval;
use super::call::Formal;
use super::rows::Yields;
use crate::builtin::Builtin;
use crate::rational::Fraction;
use crate::rules::name_twice;
use crate::types::Type;
use crate::units::Dim;
use crate::value::{DatasetValue, EvalValue, Field, Locals, Node, Num, Object, StepValue, Value};
use smolc_diag::{Diagnostic, Span};
use smolc_plan::{Amount, Dedup, Step, Take};
use smolc_syntax::ast::{Argument, Expr, ExprKind};
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

    /// `source |> step(…)`
    pub(super) fn pipe(&mut self, source: &Expr, step: &Expr, span: Span, locals: &Locals) -> Node {
        let node = self.expr(source, locals);
        if let ExprKind::Call { function, arguments, record } = &step.kind {
            return self.call(function, arguments, record.as_deref(), span, Some(node), locals);
        }
        if node.is_error() || matches!(step.kind, ExprKind::Error) {
            return Node::error(span);
        }
        let d = Diagnostic::error("smol::type::mismatch", step.span, "a step of a pipeline is a call")
            .help("write `|> sample(12M bytes)` or `|> split(validation: 2%)`");
        self.fail(span, d)
    }

    /// A step applied to what is piped into it.
    pub(super) fn step(
        &mut self,
        b: Builtin,
        piped: Option<Node>,
        arguments: &[Argument],
        span: Span,
        locals: &Locals,
    ) -> Node {
        let Some(piped) = piped else {
            let d = Diagnostic::error(
                "smol::type::mismatch",
                span,
                format!("`{}` is a step of a dataset's pipeline", b.name()),
            )
            .help(format!("write `files(\"…\") |> {}(…)`", b.name()));
            return self.fail(span, d);
        };
        let Value::Dataset(dataset) = &piped.value else {
            let what = format_args!("what is piped into `{}`", b.name());
            self.expect(&piped, &Type::Dataset, what, None);
            return Node::error(span);
        };
        // A pipeline that starts from a named dataset makes a new, unnamed one.
        let mut next = DatasetValue { id: None, ..(**dataset).clone() };
        // `tokens:` says what the pipeline it begins yields; what is made from a named dataset has a size of its own.
        if dataset.id.is_some() && b != Builtin::Split {
            (next.stated_tokens, next.stated_documents) = (None, None);
        }
        let at = Span { start: piped.span.end.max(span.start), ..span };
        match b {
            Builtin::Where | Builtin::Thin => self.filter(b, next, arguments, span, at, locals),
            Builtin::Dedup => self.dedup(next, arguments, span, at, locals),
            Builtin::Decontaminate => self.decontaminate(next, arguments, span, at, locals),
            Builtin::Sample => self.sample(next, arguments, span, locals),
            _ => self.split(next, arguments, span, locals),
        }
    }

    /// Reports a step behind one it must stand before.
    fn ordered(&mut self, b: Builtin, next: &DatasetValue, at: Span) -> bool {
        let sampled = next.take.is_some()
            || next.steps.iter().any(|s| matches!(s, StepValue::Plan(Step::Sample { .. }, _)));
        let behind = if next.validation_per_million > 0 {
            "split"
        } else if sampled && b != Builtin::Split {
            "sample"
        } else {
            return true;
        };
        let d = Diagnostic::error("smol::data::step", at, format!("`{}` stands before `{behind}`", b.name()))
            .help(match behind {
                "split" => "the split sets documents of what the other steps leave aside",
                _ => "the sample is taken of what the other steps leave",
            });
        self.diagnostics.push(d);
        false
    }

    fn filter(
        &mut self,
        b: Builtin,
        mut next: DatasetValue,
        arguments: &[Argument],
        span: Span,
        at: Span,
        locals: &Locals,
    ) -> Node {
        let yields = if b == Builtin::Where { Yields::Truth } else { Yields::Probability };
        let (condition, seed) = match arguments {
            [one] if one.name.is_none() => (&one.value, None),
            [one, seed]
                if one.name.is_none()
                    && b == Builtin::Thin
                    && seed.name.as_ref().is_some_and(|n| n.text == "seed") =>
            {
                (&one.value, Some(&seed.value))
            }
            _ => {
                let d = Diagnostic::error(
                    "smol::call::arguments",
                    at,
                    format!("`{}` takes one expression over columns", b.name()),
                )
                .help(match yields {
                    Yields::Truth => "write `where(.score >= 3)`",
                    Yields::Probability => {
                        "write `thin(if .score >= 3 then 100% else 20%)`, with or without `seed: 1`"
                    }
                });
                return self.fail(span, d);
            }
        };
        let seed = match seed {
            None => 0,
            Some(e) => {
                let node = self.expr(e, locals);
                if node.is_error() || !self.expect(&node, &Type::Int, "`seed` of `thin`", None) {
                    return Node::error(span);
                }
                match node.value {
                    Value::Number(Num::Exact(f), _) => f.to_u64().unwrap_or(0),
                    _ => 0,
                }
            }
        };
        let Some(found) = self.rows(condition, yields, locals) else { return Node::error(span) };
        if !self.ordered(b, &next, at) {
            return Node::error(span);
        }
        next.reads.extend(found.reads);
        next.steps.push(StepValue::Filter {
            filter: found.filter,
            thin: (b == Builtin::Thin).then_some(seed),
            classifiers: found.classifiers,
            span: condition.span,
        });
        Node::new(Value::Dataset(Rc::new(next)), span)
    }

    fn dedup(
        &mut self,
        mut next: DatasetValue,
        arguments: &[Argument],
        span: Span,
        at: Span,
        locals: &Locals,
    ) -> Node {
        const FORMALS: [Formal<'static>; 1] = [Formal::builtin("by", Type::Any, false)];
        let Some(bound) = self.bind("dedup", &FORMALS, arguments, span, locals) else {
            return Node::error(span);
        };
        let by = match bound.get("by").map(|n| (&n.value, n.span)) {
            Some((Value::Builtin(Builtin::Exact), _)) => Dedup::Exact,
            Some((Value::Object(o), _))
                if o.schema.is_some_and(|s| std::ptr::eq(s, &crate::schema::dataset::MINHASH)) =>
            {
                Dedup::MinHash {
                    bands: o.u64("bands").unwrap_or(14),
                    hashes: o.u64("hashes").unwrap_or(8),
                    ngram: o.u64("ngram").unwrap_or(5),
                    seed: o.u64("seed").unwrap_or(0),
                }
            }
            Some((other, place)) => {
                let d = Diagnostic::error(
                    "smol::type::mismatch",
                    place,
                    format!("`dedup` takes `exact` or `minhash(…)`, found {}", other.phrase()),
                )
                .help("write `dedup(exact)` for equal texts, `dedup(minhash())` for similar ones");
                return self.fail(span, d);
            }
            None => return Node::error(span),
        };
        if let Dedup::MinHash { bands, hashes, ngram, .. } = by
            && (bands == 0 || hashes == 0 || ngram == 0)
        {
            let place = bound.get("by").map_or(at, |n| n.span);
            let d = Diagnostic::error("smol::data::step", place, "a MinHash with a zero finds nothing")
                .help("FineWeb uses `minhash(bands: 14, hashes: 8, ngram: 5)`, FineMath `minhash(bands: 1, hashes: 10)`");
            return self.fail(span, d);
        }
        if !self.ordered(Builtin::Dedup, &next, at) {
            return Node::error(span);
        }
        next.steps.push(StepValue::Plan(Step::Dedup { by }, at));
        Node::new(Value::Dataset(Rc::new(next)), span)
    }

    /// `minhash(bands: 14, hashes: 8, ngram: 5)`
    pub(super) fn minhash(&mut self, arguments: &[Argument], span: Span, locals: &Locals) -> Node {
        const FORMALS: [Formal<'static>; 4] = [
            Formal::builtin("bands", Type::Int, true),
            Formal::builtin("hashes", Type::Int, true),
            Formal::builtin("ngram", Type::Int, true),
            Formal::builtin("seed", Type::Int, true),
        ];
        let Some(bound) = self.bind("minhash", &FORMALS, arguments, span, locals) else {
            return Node::error(span);
        };
        let fields = bound.into_iter().map(|(k, node)| (k, Field::new(node.span, node))).collect();
        let schema = Some(&crate::schema::dataset::MINHASH);
        Node::new(Value::Object(Rc::new(Object { schema, fields, span })), span)
    }

    fn decontaminate(
        &mut self,
        mut next: DatasetValue,
        arguments: &[Argument],
        span: Span,
        at: Span,
        locals: &Locals,
    ) -> Node {
        const FORMALS: [Formal<'static>; 3] = [
            Formal::builtin("against", Type::Suite, false),
            Formal::builtin("ngram", Type::Int, true),
            Formal::builtin("overlap", Type::Ratio, true),
        ];
        let Some(bound) = self.bind("decontaminate", &FORMALS, arguments, span, locals) else {
            return Node::error(span);
        };
        let args = object(bound, span);
        let mut against: Vec<Rc<EvalValue>> = Vec::new();
        if let Some(node) = args.get("against") {
            evaluations(&node.value, &mut against);
            if let Value::List(items) = &node.value {
                let name = |n: &Node| match &n.value {
                    Value::Eval(e) => Some(e.name.clone()),
                    _ => None,
                };
                name_twice::check(items, name, "decontaminates against", &mut self.diagnostics);
            }
        }
        let ngram = args.u64("ngram").unwrap_or(13);
        let overlap = args.fraction("overlap");
        if against.is_empty() || ngram == 0 || overlap.is_some_and(|f| f > Fraction::ONE) {
            let (place, what) = if against.is_empty() {
                ("against", "there is nothing to decontaminate against")
            } else if ngram == 0 {
                ("ngram", "a sequence of no words is in every document")
            } else {
                ("overlap", "an overlap is at most 100%")
            };
            return self.fail(span, Diagnostic::error("smol::data::step", args.at(place), what));
        }
        if !self.ordered(Builtin::Decontaminate, &next, at) {
            return Node::error(span);
        }
        next.steps.push(StepValue::Decontaminate { against, ngram, overlap, span: at });
        Node::new(Value::Dataset(Rc::new(next)), span)
    }

    /// `sample(12M bytes)`, `sample(350B tokens)`, `sample(10k documents)`, `sample(5%)`
    fn sample(
        &mut self,
        mut next: DatasetValue,
        arguments: &[Argument],
        span: Span,
        locals: &Locals,
    ) -> Node {
        const FORMALS: [Formal<'static>; 2] =
            [Formal::builtin("bytes", Type::Any, false), Formal::builtin("seed", Type::Int, true)];
        let Some(bound) = self.bind("sample", &FORMALS, arguments, span, locals) else {
            return Node::error(span);
        };
        let args = object(bound, span);
        let at = args.at("bytes");
        let (amount, dim) = match args.get("bytes").map(|n| &n.value) {
            Some(Value::Number(
                Num::Exact(f),
                dim @ (Dim::Bytes | Dim::Tokens | Dim::Documents | Dim::Ratio),
            )) => (*f, *dim),
            Some(_) => {
                if let Some(node) = args.get("bytes").cloned() {
                    self.expect(&node, &Type::Quantity(Dim::Bytes), "`bytes` of `sample`", None);
                }
                return Node::error(span);
            }
            None => return Node::error(span),
        };
        let sampled = next.take.is_some()
            || next.steps.iter().any(|s| matches!(s, StepValue::Plan(Step::Sample { .. }, _)));
        if amount <= Fraction::ZERO || sampled {
            let message = if sampled {
                "the dataset is sampled twice".to_string()
            } else {
                format!("a sample of no {}", if dim == Dim::Ratio { "documents" } else { dim.word() })
            };
            return self.fail(span, Diagnostic::error("smol::data::step", at, message));
        }
        if !self.ordered(Builtin::Sample, &next, at) {
            return Node::error(span);
        }
        let seed = args.u64("seed").unwrap_or(0);
        let whole = amount.to_u64();
        let amount = match (dim, whole) {
            (Dim::Bytes, Some(bytes)) => {
                next.take = Some(Take { bytes, seed });
                return Node::new(Value::Dataset(Rc::new(next)), span);
            }
            (Dim::Tokens, Some(n)) => Amount::Tokens { n },
            (Dim::Documents, Some(n)) => Amount::Documents { n },
            (Dim::Ratio, _) if amount < Fraction::ONE => match amount.to_ratio() {
                Some(of) => Amount::Share { of },
                None => return Node::error(span),
            },
            _ => {
                let d = Diagnostic::error(
                    "smol::data::step",
                    at,
                    "a sample is a whole number, or a share below 100%",
                );
                return self.fail(span, d);
            }
        };
        // What is known of the size stays known.
        let (tokens, documents) = (next.stated_tokens, next.stated_documents);
        match amount {
            Amount::Tokens { n } => next.stated_tokens = Some(tokens.map_or(n, |t| t.min(n))),
            Amount::Documents { n } => next.stated_documents = Some(documents.map_or(n, |d| d.min(n))),
            Amount::Share { .. } => {}
        }
        if let (Amount::Tokens { n }, Some(size)) = (amount, tokens)
            && n > size
        {
            let d = Diagnostic::warning(
                "smol::data::sample",
                at,
                format!(
                    "the sample is {}, the dataset only {}",
                    crate::units::tokens(n as f64),
                    crate::units::tokens(size as f64)
                ),
            )
            .help("the sample is then all of it");
            self.diagnostics.push(d);
        }
        next.steps.push(StepValue::Plan(Step::Sample { amount, seed }, at));
        Node::new(Value::Dataset(Rc::new(next)), span)
    }

    /// `split(validation: 2%)`
    fn split(&mut self, mut next: DatasetValue, arguments: &[Argument], span: Span, locals: &Locals) -> Node {
        const FORMALS: [Formal<'static>; 1] = [Formal::builtin("validation", Type::Ratio, false)];
        let Some(bound) = self.bind("split", &FORMALS, arguments, span, locals) else {
            return Node::error(span);
        };
        let args = object(bound, span);
        let share = args.fraction("validation").unwrap_or(Fraction::ZERO);
        let millionths = share.mul(Fraction::integer(1_000_000)).and_then(|f| f.to_u64());
        let at = args.at("validation");
        match millionths.and_then(|n| u32::try_from(n).ok()).filter(|n| (1..1_000_000).contains(n)) {
            Some(n) if next.validation_per_million == 0 => next.validation_per_million = n,
            Some(_) => {
                return self
                    .fail(span, Diagnostic::error("smol::data::step", at, "the dataset is split twice"));
            }
            None => {
                let d = Diagnostic::error(
                    "smol::data::step",
                    at,
                    format!("{} is no share to set aside", crate::units::percent(share)),
                )
                .help("it lies between 0% and 100%, both excluded, with at most four decimals (0.0001%)");
                return self.fail(span, d);
            }
        }
        Node::new(Value::Dataset(Rc::new(next)), span)
    }
}

fn object(bound: crate::value::Map<Node>, span: Span) -> Object {
    let fields = bound.into_iter().map(|(k, node)| (k, Field::new(node.span, node))).collect();
    Object { schema: None, fields, span }
}

/// The evaluations of an evaluation, a suite, or a list of either, each once.
pub(crate) fn evaluations(value: &Value, out: &mut Vec<Rc<EvalValue>>) {
    let mut add = |e: &Rc<EvalValue>| {
        if !out.iter().any(|o| o.id == e.id) {
            out.push(e.clone());
        }
    };
    match value {
        Value::Eval(e) => add(e),
        Value::Suite(list) => list.iter().for_each(add),
        Value::List(items) => items.iter().for_each(|n| evaluations(&n.value, out)),
        _ => {}
    }
}
