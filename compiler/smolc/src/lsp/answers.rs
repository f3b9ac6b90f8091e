//! Every request that is answered.

use super::Server;
use super::convert::{address, plain};
use super::dispatch::Refusal;
use crate::failure::Failure;
use crate::output::Stream;
use crate::spec::select;
use crate::{plan_html, plan_text};
use serde_json::{Value, json};
use smolc_diag::LineIndex;
use smolc_ide::{
    ActionKind, Analysis, CompletionKind, FoldKind, Place, SymbolKind, SymbolNode, actions, complete,
    definition, document_symbols, folds, highlights, hints, hover, lenses, occurrences, prepare_rename,
    rename, selection, semantic_tokens, signature, workspace_symbols,
};
use smolc_syntax::format::format;
use std::collections::BTreeSet;

type Answer = Result<Value, Refusal>;

impl Server<'_> {
    /// Asks about the spec that a request's text document is.
    fn ask<T>(
        &self,
        params: &Value,
        question: impl FnOnce(&Analysis<'_>, &str) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let path = self.path_of(params)?;
        let world = self.documents.world();
        let analysis = Analysis::new(&world, &path, &[]);
        question(&analysis, &path)
    }

    pub(super) fn hover(&self, params: &Value) -> Answer {
        self.ask(params, |analysis, path| {
            let at = self.at(analysis, params)?;
            let index = LineIndex::new(analysis.text(path));
            Ok(match hover(analysis, &at.path, at.offset) {
                Some(h) => json!({
                    "contents": { "kind": "markdown", "value": h.text },
                    "range": self.wire.range(&index, h.place.start, h.place.end),
                }),
                None => Value::Null,
            })
        })
    }

    pub(super) fn completion(&self, params: &Value) -> Answer {
        self.ask(params, |analysis, path| {
            let at = self.at(analysis, params)?;
            let index = LineIndex::new(analysis.text(path));
            let items = complete(analysis, &at.path, at.offset).into_iter().map(|c| {
                let snippet = self.wire.snippets && c.insert.contains('$');
                let text = if snippet { c.insert.clone() } else { plain(&c.insert) };
                let mut item = json!({
                    "label": c.label,
                    "kind": completion_kind(c.kind),
                    "sortText": format!("{:02}{}", c.rank, c.label),
                    "insertTextFormat": if snippet { 2 } else { 1 },
                    "textEdit": { "range": self.wire.range(&index, c.replace.0, c.replace.1), "newText": text },
                });
                if let Some(map) = item.as_object_mut() {
                    if !c.detail.is_empty() {
                        map.insert("detail".into(), json!(c.detail));
                    }
                    if !c.doc.is_empty() {
                        map.insert("documentation".into(), json!({ "kind": "markdown", "value": c.doc }));
                    }
                }
                item
            });
            Ok(items.collect())
        })
    }

    pub(super) fn signature_help(&self, params: &Value) -> Answer {
        self.ask(params, |analysis, _| {
            let at = self.at(analysis, params)?;
            Ok(match signature(analysis, &at.path, at.offset) {
                Some(s) => {
                    let parameters: Vec<Value> = s.parameters.iter().map(|p| json!({ "label": p })).collect();
                    let mut one = json!({
                        "label": s.label,
                        "parameters": parameters,
                        "documentation": { "kind": "markdown", "value": s.doc },
                    });
                    if let (Some(active), Some(map)) = (s.active, one.as_object_mut()) {
                        map.insert("activeParameter".into(), json!(active));
                    }
                    json!({ "signatures": [one], "activeSignature": 0 })
                }
                None => Value::Null,
            })
        })
    }

    pub(super) fn definition(&self, params: &Value) -> Answer {
        self.ask(params, |analysis, _| {
            let at = self.at(analysis, params)?;
            let place = definition(analysis, &at.path, at.offset);
            Ok(place.and_then(|p| self.wire.location(analysis, &p)).unwrap_or(Value::Null))
        })
    }

    /// Every mention of a place's name in every spec of the workspace, each once.
    fn everywhere(&self, definition: &Place) -> Vec<(Value, bool)> {
        let (world, (roots, _)) = (self.documents.world(), self.documents.roots());
        let (mut seen, mut out) = (BTreeSet::new(), Vec::new());
        for root in roots {
            let analysis = Analysis::new(&world, &root, &[]);
            for (place, declares) in occurrences(&analysis, definition) {
                if let Some(location) = self.wire.location(&analysis, &place)
                    && seen.insert(place)
                {
                    out.push((location, declares));
                }
            }
        }
        out
    }

    pub(super) fn references(&self, params: &Value) -> Answer {
        let declared = params.pointer("/context/includeDeclaration").and_then(Value::as_bool).unwrap_or(true);
        let place = self.ask(params, |analysis, _| {
            let at = self.at(analysis, params)?;
            Ok(definition(analysis, &at.path, at.offset))
        })?;
        let Some(place) = place else { return Ok(Value::Null) };
        Ok(self.everywhere(&place).into_iter().filter(|(_, d)| declared || !d).map(|(l, _)| l).collect())
    }

    pub(super) fn highlight(&self, params: &Value) -> Answer {
        self.ask(params, |analysis, path| {
            let at = self.at(analysis, params)?;
            let index = LineIndex::new(analysis.text(path));
            let list = highlights(analysis, &at.path, at.offset).into_iter();
            let each = list.map(|(p, writes)| {
                json!({ "range": self.wire.range(&index, p.start, p.end), "kind": if writes { 3 } else { 2 } })
            });
            Ok(each.collect())
        })
    }

    pub(super) fn document_symbols(&self, params: &Value) -> Answer {
        self.ask(params, |analysis, path| {
            let index = LineIndex::new(analysis.text(path));
            Ok(document_symbols(analysis, path).iter().map(|s| self.symbol(&index, s)).collect())
        })
    }

    fn symbol(&self, index: &LineIndex<'_>, s: &SymbolNode) -> Value {
        let children: Vec<Value> = s.children.iter().map(|c| self.symbol(index, c)).collect();
        json!({
            "name": s.name,
            "detail": s.detail,
            "kind": symbol_kind(s.kind),
            "range": self.wire.range(index, s.whole.start, s.whole.end),
            "selectionRange": self.wire.range(index, s.place.start, s.place.end),
            "children": children,
        })
    }

    pub(super) fn workspace_symbols(&mut self, params: &Value) -> Answer {
        let query = params.get("query").and_then(Value::as_str).unwrap_or("");
        let (world, (roots, left_out)) = (self.documents.world(), self.documents.roots());
        if left_out > 0 {
            self.log.line(&format!("{left_out} specs of the workspace were not looked at"));
        }
        let (mut seen, mut out) = (BTreeSet::new(), Vec::new());
        for root in roots {
            let analysis = Analysis::new(&world, &root, &[]);
            for s in workspace_symbols(&analysis, query) {
                if let Some(location) = self.wire.location(&analysis, &s.place)
                    && seen.insert(s.place)
                {
                    out.push(json!({ "name": s.name, "kind": symbol_kind(s.kind), "location": location, "containerName": s.detail }));
                }
            }
        }
        Ok(Value::Array(out))
    }

    pub(super) fn code_actions(&self, params: &Value) -> Answer {
        let range = params.get("range").ok_or(Refusal::Parameters("a range"))?;
        let side = |key| range.get(key).ok_or(Refusal::Parameters("a range"));
        let only = params.pointer("/context/only").and_then(Value::as_array);
        let wanted = |kind: &str| {
            only.is_none_or(|list| list.iter().filter_map(Value::as_str).any(|o| kind.starts_with(o)))
        };
        self.ask(params, |analysis, path| {
            let start = self.at_position(analysis, params, side("start")?)?;
            let end = self.at_position(analysis, params, side("end")?)?;
            let (list, sources) = smolc_ide::diagnostics(analysis.world, path, &[]);
            let each = actions(analysis, path, start.offset, end.offset).into_iter().filter_map(|a| {
                let kind = if a.kind == ActionKind::FixAll { "source.fixAll" } else { "quickfix" };
                wanted(kind).then(|| {
                    let diagnostics: Vec<Value> = a
                        .diagnostic
                        .and_then(|i| list.get(i))
                        .map(|d| self.diagnostic(d, &sources))
                        .into_iter()
                        .collect();
                    json!({
                        "title": a.title,
                        "kind": kind,
                        "isPreferred": a.preferred,
                        "diagnostics": diagnostics,
                        "edit": { "changes": self.wire.changes(analysis, &a.edits) },
                    })
                })
            });
            Ok(each.collect())
        })
    }

    pub(super) fn code_lenses(&self, params: &Value) -> Answer {
        self.ask(params, |analysis, path| {
            let index = LineIndex::new(analysis.text(path));
            let each = lenses(analysis, path).into_iter().map(|l| {
                json!({
                    "range": self.wire.range(&index, l.place.start, l.place.end),
                    "command": { "title": l.title, "command": l.command, "arguments": [address(path), l.run] },
                })
            });
            Ok(each.collect())
        })
    }

    pub(super) fn formatting(&self, params: &Value) -> Answer {
        self.ask(params, |analysis, path| {
            let text = analysis.text(path);
            Ok(match format(text) {
                // Its diagnostics are shown; there is nothing to add.
                Err(_) => Value::Null,
                Ok(out) if out == text => json!([]),
                Ok(out) => {
                    let index = LineIndex::new(text);
                    json!([{ "range": self.wire.range(&index, 0, text.len() as u32), "newText": out }])
                }
            })
        })
    }

    pub(super) fn prepare_rename(&self, params: &Value) -> Answer {
        self.ask(params, |analysis, path| {
            let at = self.at(analysis, params)?;
            let place =
                prepare_rename(analysis, &at.path, at.offset).map_err(|e| Refusal::Failed(e.to_string()))?;
            let index = LineIndex::new(analysis.text(path));
            Ok(self.wire.range(&index, place.start, place.end))
        })
    }

    pub(super) fn rename(&self, params: &Value) -> Answer {
        let name = params.get("newName").and_then(Value::as_str).ok_or(Refusal::Parameters("a new name"))?;
        let (mut edits, place) = self.ask(params, |analysis, _| {
            let at = self.at(analysis, params)?;
            let edits =
                rename(analysis, &at.path, at.offset, name).map_err(|e| Refusal::Failed(e.to_string()))?;
            Ok((edits, definition(analysis, &at.path, at.offset)))
        })?;
        // Specs that import the file where the name is defined.
        let (world, (roots, _)) = (self.documents.world(), self.documents.roots());
        let own = self.path_of(params)?;
        if let Some(place) = place.filter(|p| p.end > p.start && !edits.is_empty()) {
            for root in roots.iter().filter(|r| **r != own) {
                let analysis = Analysis::new(&world, root, &[]);
                let Some((at, _)) = occurrences(&analysis, &place).into_iter().next() else { continue };
                let more = rename(&analysis, &at.path, at.start, name)
                    .map_err(|e| Refusal::Failed(format!("in `{root}`: {e}")))?;
                edits.extend(more.into_iter().filter(|e| !edits.contains(e)).collect::<Vec<_>>());
            }
        }
        let mut files = serde_json::Map::new();
        for (place, text) in &edits {
            let analysis = Analysis::new(&world, &place.path, &[]);
            let Value::Object(changes) = self.wire.changes(&analysis, &[(place.clone(), text.clone())])
            else {
                continue;
            };
            for (uri, list) in changes {
                match (files.get_mut(&uri).and_then(Value::as_array_mut), list) {
                    (Some(all), Value::Array(list)) => all.extend(list),
                    (_, list) => {
                        files.insert(uri, list);
                    }
                }
            }
        }
        Ok(json!({ "changes": files }))
    }

    pub(super) fn folding(&self, params: &Value) -> Answer {
        self.ask(params, |analysis, path| {
            let index = LineIndex::new(analysis.text(path));
            let line = |offset| index.position(offset, self.wire.encoding).0;
            let each = folds(analysis, path).into_iter().map(|f| {
                let mut fold = json!({ "startLine": line(f.start), "endLine": line(f.end) });
                let kind = match f.kind {
                    FoldKind::Comment => Some("comment"),
                    FoldKind::Imports => Some("imports"),
                    FoldKind::Region => None,
                };
                if let (Some(kind), Some(map)) = (kind, fold.as_object_mut()) {
                    map.insert("kind".into(), json!(kind));
                }
                fold
            });
            Ok(each.collect())
        })
    }

    pub(super) fn selection(&self, params: &Value) -> Answer {
        let positions =
            params.get("positions").and_then(Value::as_array).ok_or(Refusal::Parameters("positions"))?;
        self.ask(params, |analysis, path| {
            let index = LineIndex::new(analysis.text(path));
            let mut out = Vec::new();
            for position in positions {
                let at = self.at_position(analysis, params, position)?;
                // From the largest inwards: each is the parent of the next.
                let around = selection(analysis, path, at.offset).into_iter().rev().fold(
                    None::<Value>,
                    |parent, place| {
                        let range = self.wire.range(&index, place.start, place.end);
                        Some(match parent {
                            None => json!({ "range": range }),
                            Some(parent) => json!({ "range": range, "parent": parent }),
                        })
                    },
                );
                out.extend(around);
            }
            Ok(Value::Array(out))
        })
    }

    pub(super) fn semantic_tokens(&self, params: &Value) -> Answer {
        self.ask(params, |analysis, path| {
            let index = LineIndex::new(analysis.text(path));
            let (mut data, mut before) = (Vec::new(), (0, 0));
            for token in semantic_tokens(analysis, path) {
                let (line, column) = index.position(token.start, self.wire.encoding);
                let (_, end) = index.position(token.end, self.wire.encoding);
                let from = if line == before.0 { before.1 } else { 0 };
                data.extend([
                    line - before.0,
                    column - from,
                    end.saturating_sub(column),
                    token.ty,
                    token.modifiers,
                ]);
                before = (line, column);
            }
            Ok(json!({ "data": data }))
        })
    }

    pub(super) fn inlay_hints(&self, params: &Value) -> Answer {
        let range = params.get("range").ok_or(Refusal::Parameters("a range"))?;
        let side = |key| range.get(key).ok_or(Refusal::Parameters("a range"));
        self.ask(params, |analysis, path| {
            let start = self.at_position(analysis, params, side("start")?)?;
            let end = self.at_position(analysis, params, side("end")?)?;
            let index = LineIndex::new(analysis.text(path));
            let list = hints(analysis, path).into_iter();
            let each = list.filter(|h| start.offset <= h.offset && h.offset <= end.offset).map(|h| {
                json!({
                    "position": self.wire.position(&index, h.offset),
                    "label": h.label,
                    "tooltip": h.tooltip,
                    "paddingLeft": true,
                })
            });
            Ok(each.collect())
        })
    }

    /// `smolc/plan`: what `smolc plan` prints, for a preview: of one run if it is named, as a page if that is asked for.
    pub(super) fn plan(&self, params: &Value) -> Answer {
        let named = params.get("run").and_then(Value::as_str);
        let page = params.get("format").and_then(Value::as_str) == Some("html");
        self.ask(params, |analysis, path| {
            let checked = analysis.checked();
            if !checked.spec.complete {
                return Err(Refusal::Failed(format!("`{path}` has errors; a plan needs a spec without")));
            }
            let plan = smolc_lower::lower(&checked.spec).map_err(|list| {
                Refusal::Failed(list.first().map_or_else(String::new, |d| d.message.clone()))
            })?;
            let refused = |failure| match failure {
                Failure::Because { message, .. } => Refusal::Failed(message),
                Failure::Output(_) => Refusal::Failed("the plan cannot be shown".into()),
            };
            let runs = select(&plan, named).map_err(refused)?;
            Ok(if page {
                json!({ "html": plan_html::render(&plan, &runs).map_err(refused)? })
            } else {
                json!({ "text": plan_text::render(&plan, &runs, &Stream::plain(110)).map_err(refused)? })
            })
        })
    }
}

fn completion_kind(kind: CompletionKind) -> u32 {
    match kind {
        CompletionKind::Field => 5,
        CompletionKind::Value => 20,
        CompletionKind::Function => 3,
        CompletionKind::Constructor => 4,
        CompletionKind::Variable => 6,
        CompletionKind::Module => 9,
        CompletionKind::Keyword => 14,
        CompletionKind::Unit => 11,
        CompletionKind::Type => 25,
        CompletionKind::Column => 10,
        CompletionKind::Code => 21,
    }
}

fn symbol_kind(kind: SymbolKind) -> u32 {
    match kind {
        SymbolKind::Function => 12,
        SymbolKind::Variable => 13,
        SymbolKind::Data => 18,
        SymbolKind::Model => 5,
        SymbolKind::Run => 2,
        SymbolKind::Stage => 24,
        SymbolKind::Other => 19,
    }
}
