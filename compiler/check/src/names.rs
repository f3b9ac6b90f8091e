//! What names mean: scopes, duplicates, shadowing, unknown names, unused items and rings of items.
//!
//! Names are resolved before anything is evaluated, so that a name nobody ever evaluates is checked too. Evaluation
//! meets unknown names as errors that have been reported.

use crate::builtin::Builtin;
use crate::load::{Bound, Program, Target, list};
use crate::value::{ItemId, Map};
use crate::walk::{Names, walk_item};
use rustc_hash::{FxHashMap, FxHashSet};
use smolc_diag::suggest::nearest;
use smolc_diag::{Applicability, Diagnostic, Span};
use smolc_syntax::ast::{Ident, ItemKind};
use std::borrow::Cow;

/// The name an item defines, and what its keyword is.
pub fn defined(kind: &ItemKind) -> Option<(&Ident, &str)> {
    match kind {
        ItemKind::Param { name, .. } => Some((name, "param")),
        ItemKind::Let { name, .. } => Some((name, "let")),
        ItemKind::Fn(f) => Some((&f.name, "fn")),
        ItemKind::Define { keyword, name, .. } => Some((name, keyword.text.as_str())),
        ItemKind::Run(run) => Some((&run.name, "run")),
        ItemKind::Sweep { name, .. } => Some((name, "sweep")),
        ItemKind::Target { name, .. } => Some((name, "target")),
        ItemKind::Error { name, .. } => name.as_ref().map(|n| (n, "item")),
        ItemKind::Use(_) => None,
    }
}

/// Fills the scope of every module.
pub fn bind(program: &mut Program, out: &mut Vec<Diagnostic>) {
    let exports: Vec<FxHashMap<String, Target>> =
        (0..program.modules.len()).map(|m| exports(program, m)).collect();
    for (m, module) in program.modules.iter_mut().enumerate() {
        let mut scope: Map<Bound> = Map::default();
        let mut add = |name: &Ident, target: Target, out: &mut Vec<Diagnostic>| match scope.get(&name.text) {
            Some(first) => out.push(
                Diagnostic::error(
                    "smol::name::duplicate",
                    name.span,
                    format!("`{}` is defined twice in this file", name.text),
                )
                .label("again here")
                .also(first.span, "first here")
                .help("rename one of them"),
            ),
            None => {
                scope.insert(name.text.clone(), Bound { target, span: name.span });
            }
        };
        for (i, item) in module.ast.items.iter().enumerate() {
            if let ItemKind::Use(u) = &item.kind {
                let source = module.imports.get(&i);
                for name in &u.names {
                    let target = match source.and_then(|s| exports.get(*s)) {
                        None => Target::Unknown,
                        Some(names) => names.get(&name.text).copied().unwrap_or_else(|| {
                            out.push(not_exported(name, names.keys().map(String::as_str)));
                            Target::Unknown
                        }),
                    };
                    add(name, target, out);
                }
                if let Some(name) =
                    u.alias.as_ref().or(if u.names.is_empty() { last_segment(u) } else { None })
                {
                    add(name, source.map_or(Target::Unknown, |s| Target::Module(*s)), out);
                }
            } else if let Some((name, _)) = defined(&item.kind) {
                if !module.std && Builtin::PRELUDE.iter().any(|b| b.name() == name.text) {
                    out.push(
                        Diagnostic::warning(
                            "smol::name::shadowed",
                            name.span,
                            format!("`{}` hides the builtin function of that name in this file", name.text),
                        )
                        .help("rename it"),
                    );
                }
                add(name, Target::Item(ItemId { module: m, item: i }), out);
            }
        }
        for b in Builtin::exported_by(&module.path) {
            let bound = Bound { target: Target::Builtin(*b), span: Span::new(module.file, 0, 0) };
            scope.entry(b.name().to_string()).or_insert(bound);
        }
        module.scope = scope;
    }
}

fn last_segment(u: &smolc_syntax::ast::Use) -> Option<&Ident> {
    match &u.source {
        smolc_syntax::ast::UseSource::Path(segments) => segments.last(),
        smolc_syntax::ast::UseSource::File(..) => None,
    }
}

