//! Reading a spec and everything it imports, each file once.

use crate::builtin::Builtin;
use crate::value::{ItemId, Map};
use crate::walk::{Names, walk_item};
use crate::world::World;
use rustc_hash::FxHashMap;
use smolc_diag::suggest::nearest;
use smolc_diag::{Applicability, Diagnostic, FileId, Sources, Span};
use smolc_syntax::ast;
use smolc_syntax::ast::{ExprKind, ItemKind, UseSource};

/// The standard library, embedded.
pub const STD: &[(&str, &str)] = &[
    ("evals", include_str!("../../../stdlib/evals.smol")),
    ("mixes", include_str!("../../../stdlib/mixes.smol")),
    ("models", include_str!("../../../stdlib/models.smol")),
    ("schedules", include_str!("../../../stdlib/schedules.smol")),
    ("suites", include_str!("../../../stdlib/suites.smol")),
    ("targets", include_str!("../../../stdlib/targets.smol")),
    ("templates", include_str!("../../../stdlib/templates.smol")),
];

/// A file of the program.
#[derive(Debug)]
pub struct Module {
    /// Its source.
    pub file: FileId,
    /// Path, or `std.schedules`.
    pub path: String,
    /// The tree.
    pub ast: ast::File,
    /// What its names mean; filled by [`crate::names`].
    pub scope: Map<Bound>,
    /// Module that each `use` item reads, by item index.
    pub imports: FxHashMap<usize, usize>,
    /// Put in front of the names of its datasets and tokenizers: `data.`; empty for the spec itself.
    pub prefix: String,
    /// Part of the standard library.
    pub std: bool,
}

/// A name in scope.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// What it means.
    pub target: Target,
    /// Where it was introduced.
    pub span: Span,
}

/// What a name means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// An item.
    Item(ItemId),
    /// A module.
    Module(usize),
    /// Something of the compiler's.
    Builtin(Builtin),
    /// Something that could not be read; uses of it are not reported again.
    Unknown,
}

/// All files of a compilation.
#[derive(Debug, Default)]
pub struct Program {
    /// Modules; the spec is the first.
    pub modules: Vec<Module>,
    /// Module by source file.
    pub by_file: FxHashMap<FileId, usize>,
}

impl Program {
    /// The module an expression stands in.
    pub fn module_of(&self, span: Span) -> Option<&Module> {
        self.by_file.get(&span.file).and_then(|i| self.modules.get(*i))
    }

    /// The module `std.NAME`, if some file names it.
    fn std_module(&self, name: &str) -> Option<usize> {
        let path = format!("std.{name}");
        self.modules.iter().position(|m| m.std && m.path == path)
    }

    /// The name of the module that `std.NAME` names without a `use`, and the module if there is one. Local names are the
    /// caller's to know.
    pub fn named_std<'e>(&self, base: &'e ast::Expr) -> Option<(&'e ast::Ident, Option<usize>)> {
        let ExprKind::Member(root, module) = &base.kind else { return None };
        match &root.kind {
            ExprKind::Name(std) if std.text == "std" && self.lookup(std).is_none() => {
                Some((module, self.std_module(&module.text)))
            }
            _ => None,
        }
    }

    /// An item.
    pub fn item(&self, id: ItemId) -> Option<&ast::Item> {
        self.modules.get(id.module).and_then(|m| m.ast.items.get(id.item))
    }
}

/// Reads files into a [`Program`].
pub struct Loader<'a> {
    /// Where files come from.
    pub world: &'a dyn World,
    /// Sources read so far.
    pub sources: &'a mut Sources,
    /// Diagnostics so far.
    pub diagnostics: &'a mut Vec<Diagnostic>,
    /// The program so far.
    pub program: Program,
    modules: FxHashMap<String, usize>,
    /// Files being read, outermost first, with the `use` that led to each.
    stack: Vec<(String, Option<Span>)>,
}

