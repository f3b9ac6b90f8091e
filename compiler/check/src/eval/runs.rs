//! Runs as values, and who wins among the runs a run is derived from.
//!
//! A run inherits from the one behind `from`, or from itself in a sweep. The layers of a run are the bodies that make it,
//! the one it is derived from first. For every field the last layer that sets it wins; a record (`model: { context: 8192
//! }`) changes single fields of what is below it. All of that follows from the text alone: nothing is evaluated to find
//! out who wins, and what lost is not evaluated at all.

use super::Eval;
use crate::load::Target;
use crate::schema::run::RUN;
use crate::types::Type;
use crate::value::{Field, ItemId, Locals, Map, Node, Object, Value};
use rustc_hash::FxHashSet;
use smolc_diag::suggest::nearest;
use smolc_diag::{Applicability, Diagnostic, Span};
use smolc_syntax::ast::{self, Expr, ExprKind, Ident, ItemKind, Member, MemberKind};
use std::rc::Rc;

/// One body of a run, and the names it sees.
#[derive(Clone)]
pub struct Layer<'p> {
    /// The run it belongs to.
    pub name: &'p Ident,
    /// Its members.
    pub body: Vec<&'p Member>,
    /// A sweep's variable.
    pub locals: Locals,
}

/// What a run is made of.
#[derive(Clone, Default)]
pub struct Derived<'p> {
    /// Bodies, the first one derived from first.
    pub layers: Vec<Layer<'p>>,
    /// Where it begins, if not from initialization.
    pub branch: Option<Branch>,
    /// It names a run that is none; that was reported.
    pub broken: bool,
}

/// The beginning of a run that goes on from another one.
#[derive(Clone)]
pub struct Branch {
    /// The run.
    pub base: Base,
    /// Where it is named.
    pub base_span: Span,
    /// `at 3T tokens`; `None` = its end.
    pub at: Option<(Expr, Locals)>,
    /// Index of the first layer that is not the base's.
    pub own: usize,
}

/// A run another one begins from.
#[derive(Clone, Copy)]
pub enum Base {
    /// An item.
    Item(ItemId),
    /// A run of the same sweep, by its index in the spec.
    Built(usize),
}