/// What other modules may take from a module: its own items, not what it imports.
fn exports(program: &Program, m: usize) -> FxHashMap<String, Target> {
    let Some(module) = program.modules.get(m) else { return FxHashMap::default() };
    let mut out = FxHashMap::default();
    let builtins = Builtin::exported_by(&module.path).iter();
    out.extend(builtins.map(|b| (b.name().to_string(), Target::Builtin(*b))));
    for (i, item) in module.ast.items.iter().enumerate() {
        if let Some((name, _)) = defined(&item.kind) {
            out.entry(name.text.clone()).or_insert(Target::Item(ItemId { module: m, item: i }));
        }
    }
    out
}

pub(crate) fn not_exported<'a>(name: &Ident, names: impl Iterator<Item = &'a str>) -> Diagnostic {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    let d = Diagnostic::error("smol::name::unknown", name.span, format!("the module has no `{}`", name.text));
    with_nearest(d, name, names)
}

fn with_nearest<'a>(
    d: Diagnostic,
    name: &Ident,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Diagnostic {
    match nearest(&name.text, candidates) {
        Some(near) => d.help(format!("did you mean `{near}`?")).fix(name.span, near, Applicability::Unsafe),
        None => d,
    }
}

impl Program {
    /// What a name means where it stands.
    pub fn lookup(&self, name: &Ident) -> Option<Target> {
        let module = self.module_of(name.span)?;
        module
            .scope
            .get(&name.text)
            .map(|b| b.target)
            .or_else(|| Builtin::PRELUDE.iter().find(|b| b.name() == name.text).map(|b| Target::Builtin(*b)))
    }

    /// What a module's member means: an item of its own, not what it imports.
    pub fn member(&self, module: usize, name: &str) -> Option<Target> {
        let target = self.modules.get(module)?.scope.get(name)?.target;
        match target {
            Target::Item(id) if id.module == module => Some(target),
            Target::Builtin(_) => Some(target),
            _ => None,
        }
    }
}

/// Items that are defined by themselves.
pub type Ring = FxHashSet<ItemId>;

/// Resolves every name of every module; yields the items that take part in a ring, which must not be evaluated.
pub fn resolve(program: &Program, out: &mut Vec<Diagnostic>) -> Ring {
    let mut edges: FxHashMap<ItemId, Vec<(ItemId, Span)>> = FxHashMap::default();
    let mut used: FxHashSet<ItemId> = FxHashSet::default();
    // Of the spec itself: only its own imports are asked for.
    let mut used_names: FxHashSet<Cow<'_, str>> = FxHashSet::default();
    for (m, module) in program.modules.iter().enumerate() {
        for (i, item) in module.ast.items.iter().enumerate() {
            let id = ItemId { module: m, item: i };
            let mut names = Names::default();
            walk_item(&item.kind, &mut names);
            for (name, of) in &names.shadowed {
                if program.lookup(name).is_some() && !module.std {
                    out.push(shadowed(program, name, of));
                }
            }
            for name in &names.types {
                if crate::types::Type::named(&name.text).is_none() {
                    let d = Diagnostic::error(
                        "smol::name::unknown",
                        name.span,
                        format!("there is no type `{}`", name.text),
                    );
                    out.push(with_nearest(d, name, crate::types::NAMED.iter().map(|(n, _)| *n)));
                }
            }
            for name in &names.soft {
                if m == 0 {
                    used_names.insert(Cow::Borrowed(&name.text));
                }
                if let Some(Target::Item(to)) = program.lookup(name) {
                    used.insert(to);
                }
            }
            for reference in &names.references {
                if m == 0 {
                    used_names.insert(Cow::Borrowed(&reference.name.text));
                }
                match program.lookup(reference.name) {
                    None if reference.name.text == "std" => {
                        let modules = || crate::load::STD.iter().map(|(n, _)| *n);
                        let known = || format!("it has {}", list(modules().map(|n| format!("`std.{n}`"))));
                        match &reference.member {
                            Some(member) if modules().any(|n| n == member.text) => {}
                            Some(member) => {
                                let d = Diagnostic::error(
                                    "smol::name::unknown",
                                    member.span,
                                    format!("the standard library has no module `{}`", member.text),
                                );
                                out.push(match nearest(&member.text, modules()) {
                                    Some(_) => with_nearest(d, member, modules()),
                                    None => d.help(known()),
                                });
                            }
                            None => out.push(
                                Diagnostic::error(
                                    "smol::name::unknown",
                                    reference.name.span,
                                    "`std` is the standard library, and not a value",
                                )
                                .help(known()),
                            ),
                        }
                    }
                    None => {
                        let d = unknown(program, m, reference.name, &reference.locals);
                        // What was most likely meant counts as used: one slip is one diagnostic.
                        let meant = d.fix.iter().flat_map(|f| &f.edits).map(|e| e.text.clone());
                        for text in meant {
                            if let Some(Target::Item(to)) = module.scope.get(&text).map(|b| b.target) {
                                used.insert(to);
                            }
                            if m == 0 {
                                used_names.insert(Cow::Owned(text));
                            }
                        }
                        out.push(d);
                    }
                    Some(Target::Item(to)) => {
                        if to != id {
                            used.insert(to);
                        }
                        edges.entry(id).or_default().push((to, reference.name.span));
                    }
                    Some(Target::Module(to)) => {
                        let Some(member) = &reference.member else { continue };
                        match program.member(to, &member.text) {
                            Some(Target::Item(item)) => {
                                used.insert(item);
                                edges.entry(id).or_default().push((item, member.span));
                            }
                            Some(_) => {}
                            None => {
                                let names = program.modules.get(to).map(|m| m.scope.keys());
                                out.push(not_exported(
                                    member,
                                    names.into_iter().flatten().map(String::as_str),
                                ));
                            }
                        }
                    }
                    Some(Target::Builtin(_) | Target::Unknown) => {}
                }
            }
        }
    }
    let ring = rings(program, &edges, out);
    unused(program, &used, &used_names, out);
    ring
}

