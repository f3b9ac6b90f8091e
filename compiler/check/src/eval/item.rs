//! Items: evaluated when first needed, once.

use super::Eval;
use crate::schema::target::TARGET;
use crate::types::Type;
use crate::value::{ClassifierValue, DatasetValue, EvalValue, ItemId, Node, Object, TokenizerValue, Value};
use smolc_diag::{Diagnostic, Span};
use smolc_syntax::ast::{Expr, Ident, ItemKind};
use std::rc::Rc;

impl Eval<'_> {
    /// The value of an item.
    pub fn item(&mut self, id: ItemId) -> Node {
        if let Some(node) = self.memo.get(&id) {
            return node.clone();
        }
        let program = self.program;
        let Some(item) = program.item(id) else { return Node::error(Span::default()) };
        if self.poisoned.contains(&id) {
            return Node::error(item.span);
        }
        // An item means the same whoever asks for it: spans convert in schedules only.
        let outer = (
            self.time.take(),
            std::mem::take(&mut self.owner),
            self.rows.take(),
            self.guard.take(),
            std::mem::replace(&mut self.partial, false),
        );
        let node = self.evaluate(id, &item.kind, item.span);
        (self.time, self.owner, self.rows, self.guard, self.partial) = outer;
        self.memo.insert(id, node.clone());
        node
    }

    fn evaluate(&mut self, id: ItemId, kind: &ItemKind, span: Span) -> Node {
        let locals = Rc::default();
        match kind {
            ItemKind::Use(_) | ItemKind::Error { .. } => Node::error(span),
            ItemKind::Let { value, .. } => self.expr(value, &locals),
            ItemKind::Fn(_) => Node::new(Value::Function(id), span),
            ItemKind::Param { name, ty, default } => self.parameter(id, name, ty, default.as_ref()),
            ItemKind::Define { keyword, name, value } => self.define(id, keyword, name, value),
            ItemKind::Run(run) => Node::new(Value::Run(id), run.name.span),
            ItemKind::Sweep { name, .. } => {
                let d = Diagnostic::error(
                    "smol::type::mismatch",
                    name.span,
                    format!("the sweep `{}` is no value", name.text),
                )
                .help("name a run; a sweep only makes runs and compares them");
                self.fail(span, d)
            }
            ItemKind::Target { name, body } => {
                let owner = format!("target `{}`", name.text);
                let fields = self.fields(body, Some(&TARGET), &owner, &locals);
                let object = Object { schema: Some(&TARGET), fields, span: name.span };
                self.missing(&object, name.span, &owner);
                Node::new(Value::Object(Rc::new(object)), name.span)
            }
        }
    }

    fn parameter(&mut self, id: ItemId, name: &Ident, ty: &Ident, default: Option<&Expr>) -> Node {
        let ty_span = ty.span;
        let Some(ty) = Type::named(&ty.text) else { return Node::error(name.span) };
        let node = match (self.sets.get(&id).cloned(), default) {
            (Some(node), _) => node,
            (None, Some(default)) => self.expr(default, &Rc::default()),
            (None, None) => {
                let d = Diagnostic::error(
                    "smol::param::missing",
                    name.span,
                    format!("the parameter `{}` has no value", name.text),
                )
                .help(format!("give it one: `--set {}=…`, or a default in the spec", name.text));
                return self.fail(name.span, d);
            }
        };
        if node.is_error()
            || !self.expect(&node, &ty, format_args!("the parameter `{}`", name.text), Some(ty_span))
        {
            return Node::error(name.span);
        }
        node
    }

    fn define(&mut self, id: ItemId, keyword: &Ident, name: &Ident, value: &Expr) -> Node {
        let ty = match keyword.text.as_str() {
            "dataset" => Type::Dataset,
            "tokenizer" => Type::Tokenizer,
            "model" => Type::Block(crate::schema::MODELS, "a model"),
            "mix" => Type::Mix,
            "schedule" => Type::Schedule,
            "classifier" => Type::Classifier,
            "eval" => Type::Block(
                crate::schema::PROTOCOLS,
                "an evaluation (`Likelihood { … }` and others of `std.evals`)",
            ),
            "suite" => Type::Suite,
            // The grammar has no other keyword.
            _ => return Node::error(name.span),
        };
        self.owner = format!("{} `{}`", keyword.text, name.text);
        let node = self.expr(value, &Rc::default());
        // A second name for an evaluation is the same evaluation.
        if let (Value::Eval(_), "eval") = (&node.value, keyword.text.as_str()) {
            return node;
        }
        let what = format_args!("the value of {} `{}`", keyword.text, name.text);
        if !node.is_error()
            && !matches!(node.value, Value::Dataset(_))
            && !self.expect(&node, &ty, what, None)
        {
            return Node::error(name.span);
        }
        let prefix = self.program.modules.get(id.module).map_or("", |m| m.prefix.as_str());
        let full = format!("{prefix}{}", name.text);
        let value = match (&node.value, ty) {
            // A second name for a dataset is the same dataset.
            (Value::Dataset(d), Type::Dataset | Type::Mix) if d.id.is_some() => node.value.clone(),
            (Value::Dataset(d), Type::Dataset) => Value::Dataset(Rc::new(DatasetValue {
                id: Some(id),
                name: full,
                span: name.span,
                ..(**d).clone()
            })),
            (Value::Dataset(_), _) => {
                self.expect(&node, &ty, what, None);
                Value::Error
            }
            (Value::Classifier(c), _) if c.id.is_none() => Value::Classifier(Rc::new(ClassifierValue {
                id: Some(id),
                name: full,
                span: name.span,
                ..(**c).clone()
            })),
            (Value::Object(o), _) if keyword.text == "eval" => {
                let data = o.text("data").filter(|d| smolc_plan::evaluation::names_files(d));
                let from = self.sources.path(o.at("data").file);
                let files = data.map(|d| self.world.resolve(from, d));
                Value::Eval(Rc::new(EvalValue { id, name: full, span: name.span, fields: o.clone(), files }))
            }
            (Value::Eval(_) | Value::List(_), Type::Suite) => {
                let mut list = Vec::new();
                super::dataset::evaluations(&node.value, &mut list);
                Value::Suite(Rc::new(list))
            }
            (Value::Tokenizer(t), _) if t.id.is_none() => Value::Tokenizer(Rc::new(TokenizerValue {
                id: Some(id),
                name: full,
                span: name.span,
                ..(**t).clone()
            })),
            _ => node.value.clone(),
        };
        Node::new(value, node.span)
    }
}
