//! Records: closed, checked against their schema, overridden by `with`.

use super::Eval;
use crate::schema::{FieldSpec, Presence, Schema};
use crate::types::Type;
use crate::value::{Field, Locals, Map, Node, Object, Value};
use smolc_diag::suggest::nearest;
use smolc_diag::{Applicability, Diagnostic, Span};
use smolc_syntax::ast::{Expr, ExprKind, Ident, Member, MemberKind};
use std::fmt::Arguments;
use std::rc::Rc;

impl Eval<'_> {
    /// A record that stands where nothing says what it is.
    pub(super) fn plain_record(&mut self, members: &[Member], span: Span, locals: &Locals) -> Node {
        let fields = self.fields(members, None, "the record", locals);
        Node::new(Value::Object(Rc::new(Object { schema: None, fields, span })), span)
    }

    /// The fields of a block. `stage` members are left to the caller; other members that are not fields are reported.
    pub fn fields<'m>(
        &mut self,
        members: impl IntoIterator<Item = &'m Member>,
        schema: Option<&'static Schema>,
        owner: &str,
        locals: &Locals,
    ) -> Map<Field> {
        let mut fields: Map<Field> = Map::default();
        for member in members {
            match &member.kind {
                MemberKind::Field { name, value } => {
                    if let Some(first) = fields.get(&name.text) {
                        let first = first.key;
                        self.twice(name, first, owner);
                        continue;
                    }
                    let node = self.field(name, value, schema, owner, locals);
                    fields.insert(name.text.clone(), Field::new(name.span, node));
                }
                // A key that is there but whose value did not parse counts as given.
                MemberKind::Error { name: Some(name) } => {
                    fields.insert(name.text.clone(), Field::new(name.span, Node::error(name.span)));
                }
                MemberKind::Error { name: None } => {}
                MemberKind::Drop { name } => {
                    let d = Diagnostic::error(
                        "smol::record::drop",
                        name.span,
                        format!("nothing to drop: {owner} does not change another block"),
                    )
                    .help("`drop` belongs into `base with { … }`");
                    self.diagnostics.push(d);
                }
                MemberKind::Run(run) => {
                    let d = Diagnostic::error(
                        "smol::record::unknown",
                        run.name.span,
                        format!("{owner} has no runs; a run stands in a file or in a sweep"),
                    );
                    self.diagnostics.push(d);
                }
                // A run evaluates its stages itself.
                MemberKind::Stage(stage) => {
                    if schema.is_none_or(|s| !std::ptr::eq(s, &crate::schema::run::RUN)) {
                        let d = Diagnostic::error(
                            "smol::record::unknown",
                            stage.name.span,
                            format!("{owner} has no stages; only runs have"),
                        );
                        self.diagnostics.push(d);
                    }
                }
            }
        }
        fields
    }

    fn field(
        &mut self,
        name: &Ident,
        value: &Expr,
        schema: Option<&'static Schema>,
        owner: &str,
        locals: &Locals,
    ) -> Node {
        let Some(schema) = schema else { return self.expr(value, locals) };
        let Some(spec) = schema.field(&name.text) else {
            self.unknown_key(name, schema, owner);
            return Node::error(value.span);
        };
        // The list of stages is read where the run is built.
        if std::ptr::eq(schema, &crate::schema::run::RUN) && spec.name == "stages" {
            return Node::new(Value::None, value.span);
        }
        self.typed(name, value, spec, format_args!("`{}` of {owner}", name.text), locals)
    }

    /// The value of a field of known type.
    fn typed(
        &mut self,
        name: &Ident,
        value: &Expr,
        spec: &FieldSpec,
        what: Arguments<'_>,
        locals: &Locals,
    ) -> Node {
        let partial = std::mem::replace(&mut self.partial, false);
        let node = self.typed_value(name, value, spec, what, locals, partial);
        self.partial = partial;
        node
    }

    fn typed_value(
        &mut self,
        name: &Ident,
        value: &Expr,
        spec: &FieldSpec,
        what: Arguments<'_>,
        locals: &Locals,
        partial: bool,
    ) -> Node {
        let node = match (&spec.ty, &value.kind) {
            (Type::Word(words), ExprKind::Name(word)) => {
                if words.contains(&word.text.as_str()) {
                    return Node::new(Value::Word(word.text.clone()), value.span);
                }
                return self.wrong_word(&word.text, value.span, words, what);
            }
            (Type::Word(words), ExprKind::None) if words.contains(&"none") => {
                return Node::new(Value::Word("none".into()), value.span);
            }
            (Type::Record(inner) | Type::Optional(Type::Record(inner)), ExprKind::Record(members)) => {
                let fields = self.fields(members, Some(inner), &format!("`{}`", name.text), locals);
                Node::new(
                    Value::Object(Rc::new(Object { schema: Some(inner), fields, span: value.span })),
                    value.span,
                )
            }
            // Changes to a block that is taken over: what it is of is known only there.
            (Type::Block(schemas, _), ExprKind::Record(members)) if partial => {
                return self.partial_record(members, schemas, value.span, &name.text, locals);
            }
            _ => self.expr(value, locals),
        };
        if self.expect(&node, &spec.ty, what, None) {
            self.conform(node, &spec.ty)
        } else {
            Node::error(value.span)
        }
    }

    fn partial_record(
        &mut self,
        members: &[Member],
        schemas: &[&'static Schema],
        span: Span,
        owner: &str,
        locals: &Locals,
    ) -> Node {
        let mut fields: Map<Field> = Map::default();
        for member in members {
            let MemberKind::Field { name, value } = &member.kind else {
                if let MemberKind::Error { name: Some(name) } = &member.kind {
                    fields.insert(name.text.clone(), Field::new(name.span, Node::error(name.span)));
                }
                continue;
            };
            if let Some(first) = fields.get(&name.text) {
                let first = first.key;
                self.twice(name, first, &format!("`{owner}`"));
                continue;
            }
            let node = match schemas.iter().find_map(|s| s.field(&name.text)) {
                Some(spec) => {
                    self.typed(name, value, spec, format_args!("`{}` of `{owner}`", name.text), locals)
                }
                None => self.expr(value, locals),
            };
            fields.insert(name.text.clone(), Field::new(name.span, node));
        }
        Node::new(Value::Object(Rc::new(Object { schema: None, fields, span })), span)
    }

    fn twice(&mut self, name: &Ident, first: Span, owner: &str) {
        let d = Diagnostic::error(
            "smol::record::duplicate",
            name.span,
            format!("{owner} sets `{}` twice", name.text),
        )
        .label("again here")
        .also(first, "first here")
        .help("keep one of them");
        self.diagnostics.push(d);
    }

    /// A plain record that was named elsewhere (`let r = { theta: 1 }`) takes on the schema of the field it is put in.
    fn conform(&mut self, node: Node, ty: &Type) -> Node {
        let (Type::Record(schema) | Type::Optional(Type::Record(schema)), Value::Object(o)) =
            (ty, &node.value)
        else {
            return node;
        };
        if o.schema.is_some() {
            return node;
        }
        let fields = self.conform_to(o, schema);
        Node::new(Value::Object(Rc::new(Object { schema: Some(schema), fields, span: o.span })), node.span)
    }

    /// The fields of a plain record as those of a schema.
    pub(super) fn conform_to(&mut self, o: &Object, schema: &'static Schema) -> Map<Field> {
        let mut fields = Map::default();
        for (key, field) in &o.fields {
            let name = Ident { text: key.clone(), span: field.key };
            let kept = match schema.field(key) {
                None => {
                    self.unknown_key(&name, schema, &format!("`{}`", schema.name));
                    Node::error(field.node.span)
                }
                Some(spec) => {
                    let what = format_args!("`{key}` of `{}`", schema.name);
                    if self.expect(&field.node, &spec.ty, what, None) {
                        self.conform(field.node.clone(), &spec.ty)
                    } else {
                        Node::error(field.node.span)
                    }
                }
            };
            fields.insert(key.clone(), Field { key: field.key, node: kept, before: field.before.clone() });
        }
        fields
    }

    fn unknown_key(&mut self, name: &Ident, schema: &'static Schema, owner: &str) {
        let mut d = Diagnostic::error(
            "smol::record::unknown",
            name.span,
            format!("{owner} has no field `{}`", name.text),
        );
        let keys = schema.fields.iter().map(|f| f.name);
        d = match nearest(&name.text, keys.clone()) {
            Some(near) => {
                // Only a difference of case leaves no doubt.
                let sure = near.eq_ignore_ascii_case(&name.text);
                let how = if sure { Applicability::Safe } else { Applicability::Unsafe };
                d.help(format!("did you mean `{near}`?")).fix(name.span, near, how)
            }
            None if schema.name == "stage" && crate::schema::run::RUN.field(&name.text).is_some() => d.help(format!(
                "`{}` is the whole run's: write it outside of the stages, or begin another run here with `run NAME from …`",
                name.text
            )),
            None => d.help(format!("it has {}", quoted(keys))),
        };
        self.diagnostics.push(d);
    }

    /// Reports required fields that are not there, in one diagnostic a block, nested ones too.
    pub fn missing(&mut self, object: &Object, at: Span, owner: &str) {
        let Some(schema) = object.schema else { return };
        let lacking: Vec<_> = schema
            .fields
            .iter()
            .filter(|f| f.presence == Presence::Required && !object.fields.contains_key(f.name))
            // A key that is nearly this one was reported as unknown: one slip is one diagnostic.
            .filter(|f| {
                let unknown = object.fields.keys().filter(|k| schema.field(k).is_none());
                !unknown.into_iter().any(|k| nearest(k, [f.name]).is_some())
            })
            .collect();
        if !lacking.is_empty() {
            let names = quoted(lacking.iter().map(|f| f.name));
            let mut d = Diagnostic::error("smol::record::missing", at, format!("{owner} needs {names}"))
                .label("not in here");
            for field in lacking {
                d = d.help(format!("`{}: …` takes {}. {}", field.name, field.ty.phrase(), field.doc));
            }
            self.diagnostics.push(d);
        }
        for field in schema.fields {
            if let (
                Some(Field { node: Node { value: Value::Object(inner), .. }, key, .. }),
                Type::Record(_),
            )
            | (
                Some(Field { node: Node { value: Value::Object(inner), .. }, key, .. }),
                Type::Optional(Type::Record(_)),
            ) = (object.fields.get(field.name), &field.ty)
            {
                self.missing(inner, *key, &format!("`{}` of {owner}", field.name));
            }
        }
    }

    /// `base with { … }`: scalars and lists replace, named blocks merge, `drop name` removes.
    pub(super) fn with(&mut self, base: &Expr, members: &[Member], span: Span, locals: &Locals) -> Node {
        let node = self.expr(base, locals);
        let object = match &node.value {
            Value::Error => return Node::error(span),
            Value::Object(o) => o.clone(),
            other => {
                let message =
                    format!("`with` changes models, optimizers and records, found {}", other.phrase());
                let mut d = Diagnostic::error("smol::type::mismatch", base.span, message);
                d = match &node.value {
                    Value::Builtin(_) | Value::Function(_) => match self.remedy(&node, &Type::Any) {
                        Some(help) => d.help(help),
                        None => d,
                    },
                    Value::Run(_) => {
                        d.help("a run takes over another one's values by `run NAME from RUN with { … }`")
                    }
                    _ => d.help("write the value that is meant"),
                };
                return self.fail(span, d);
            }
        };
        let owner = object.schema.map_or("the record".to_string(), |s| format!("`{}`", s.name));
        let (drops, sets): (Vec<&Member>, Vec<&Member>) =
            members.iter().partition(|m| matches!(m.kind, MemberKind::Drop { .. }));
        let mut fields = object.fields.clone();
        for member in drops {
            let MemberKind::Drop { name } = &member.kind else { continue };
            if fields.shift_remove(&name.text).is_none() {
                let mut d = Diagnostic::error(
                    "smol::record::drop",
                    name.span,
                    format!("nothing to drop: the base sets no `{}`", name.text),
                )
                .also(base.span, "the base");
                if let Some(near) = nearest(&name.text, object.fields.keys().map(String::as_str)) {
                    d = d.help(format!("did you mean `{near}`?")).fix(name.span, near, Applicability::Unsafe);
                }
                self.diagnostics.push(d);
            }
        }
        let over = self.fields(sets, object.schema, &owner, locals);
        merge(&mut fields, over);
        let whole = Object { schema: object.schema, fields, span };
        self.missing(&whole, span, &owner);
        Node::new(Value::Object(Rc::new(whole)), span)
    }
}

/// Names in backticks, `a`, `b` and `c`.
fn quoted<'n>(names: impl Iterator<Item = &'n str>) -> String {
    crate::load::list(names.map(|n| format!("`{n}`")))
}

/// Lays the fields of `over` over those of `base`: records merge, anything else replaces.
pub(super) fn merge(base: &mut Map<Field>, over: Map<Field>) {
    for (key, field) in over {
        let old = base.get(&key);
        let before = old.map(|f| [f.before.clone(), vec![f.key]].concat()).unwrap_or_default();
        let node = match (old.map(|f| &f.node.value), &field.node.value) {
            (Some(Value::Object(old)), Value::Object(new)) => {
                let mut fields = old.fields.clone();
                merge(&mut fields, new.fields.clone());
                let whole = Object { schema: old.schema.or(new.schema), fields, span: new.span };
                Node::new(Value::Object(Rc::new(whole)), field.node.span)
            }
            _ => field.node,
        };
        base.insert(key, Field { key: field.key, node, before });
    }
}