fn shadowed(program: &Program, name: &Ident, of: &str) -> Diagnostic {
    let d = Diagnostic::warning(
        "smol::name::shadowed",
        name.span,
        format!("{of} `{}` hides the item of that name", name.text),
    );
    let first = program.module_of(name.span).and_then(|m| m.scope.get(&name.text));
    match first {
        Some(first) => d.label("hides it in here").also(first.span, "the item"),
        None => d,
    }
    .help("rename one of them")
}

fn unknown(program: &Program, m: usize, name: &Ident, locals: &[&str]) -> Diagnostic {
    let d = Diagnostic::error("smol::name::unknown", name.span, format!("there is no `{}` here", name.text));
    // A name of the standard library that was not imported: say how.
    for (module, _) in crate::load::STD {
        let std = program.modules.iter().position(|x| x.path == format!("std.{module}"));
        let exported = match std {
            Some(i) => exports(program, i).contains_key(&name.text),
            None => std_defines(module, &name.text),
        };
        if exported {
            let at = program.modules.get(m).map_or(name.span, |x| {
                let first = x.ast.items.first().map_or(0, |i| i.span.start as usize);
                Span::new(x.file, first, first)
            });
            let text = format!("use std.{module}.{{{}}}\n", name.text);
            return d.help(format!("import it: `{}`", text.trim_end())).fix(at, text, Applicability::Safe);
        }
    }
    let scope = program.modules.get(m).map(|x| x.scope.keys().map(String::as_str));
    let candidates = locals
        .iter()
        .copied()
        .chain(scope.into_iter().flatten())
        .chain(Builtin::PRELUDE.iter().map(|b| b.name()));
    with_nearest(d, name, candidates)
}

/// Whether a standard module that this program does not load defines a name; read off its text, items being in
/// column 0.
fn std_defines(module: &str, name: &str) -> bool {
    if Builtin::exported_by(&format!("std.{module}")).iter().any(|b| b.name() == name) {
        return true;
    }
    let text = crate::load::STD.iter().find(|(n, _)| *n == module).map_or("", |(_, t)| t);
    ["fn", "model", "let", "eval", "suite", "mix"].iter().any(|keyword| {
        text.lines().any(|line| {
            line.strip_prefix(keyword)
                .and_then(|rest| rest.trim_start().strip_prefix(name))
                .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
        })
    })
}