impl<'a> Loader<'a> {
    /// A loader of nothing yet.
    pub fn new(
        world: &'a dyn World,
        sources: &'a mut Sources,
        diagnostics: &'a mut Vec<Diagnostic>,
    ) -> Loader<'a> {
        Loader {
            world,
            sources,
            diagnostics,
            program: Program::default(),
            modules: FxHashMap::default(),
            stack: Vec::new(),
        }
    }

    /// Reads the spec and its imports.
    pub fn load(mut self, path: &str) -> Program {
        match self.world.read_file(path) {
            Ok(text) => {
                self.add(path, text, String::new(), None, false);
            }
            Err(error) => {
                let file = self.sources.add(path, "");
                self.diagnostics.push(
                    Diagnostic::error(
                        "smol::file::read",
                        Span::new(file, 0, 0),
                        format!("`{path}` cannot be read: {}", describe(&error)),
                    )
                    .help("give the path of a spec, such as `specs/quickstart.smol`"),
                );
            }
        }
        self.program
    }

    fn add(&mut self, path: &str, text: String, prefix: String, at: Option<Span>, std: bool) -> usize {
        let file = self.sources.add(path, text);
        let parsed = self.world.parse(file, self.sources.text(file));
        self.diagnostics.extend(parsed.diagnostics);
        let index = self.program.modules.len();
        self.program.by_file.insert(file, index);
        self.modules.insert(path.to_string(), index);
        let uses: Vec<(usize, ast::Use, Span)> = parsed
            .file
            .items
            .iter()
            .enumerate()
            .filter_map(|(i, item)| match &item.kind {
                ItemKind::Use(u) => Some((i, u.clone(), item.span)),
                _ => None,
            })
            .collect();
        self.program.modules.push(Module {
            file,
            path: path.to_string(),
            ast: parsed.file,
            scope: Map::default(),
            imports: FxHashMap::default(),
            prefix,
            std,
        });
        self.stack.push((path.to_string(), at));
        for (i, u, span) in uses {
            if let Some(module) = self.import(path, &u, span)
                && let Some(m) = self.program.modules.get_mut(index)
            {
                m.imports.insert(i, module);
            }
        }
        for name in self.unused_std(index) {
            self.import_std(&name, at.unwrap_or(Span::new(file, 0, 0)));
        }
        self.stack.pop();
        index
    }

    /// Modules of the standard library that a file names without a `use`: `std.evals.gsm8k`.
    fn unused_std(&self, index: usize) -> Vec<Vec<ast::Ident>> {
        let mut out: Vec<Vec<ast::Ident>> = Vec::new();
        // Nearly no file names one, and to look through every expression takes as long as to parse them again.
        let text = self.program.modules.get(index).map_or("", |m| self.sources.text(m.file));
        if text.matches("std.").count() == text.matches("use std.").count() {
            return out;
        }
        let items = self.program.modules.get(index).map(|m| m.ast.items.as_slice()).unwrap_or_default();
        for item in items {
            let mut names = Names::default();
            walk_item(&item.kind, &mut names);
            for reference in names.references {
                let Some(member) = reference.member.filter(|_| reference.name.text == "std") else {
                    continue;
                };
                // One that is not there is reported with the other names.
                if STD.iter().any(|(n, _)| *n == member.text)
                    && !out.iter().any(|o| o.iter().any(|i| i.text == member.text))
                {
                    out.push(vec![reference.name.clone(), member.clone()]);
                }
            }
        }
        out
    }

    fn import(&mut self, from: &str, u: &ast::Use, span: Span) -> Option<usize> {
        match &u.source {
            UseSource::Path(segments) => self.import_std(segments, span),
            UseSource::File(path, path_span) => {
                let resolved = self.world.resolve(from, path);
                if self.stack.iter().any(|(p, _)| *p == resolved) {
                    self.cycle(&resolved, *path_span);
                    return None;
                }
                if let Some(module) = self.modules.get(&resolved) {
                    return Some(*module);
                }
                let prefix = u.alias.as_ref().map_or_else(String::new, |a| format!("{}.", a.text));
                match self.world.read_file(&resolved) {
                    Ok(text) => Some(self.add(&resolved, text, prefix, Some(*path_span), false)),
                    Err(error) => {
                        self.diagnostics.push(
                            Diagnostic::error(
                                "smol::file::import",
                                *path_span,
                                format!("`{resolved}` cannot be read: {}", describe(&error)),
                            )
                            .label("imported here")
                            .help("paths are relative to the file that imports them"),
                        );
                        None
                    }
                }
            }
        }
    }

    fn import_std(&mut self, segments: &[ast::Ident], span: Span) -> Option<usize> {
        let texts: Vec<&str> = segments.iter().map(|s| s.text.as_str()).collect();
        let known = STD.iter().map(|(name, _)| *name);
        let (text, name) = match texts.as_slice() {
            ["std", name] => match STD.iter().find(|(n, _)| n == name) {
                Some((name, text)) => (*text, *name),
                None => {
                    let at = segments.last().map_or(span, |s| s.span);
                    let mut d = Diagnostic::error(
                        "smol::file::import",
                        at,
                        format!("the standard library has no module `{name}`"),
                    )
                    .help(format!("it has {}", list(known.clone().map(|n| format!("`std.{n}`")))));
                    if let Some(near) = nearest(name, known) {
                        d = d.fix(at, near, Applicability::Unsafe);
                    }
                    self.diagnostics.push(d);
                    return None;
                }
            },
            _ => {
                self.diagnostics.push(
                    Diagnostic::error(
                        "smol::file::import",
                        segments.first().map_or(span, |s| s.span),
                        format!("there is no module `{}`", texts.join(".")),
                    )
                    .help("write `use std.NAME` for the standard library, or `use \"file.smol\" as name`"),
                );
                return None;
            }
        };
        let path = format!("std.{name}");
        match self.modules.get(&path) {
            Some(module) => Some(*module),
            None => Some(self.add(&path, text.to_string(), String::new(), Some(span), true)),
        }
    }

    fn cycle(&mut self, path: &str, span: Span) {
        let start = self.stack.iter().position(|(p, _)| p == path).unwrap_or(0);
        let ring = self.stack.get(start..).unwrap_or_default();
        let mut hops: Vec<&str> = ring.iter().map(|(p, _)| p.as_str()).collect();
        hops.push(path);
        let mut d = Diagnostic::error(
            "smol::file::cycle",
            span,
            format!("files import each other in a ring: {}", hops.join(" → ")),
        )
        .label("closes the ring");
        for (p, at) in ring.iter().skip(1) {
            if let Some(at) = at {
                d = d.also(*at, format!("imports `{p}`"));
            }
        }
        self.diagnostics.push(d.help("move what both files need into a third one"));
    }
}

/// `a`, `a and b`, `a, b and c`
pub fn list(items: impl IntoIterator<Item = String>) -> String {
    let mut items: Vec<String> = items.into_iter().collect();
    match items.pop() {
        None => String::new(),
        Some(last) if items.is_empty() => last,
        Some(last) => format!("{} and {last}", items.join(", ")),
    }
}

fn describe(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file".into(),
        std::io::ErrorKind::InvalidData => "it is not UTF-8 text".into(),
        std::io::ErrorKind::IsADirectory => "it is a directory".into(),
        _ => error.to_string(),
    }
}