/// A stage with the bodies that make it.
pub struct StageLayers<'p> {
    /// Its name, where it is written last.
    pub name: &'p Ident,
    /// `for …`
    pub length: Option<(&'p Expr, Locals)>,
    /// `until …`
    pub until: Option<(&'p Expr, Locals)>,
    /// Bodies, the one it is derived from first.
    pub bodies: Vec<(&'p [Member], Locals)>,
}

/// How deep runs may be derived from each other.
const DEPTH: usize = 64;

/// Fields a branch does not take over: they are about the run itself.
const OWN: &[&str] = &["stages", "carry"];

impl<'a> Eval<'a> {
    /// The run a `from` names.
    pub fn base_run(&mut self, base: &Expr) -> Option<ItemId> {
        let target = match &base.kind {
            ExprKind::Name(name) => self.program.lookup(name),
            ExprKind::Member(module, member) => match &module.kind {
                ExprKind::Name(name) => match self.program.lookup(name) {
                    Some(Target::Module(m)) => self.program.member(m, &member.text),
                    other => other,
                },
                _ => None,
            },
            _ => None,
        };
        let id = match target {
            Some(Target::Item(id)) => id,
            // Reported as unknown.
            None | Some(Target::Unknown) => return None,
            Some(Target::Module(_) | Target::Builtin(_)) => {
                self.no_run(base);
                return None;
            }
        };
        if self.poisoned.contains(&id) {
            return None;
        }
        match self.program.item(id).map(|i| &i.kind) {
            Some(ItemKind::Run(_)) => Some(id),
            Some(ItemKind::Error { .. }) | None => None,
            Some(_) => {
                self.no_run(base);
                None
            }
        }
    }

    fn no_run(&mut self, base: &Expr) {
        let written = self.written(base.span);
        let d = Diagnostic::error("smol::run::base", base.span, format!("`{written}` is no run"))
            .help("a run begins from another run: `run sft from pretrain { … }`");
        self.diagnostics.push(d);
    }

    /// What a run item is derived from.
    pub fn derived(&mut self, id: ItemId, depth: usize) -> Derived<'a> {
        let program = self.program;
        let Some(ItemKind::Run(run)) = program.item(id).map(|i| &i.kind) else { return Derived::default() };
        self.derive(run, run.from.as_ref(), &Rc::default(), depth)
    }

    /// What a run that sees these names is derived from; `from` is the run it begins from, and where.
    pub fn derive(
        &mut self,
        run: &'a ast::Run,
        from: Option<&(Expr, Option<Expr>)>,
        locals: &Locals,
        depth: usize,
    ) -> Derived<'a> {
        let own = Layer { name: &run.name, body: run.body.iter().collect(), locals: locals.clone() };
        let mut derived = Derived::default();
        if let Some((base, at)) = from
            && depth < DEPTH
        {
            let sibling = match &base.kind {
                ExprKind::Name(name) => self.siblings.get(&name.text).cloned(),
                _ => None,
            };
            let found = match sibling {
                Some((below, index)) => Some((below, Base::Built(index))),
                None => self.base_run(base).map(|id| (self.derived(id, depth + 1), Base::Item(id))),
            };
            match (found, run.with) {
                (Some((below, _)), true) => derived = below,
                (Some((below, start)), false) => {
                    derived.layers = below.layers;
                    // A run that goes on from another one has stages of its own.
                    for layer in &mut derived.layers {
                        layer.body.retain(|m| match &m.kind {
                            MemberKind::Stage(_) => false,
                            MemberKind::Field { name, .. } => !OWN.contains(&name.text.as_str()),
                            _ => true,
                        });
                    }
                    derived.branch = Some(Branch {
                        base: start,
                        base_span: base.span,
                        at: at.clone().map(|e| (e, locals.clone())),
                        own: derived.layers.len(),
                    });
                }
                (None, _) => derived.broken = true,
            }
        }
        derived.layers.push(own);
        derived
    }

    /// The fields of a run, merged over its layers.
    pub fn run_fields(&mut self, layers: &[Layer<'_>]) -> Map<Field> {
        let mut fields: Map<Field> = Map::default();
        for (i, layer) in layers.iter().enumerate() {
            let above = layers.get(i + 1..).unwrap_or_default();
            let replaced: FxHashSet<&str> =
                above.iter().flat_map(|l| &l.body).filter_map(|m| replaces(m)).collect();
            let owner = format!("run `{}`", layer.name.text);
            for member in &layer.body {
                let MemberKind::Drop { name } = &member.kind else { continue };
                self.drop_field(&mut fields, layers.get(..i).unwrap_or_default(), name, &owner);
            }
            let (lost, kept): (Vec<&Member>, Vec<&Member>) = layer
                .body
                .iter()
                .copied()
                .filter(|m| !matches!(m.kind, MemberKind::Drop { .. }))
                .partition(|m| matches!(&m.kind, MemberKind::Field { name, .. } if replaced.contains(name.text.as_str())));
            let before = std::mem::replace(&mut self.partial, i > 0);
            let over = self.fields(kept, Some(&RUN), &owner, &layer.locals);
            self.partial = before;
            for (key, field) in over {
                let field = self.over(fields.get(&key), &key, field, &owner);
                fields.insert(key, field);
            }
            // Remembered for `explain`; the value above will take its place.
            for member in lost {
                if let MemberKind::Field { name, value } = &member.kind {
                    let old = fields.get(&name.text).map(|f| [f.before.clone(), vec![f.key]].concat());
                    let field = Field {
                        key: name.span,
                        node: Node::error(value.span),
                        before: old.unwrap_or_default(),
                    };
                    fields.insert(name.text.clone(), field);
                }
            }
        }
        fields
    }

    fn drop_field(&mut self, fields: &mut Map<Field>, below: &[Layer<'_>], name: &Ident, owner: &str) {
        if fields.shift_remove(&name.text).is_some() {
            return;
        }
        let stages = |l: &Layer<'_>| {
            l.body
                .iter()
                .filter_map(|m| match &m.kind {
                    MemberKind::Stage(s) => Some(s.name.text.clone()),
                    _ => None,
                })
                .collect::<Vec<_>>()
        };
        let names: Vec<String> = below.iter().flat_map(stages).collect();
        if names.contains(&name.text) {
            return;
        }
        let mut d = Diagnostic::error(
            "smol::record::drop",
            name.span,
            format!("nothing to drop: {owner} takes over no `{}`", name.text),
        );
        let known: Vec<&str> =
            names.iter().map(String::as_str).chain(fields.keys().map(String::as_str)).collect();
        if let Some(near) = nearest(&name.text, known) {
            d = d.help(format!("did you mean `{near}`?")).fix(name.span, near, Applicability::Unsafe);
        } else if below.is_empty() {
            d = d.help("`drop` belongs into a run that is derived from another one");
        }
        self.diagnostics.push(d);
    }

    /// A field laid over the one below it.
    fn over(&mut self, below: Option<&Field>, key: &str, field: Field, owner: &str) -> Field {
        let mut before = below.map(|f| [f.before.clone(), vec![f.key]].concat()).unwrap_or_default();
        let partial = match (&field.node.value, RUN.field(key).map(|f| &f.ty)) {
            (Value::Object(o), Some(Type::Block(_, what))) if o.schema.is_none() => Some((o.clone(), *what)),
            _ => None,
        };
        let Some((changes, what)) = partial else {
            let node = match (below.map(|f| &f.node.value), &field.node.value) {
                (Some(Value::Object(old)), Value::Object(new))
                    if old.schema.is_none() || new.schema.is_none() =>
                {
                    let mut fields = old.fields.clone();
                    super::record::merge(&mut fields, new.fields.clone());
                    let whole = Object { schema: old.schema.or(new.schema), fields, span: new.span };
                    Node::new(Value::Object(Rc::new(whole)), field.node.span)
                }
                _ => field.node,
            };
            return Field { key: field.key, node, before };
        };
        match below.map(|f| &f.node.value) {
            Some(Value::Object(base)) => {
                let Some(schema) = base.schema else {
                    return Field { node: Node::error(field.node.span), ..field };
                };
                let conformed = self.conform_to(&changes, schema);
                let mut fields = base.fields.clone();
                super::record::merge(&mut fields, conformed);
                let whole = Object { schema: Some(schema), fields, span: field.node.span };
                Field {
                    key: field.key,
                    node: Node::new(Value::Object(Rc::new(whole)), field.node.span),
                    before,
                }
            }
            Some(Value::Error) => Field { node: Node::error(field.node.span), key: field.key, before },
            _ => {
                before.clear();
                let d = Diagnostic::error(
                    "smol::type::mismatch",
                    field.node.span,
                    format!("`{key}` of {owner} takes {what}, found a record"),
                )
                .help("a bare record changes what a run takes over; here there is nothing to change");
                self.diagnostics.push(d);
                Field { node: Node::error(field.node.span), key: field.key, before }
            }
        }
    }

    /// The stages of a run, merged over its layers.
    pub fn run_stages<'p>(&mut self, layers: &[Layer<'p>]) -> Vec<StageLayers<'p>> {
        let mut stages: Vec<StageLayers<'p>> = Vec::new();
        for layer in layers {
            let mut written: Vec<&Ident> = Vec::new();
            let listed = layer.body.iter().find_map(|m| match &m.kind {
                MemberKind::Field { name, value } if name.text == "stages" => Some(value),
                _ => None,
            });
            let mut own: Vec<&'p ast::Stage> = Vec::new();
            if let Some(list) = listed {
                stages.clear();
                own = self.listed_stages(list);
            }
            for member in &layer.body {
                match &member.kind {
                    MemberKind::Stage(stage) => own.push(stage),
                    MemberKind::Drop { name } => stages.retain(|s| s.name.text != name.text),
                    _ => {}
                }
            }
            for stage in own {
                let first = written.iter().find(|n| n.text == stage.name.text);
                if let Some(first) = first {
                    let d = Diagnostic::error(
                        "smol::name::duplicate",
                        stage.name.span,
                        format!("run `{}` has two stages called `{}`", layer.name.text, stage.name.text),
                    )
                    .label("again here")
                    .also(first.span, "first here")
                    .help("rename one of them");
                    self.diagnostics.push(d);
                }
                let again = first.is_some();
                written.push(&stage.name);
                let with = |e: &'p Option<Expr>| e.as_ref().map(|e| (e, layer.locals.clone()));
                let body = (stage.body.as_slice(), layer.locals.clone());
                match stages.iter_mut().find(|s| s.name.text == stage.name.text && !again) {
                    Some(below) => {
                        below.name = &stage.name;
                        below.length = with(&stage.length).or(below.length.take());
                        below.until = with(&stage.until).or(below.until.take());
                        below.bodies.push(body);
                    }
                    None => stages.push(StageLayers {
                        name: &stage.name,
                        length: with(&stage.length),
                        until: with(&stage.until),
                        bodies: vec![body],
                    }),
                }
            }
        }
        stages
    }

    /// `stages: [ stage a for … { … }, … ]`
    fn listed_stages<'e>(&mut self, list: &'e Expr) -> Vec<&'e ast::Stage> {
        let ExprKind::List(items) = &list.kind else {
            if !matches!(list.kind, ExprKind::Error) {
                let d = Diagnostic::error("smol::type::mismatch", list.span, "`stages` is a list of stages")
                    .help("write `stages: [ stage web for 350B tokens { … } ]`");
                self.diagnostics.push(d);
            }
            return Vec::new();
        };
        items
            .iter()
            .filter_map(|item| match &item.kind {
                ExprKind::Record(members) => match members.as_slice() {
                    [Member { kind: MemberKind::Stage(stage), .. }] => Some(stage),
                    _ => None,
                },
                _ => None,
            })
            .collect()
    }

    /// The fields of a stage, merged over its bodies.
    pub fn stage_fields(&mut self, stage: &StageLayers<'_>) -> Map<Field> {
        let owner = format!("stage `{}`", stage.name.text);
        let mut fields: Map<Field> = Map::default();
        for (i, (body, locals)) in stage.bodies.iter().enumerate() {
            let above = stage.bodies.get(i + 1..).unwrap_or_default();
            let replaced: FxHashSet<&str> =
                above.iter().flat_map(|(b, _)| b.iter()).filter_map(replaces).collect();
            for member in body.iter() {
                if let MemberKind::Drop { name } = &member.kind
                    && fields.shift_remove(&name.text).is_none()
                {
                    let d = Diagnostic::error(
                        "smol::record::drop",
                        name.span,
                        format!("nothing to drop: {owner} takes over no `{}`", name.text),
                    );
                    self.diagnostics.push(d);
                }
            }
            let kept = body.iter().filter(|m| match &m.kind {
                MemberKind::Drop { .. } => false,
                MemberKind::Field { name, .. } => !replaced.contains(name.text.as_str()),
                _ => true,
            });
            self.owner.clone_from(&owner);
            let over = self.fields(kept, Some(&crate::schema::stage::STAGE), &owner, locals);
            self.owner.clear();
            for (key, field) in over {
                let before =
                    fields.get(&key).map(|f| [f.before.clone(), vec![f.key]].concat()).unwrap_or_default();
                fields.insert(key, Field { before, ..field });
            }
        }
        fields
    }

    /// `pretrain.anneal`, `pretrain.lr`
    pub(super) fn run_member(&mut self, id: ItemId, member: &Ident, span: Span) -> Node {
        let layers = self.derived(id, 0).layers;
        let stages = self.run_stages(&layers);
        if stages.iter().any(|s| s.name.text == member.text) {
            return Node::new(Value::Stage(id, member.text.clone()), span);
        }
        if RUN.field(&member.text).is_some() && member.text != "stages" {
            let fields = self.run_fields(&layers);
            return match fields.get(&member.text) {
                Some(field) => Node::new(field.node.value.clone(), span),
                None => {
                    let run = layers.last().map_or("", |l| l.name.text.as_str());
                    let d = Diagnostic::error(
                        "smol::record::unknown",
                        member.span,
                        format!("run `{run}` sets no `{}`", member.text),
                    );
                    self.fail(span, d)
                }
            };
        }
        let names: Vec<&str> =
            stages.iter().map(|s| s.name.text.as_str()).chain(RUN.fields.iter().map(|f| f.name)).collect();
        let run = layers.last().map_or("", |l| l.name.text.as_str());
        let mut d = Diagnostic::error(
            "smol::record::unknown",
            member.span,
            format!("run `{run}` has no stage or field `{}`", member.text),
        );
        if let Some(near) = nearest(&member.text, names) {
            d = d.help(format!("did you mean `{near}`?")).fix(member.span, near, Applicability::Unsafe);
        }
        self.fail(span, d)
    }

    /// `pretrain.anneal.mix`
    pub(super) fn stage_member(&mut self, id: ItemId, stage: &str, member: &Ident, span: Span) -> Node {
        let layers = self.derived(id, 0).layers;
        let stages = self.run_stages(&layers);
        let Some(found) = stages.iter().find(|s| s.name.text == stage) else { return Node::error(span) };
        if member.text != "mix" {
            let d = Diagnostic::error(
                "smol::record::unknown",
                member.span,
                format!("a stage gives its `mix`, not `{}`", member.text),
            );
            return self.fail(span, d);
        }
        let owner = std::mem::take(&mut self.owner);
        let fields = self.stage_fields(found);
        self.owner = owner;
        match fields.get("mix") {
            Some(field) => Node::new(field.node.value.clone(), span),
            None => Node::error(span),
        }
    }
}

/// The field a member sets whole, so that nothing of what is below it counts.
fn replaces(member: &Member) -> Option<&str> {
    match &member.kind {
        MemberKind::Field { name, value } if !matches!(value.kind, ExprKind::Record(_)) => Some(&name.text),
        MemberKind::Drop { name } => Some(&name.text),
        _ => None,
    }
}
