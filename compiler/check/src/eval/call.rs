//! Calls: arguments bound to parameters, functions of the spec, and the compiler's own.

use super::Eval;
use crate::builtin::Builtin;
use crate::schema::{dataset, tokenizer};
use crate::types::Type;
use crate::value::{Field, ItemId, Locals, Map, Node, Object, Value};
use smolc_diag::suggest::nearest;
use smolc_diag::{Applicability, Diagnostic, Span};
use smolc_expr::Builtin as Math;
use smolc_syntax::ast::{Argument, Expr, ExprKind, ItemKind, Member};
use std::rc::Rc;

/// A parameter of a function.
pub(super) struct Formal<'a> {
    pub name: &'a str,
    pub ty: Type,
    /// Where its type is written, for functions of a spec.
    pub at: Option<Span>,
    /// Whether it may be left out.
    pub optional: bool,
}

impl Formal<'static> {
    pub(super) const fn builtin(name: &'static str, ty: Type, optional: bool) -> Formal<'static> {
        Formal { name, ty, at: None, optional }
    }
}

impl Eval<'_> {
    /// `f(a, name: b) { … }`, with what is piped into it.
    pub(super) fn call(
        &mut self,
        function: &Expr,
        arguments: &[Argument],
        record: Option<&[Member]>,
        span: Span,
        piped: Option<Node>,
        locals: &Locals,
    ) -> Node {
        let callee = self.expr(function, locals);
        match callee.value {
            Value::Error => {
                // The arguments may have mistakes of their own.
                arguments.iter().for_each(|a| drop(self.expr(&a.value, locals)));
                Node::error(span)
            }
            Value::Signal(path) if piped.is_none() => self.signal_call(&path, arguments, span, locals),
            Value::Classifier(c) if piped.is_none() => self.classify(&c, arguments, span, locals),
            Value::Function(id) => {
                if let Some(node) = piped {
                    return self.no_pipe(&node, span);
                }
                if let Some(first) = record.and_then(|r| r.first()) {
                    return self.no_record(first.span, function);
                }
                self.apply(id, arguments, span, locals)
            }
            Value::Builtin(b) => self.builtin(b, function, arguments, record, span, piped, locals),
            other => {
                let message = format!("only functions can be called, found {}", other.phrase());
                self.fail(span, Diagnostic::error("smol::type::mismatch", function.span, message))
            }
        }
    }

    fn no_pipe(&mut self, node: &Node, span: Span) -> Node {
        let d = Diagnostic::error("smol::type::mismatch", span, "this is no step of a dataset's pipeline")
            .also(node.span, "piped from here")
            .help("steps are `where`, `thin`, `dedup`, `decontaminate`, `sample` and `split`");
        self.fail(span, d)
    }

    fn no_record(&mut self, at: Span, function: &Expr) -> Node {
        let d = Diagnostic::error(
            "smol::call::arguments",
            at,
            format!("`{}` takes no record behind its arguments", self.written(function.span)),
        );
        self.fail(at, d)
    }

    /// Binds arguments to parameters by place and name; `None` after a report.
    pub(super) fn bind(
        &mut self,
        function: &str,
        formals: &[Formal<'_>],
        arguments: &[Argument],
        span: Span,
        locals: &Locals,
    ) -> Option<Map<Node>> {
        let mut bound: Map<Node> = Map::default();
        let mut good = true;
        let mut place = 0;
        for argument in arguments {
            let node = self.expr(&argument.value, locals);
            let formal = match &argument.name {
                Some(name) => formals.iter().find(|f| f.name == name.text),
                None => {
                    place += 1;
                    formals.get(place - 1)
                }
            };
            let Some(formal) = formal else {
                good = false;
                let d = match &argument.name {
                    Some(name) => {
                        let d = Diagnostic::error(
                            "smol::call::arguments",
                            name.span,
                            format!("`{function}` has no parameter `{}`", name.text),
                        );
                        match nearest(&name.text, formals.iter().map(|f| f.name)) {
                            Some(near) => d.help(format!("did you mean `{near}`?")).fix(
                                name.span,
                                near,
                                Applicability::Unsafe,
                            ),
                            None if field_behind(function, &name.text) => d.help(format!(
                                "`{0}` is a field of the block behind: `{function}(…) {{ {0}: … }}`",
                                name.text
                            )),
                            None => d.help(signature(function, formals)),
                        }
                    }
                    None => Diagnostic::error(
                        "smol::call::arguments",
                        argument.value.span,
                        format!("`{function}` takes {} arguments, not {place}", formals.len()),
                    )
                    .help(signature(function, formals)),
                };
                self.diagnostics.push(d);
                continue;
            };
            if let Some(first) = bound.get(formal.name) {
                let d = Diagnostic::error(
                    "smol::call::arguments",
                    node.span,
                    format!("`{}` of `{function}` is given twice", formal.name),
                )
                .also(first.span, "first here");
                self.diagnostics.push(d);
                good = false;
                continue;
            }
            let what = format_args!("`{}` of `{function}`", formal.name);
            if node.is_error() || !self.expect(&node, &formal.ty, what, formal.at) {
                good = false;
            }
            bound.insert(formal.name.to_string(), node);
        }
        let lacking: Vec<String> = formals
            .iter()
            .filter(|f| !f.optional && !bound.contains_key(f.name))
            .map(|f| format!("`{}`", f.name))
            .collect();
        // With an unknown name among the arguments, what lacks is most likely that one.
        if !lacking.is_empty() && good {
            let d = Diagnostic::error(
                "smol::call::arguments",
                span,
                format!("`{function}` needs {}", crate::load::list(lacking)),
            )
            .help(signature(function, formals));
            self.diagnostics.push(d);
            good = false;
        }
        good.then_some(bound)
    }

    fn apply(&mut self, id: ItemId, arguments: &[Argument], span: Span, locals: &Locals) -> Node {
        let Some(ItemKind::Fn(f)) = self.program.item(id).map(|i| &i.kind) else { return Node::error(span) };
        let formals: Vec<Formal<'_>> = f
            .parameters
            .iter()
            .map(|p| Formal {
                name: &p.name.text,
                ty: p.ty.as_ref().and_then(|t| Type::named(&t.text)).unwrap_or(Type::Any),
                at: p.ty.as_ref().map(|t| t.span),
                optional: p.default.is_some(),
            })
            .collect();
        let Some(mut bound) = self.bind(&f.name.text, &formals, arguments, span, locals) else {
            return Node::error(span);
        };
        for p in &f.parameters {
            if let (false, Some(default)) = (bound.contains_key(&p.name.text), &p.default) {
                // A default sees the parameters before it.
                let node = self.expr(default, &Rc::new(bound.clone()));
                bound.insert(p.name.text.clone(), node);
            }
        }
        let node = self.expr(&f.body, &Rc::new(bound));
        if let Some(ty) = f.result.as_ref().and_then(|r| Type::named(&r.text).map(|t| (t, r.span))) {
            let what = format_args!("the result of `{}`", f.name.text);
            let code = matches!(node.value, Value::Code(..));
            if !node.is_error() && !code && !self.expect(&node, &ty.0, what, Some(ty.1)) {
                return Node::error(span);
            }
        }
        Node::new(node.value, span)
    }

    #[allow(clippy::too_many_arguments)]
    fn builtin(
        &mut self,
        b: Builtin,
        function: &Expr,
        arguments: &[Argument],
        record: Option<&[Member]>,
        span: Span,
        piped: Option<Node>,
        locals: &Locals,
    ) -> Node {
        let step = matches!(
            b,
            Builtin::Where
                | Builtin::Thin
                | Builtin::Dedup
                | Builtin::Decontaminate
                | Builtin::Sample
                | Builtin::Split
        );
        if let (Some(node), false) = (&piped, step) {
            return self.no_pipe(node, span);
        }
        let source = matches!(
            b,
            Builtin::Files
                | Builtin::Text
                | Builtin::Jsonl
                | Builtin::Parquet
                | Builtin::Hub
                | Builtin::Tokens
        );
        if let (Some(first), false) = (record.and_then(|r| r.first()), source || b == Builtin::Hf) {
            return self.no_record(first.span, function);
        }
        if source {
            return self.source(b, arguments, record.unwrap_or_default(), span, locals);
        }
        if step {
            return self.step(b, piped, arguments, span, locals);
        }
        match b {
            Builtin::Env => self.env(arguments, span, locals),
            Builtin::MinHash => self.minhash(arguments, span, locals),
            Builtin::Length
            | Builtin::Present
            | Builtin::Contains
            | Builtin::StartsWith
            | Builtin::EndsWith => self.row_function(b, arguments, span, locals),
            Builtin::Blend => {
                const FORMALS: [Formal<'static>; 1] = [Formal::builtin("over", Type::Portion, false)];
                match self.bind("blend", &FORMALS, arguments, span, locals) {
                    Some(bound) => {
                        let fields =
                            bound.into_iter().map(|(k, node)| (k, Field::new(node.span, node))).collect();
                        let schema = Some(&crate::schema::stage::BLEND);
                        Node::new(Value::Object(Rc::new(Object { schema, fields, span })), span)
                    }
                    None => Node::error(span),
                }
            }
            Builtin::Hf => self.hf(arguments, record.unwrap_or_default(), function.span, span, locals),
            Builtin::Part => {
                const FORMALS: [Formal<'static>; 2] =
                    [Formal::builtin("portion", Type::Any, false), Formal::builtin("of", Type::Any, false)];
                match self.bind("part", &FORMALS, arguments, span, locals) {
                    Some(bound) => match (bound.get("portion"), bound.get("of")) {
                        (Some(portion), Some(whole)) => self.part(portion, whole, span),
                        _ => Node::error(span),
                    },
                    None => Node::error(span),
                }
            }
            Builtin::Math(f) => {
                const ONE: [Formal<'static>; 1] = [Formal::builtin("x", Type::Any, false)];
                const TWO: [Formal<'static>; 2] =
                    [Formal::builtin("x", Type::Any, false), Formal::builtin("y", Type::Any, false)];
                let formals: &[Formal<'_>] = match f {
                    Math::Min | Math::Max | Math::Pow => &TWO,
                    Math::Abs
                    | Math::Floor
                    | Math::Ceil
                    | Math::Sqrt
                    | Math::Exp
                    | Math::Ln
                    | Math::Cos
                    | Math::Sin => &ONE,
                };
                match self.bind(b.name(), formals, arguments, span, locals) {
                    Some(bound) => {
                        let nodes: Vec<Node> =
                            formals.iter().filter_map(|f| bound.get(f.name).cloned()).collect();
                        self.math(f, &nodes, span)
                    }
                    None => Node::error(span),
                }
            }
            other => {
                let d = Diagnostic::error(
                    "smol::type::mismatch",
                    span,
                    format!("`{}` is not called with arguments", other.name()),
                )
                .help(match other {
                    Builtin::Pi | Builtin::Exact => format!("write `{}`", other.name()),
                    _ => format!("write `{} {{ … }}`", other.name()),
                });
                self.fail(span, d)
            }
        }
    }

    /// `Llama { … }`
    pub(super) fn construct(&mut self, base: &Expr, members: &[Member], span: Span, locals: &Locals) -> Node {
        // `hf("…")` followed by a record reaches here when the parser does not join the two.
        if let ExprKind::Call { function, arguments, record: None } = &base.kind {
            return self.call(function, arguments, Some(members), span, None, locals);
        }
        let callee = self.expr(base, locals);
        let schema = match &callee.value {
            Value::Error => return Node::error(span),
            Value::Builtin(Builtin::Bpe) => return self.bpe(members, base.span, span, locals),
            Value::Builtin(Builtin::LinearNgrams) => return self.linear(members, base.span, span, locals),
            Value::Builtin(b) if b.schema().is_some() => match b.schema() {
                Some(schema) => schema,
                None => return Node::error(span),
            },
            Value::Object(_) => {
                let d = Diagnostic::error(
                    "smol::type::mismatch",
                    base.span,
                    format!("`{}` is a finished block", self.written(base.span)),
                )
                .help(format!("write `{} with {{ … }}` to change it", self.written(base.span)));
                return self.fail(span, d);
            }
            other => {
                let message = format!("only constructors take a block, found {}", other.phrase());
                let d = Diagnostic::error("smol::type::mismatch", base.span, message)
                    .help("constructors are `Llama`, `AdamW`, `hf(…)` and so on; `std.models` has finished models for `with`");
                return self.fail(span, d);
            }
        };
        let owner = format!("`{}`", schema.name);
        let fields = self.fields(members, Some(schema), &owner, locals);
        let object = Object { schema: Some(schema), fields, span };
        self.missing(&object, base.span, &owner);
        Node::new(Value::Object(Rc::new(object)), span)
    }
}

/// Whether a source or a tokenizer, called by `function`, takes a block with such a field.
fn field_behind(function: &str, field: &str) -> bool {
    let schema = match function {
        "parquet" | "jsonl" => &dataset::COLUMNS,
        "hub" => &dataset::HUB,
        "tokens" => &dataset::TOKEN_SHARDS,
        "files" | "text" => &dataset::FILES,
        "hf" => &tokenizer::HF,
        _ => return false,
    };
    schema.fields.iter().any(|f| f.name == field)
}

fn signature(function: &str, formals: &[Formal<'_>]) -> String {
    let parameters: Vec<String> =
        formals.iter().map(|f| format!("{}{}", f.name, if f.optional { ": …" } else { "" })).collect();
    format!("its parameters are `{function}({})`", parameters.join(", "))
}