fn rings(
    program: &Program,
    edges: &FxHashMap<ItemId, Vec<(ItemId, Span)>>,
    out: &mut Vec<Diagnostic>,
) -> FxHashSet<ItemId> {
    let mut done: FxHashSet<ItemId> = FxHashSet::default();
    let mut in_ring = FxHashSet::default();
    let mut starts: Vec<ItemId> = edges.keys().copied().collect();
    starts.sort_unstable();
    for start in starts {
        // Depth first with an explicit path: a spec may be written by a program.
        let mut path: Vec<(ItemId, usize, Span)> = Vec::new();
        if done.contains(&start) {
            continue;
        }
        path.push((start, 0, Span::default()));
        while let Some(top) = path.last_mut() {
            let next = edges.get(&top.0).and_then(|e| e.get(top.1)).copied();
            top.1 += 1;
            match next {
                None => {
                    done.insert(top.0);
                    path.pop();
                }
                Some((to, span)) => {
                    if let Some(from) = path.iter().position(|(id, ..)| *id == to) {
                        let ring = path.get(from..).unwrap_or_default();
                        let ids: Vec<ItemId> = ring.iter().map(|(id, ..)| *id).collect();
                        if ids.iter().all(|id| in_ring.contains(id)) {
                            continue;
                        }
                        out.push(ring_diagnostic(program, &ids, span, ring));
                        in_ring.extend(ids);
                    } else if !done.contains(&to) {
                        path.push((to, 0, span));
                    }
                }
            }
        }
    }
    in_ring
}

fn ring_diagnostic(
    program: &Program,
    ids: &[ItemId],
    closing: Span,
    path: &[(ItemId, usize, Span)],
) -> Diagnostic {
    let name = |id: &ItemId| {
        program.item(*id).and_then(|i| defined(&i.kind)).map_or(String::new(), |(n, _)| n.text.clone())
    };
    let mut names: Vec<String> = ids.iter().map(name).collect();
    names.extend(ids.first().map(name));
    let message = match ids {
        [only] => format!("`{}` is defined by itself", name(only)),
        _ => format!("items are defined by each other in a ring: {}", names.join(" → ")),
    };
    let mut d = Diagnostic::error("smol::name::cycle", closing, message).label("closes the ring");
    for (id, _, at) in path.iter().skip(1) {
        d = d.also(*at, format!("uses `{}`", name(id)));
    }
    d.help("there is no recursion: write one of them without the other")
}

fn unused(
    program: &Program,
    used: &FxHashSet<ItemId>,
    used_names: &FxHashSet<Cow<'_, str>>,
    out: &mut Vec<Diagnostic>,
) {
    // Only in the spec itself: a file that is imported is a library. A spec without a run is one too.
    let Some(spec) = program.modules.first() else { return };
    // What did not parse may use anything.
    if smolc_syntax::visit::is_broken(&spec.ast) {
        return;
    }
    let trains = spec.ast.items.iter().any(|i| matches!(i.kind, ItemKind::Run(_) | ItemKind::Sweep { .. }));
    for (i, item) in spec.ast.items.iter().enumerate() {
        if let ItemKind::Use(u) = &item.kind {
            let idle: Vec<&Ident> = u
                .names
                .iter()
                .chain(u.alias.as_ref())
                .filter(|n| !used_names.contains(n.text.as_str()))
                // What could not be imported was reported.
                .filter(|n| spec.scope.get(&n.text).is_some_and(|b| b.target != Target::Unknown))
                .collect();
            if let Some(first) = idle.first() {
                let names = list(idle.iter().map(|n| format!("`{}`", n.text)));
                let are = if idle.len() == 1 { "is" } else { "are" };
                out.push(
                    Diagnostic::warning(
                        "smol::name::unused",
                        first.span,
                        format!("{names} {are} imported but not used"),
                    )
                    .help("remove it from the `use`"),
                );
            }
            continue;
        }
        let Some((name, keyword)) = defined(&item.kind) else { continue };
        let counts = matches!(keyword, "run" | "sweep" | "target" | "item");
        if trains && !counts && !used.contains(&ItemId { module: 0, item: i }) {
            out.push(
                Diagnostic::warning(
                    "smol::name::unused",
                    name.span,
                    match keyword {
                        "let" => format!("`{}` is not used", name.text),
                        "fn" => format!("the function `{}` is not used", name.text),
                        "param" => format!("the parameter `{}` is not used", name.text),
                        other => format!("the {other} `{}` is not used", name.text),
                    },
                )
                .help(
                    "use it, remove it, or say why it stays: `#[allow(smol::name::unused, reason = \"…\")]`",
                ),
            );
        }
    }
}
