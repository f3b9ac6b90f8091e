//! The reference of a spec or a library: its items with what is said of them, for `smolc doc`.

use crate::analysis::Analysis;
use crate::{hover, values};
use smolc_check::names::defined;
use smolc_check::value::{ItemId, Value};
use smolc_syntax::ast::ItemKind;

/// A module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleDoc {
    /// Path, or `std.schedules`.
    pub path: String,
    /// What the file says of itself.
    pub docs: String,
    /// Its items in order.
    pub items: Vec<ItemDoc>,
}

/// An item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemDoc {
    /// Name.
    pub name: String,
    /// Keyword.
    pub keyword: String,
    /// Its head: `fn wsd(peak: Rate, …) -> Schedule`.
    pub head: String,
    /// What the file says of it.
    pub docs: String,
    /// What it comes to, in a line; empty where a line says nothing.
    pub value: String,
    /// Fields of its value with what they are and where a default holds; name, value, documentation.
    pub fields: Vec<(String, String, String)>,
    /// As written.
    pub source: String,
}

/// Documents every module of a spec, or only the spec itself.
pub fn document(analysis: &Analysis<'_>, imports: bool) -> Vec<ModuleDoc> {
    let count = if imports { analysis.program.modules.len() } else { 1 };
    let mut out = Vec::new();
    for (m, module) in analysis.program.modules.iter().enumerate().take(count) {
        let items = module.ast.items.iter().enumerate().filter_map(|(i, item)| {
            let (name, keyword) = defined(&item.kind)?;
            let id = ItemId { module: m, item: i };
            let evaluated = match &item.kind {
                ItemKind::Fn(_) | ItemKind::Run(_) | ItemKind::Sweep { .. } | ItemKind::Target { .. } => None,
                _ => analysis.value(id),
            };
            let head = match &item.kind {
                ItemKind::Fn(f) => format!("fn {}", hover::head(analysis, f).0),
                ItemKind::Param { ty, .. } => format!("param {}: {}", name.text, ty.text),
                _ => format!("{keyword} {}", name.text),
            };
            let fields = match evaluated.as_ref().map(|n| &n.value) {
                Some(Value::Object(o)) => fields(o),
                _ => Vec::new(),
            };
            Some(ItemDoc {
                name: name.text.clone(),
                keyword: keyword.to_owned(),
                head,
                docs: item.docs.join("\n"),
                value: evaluated.and_then(|n| values::show(&n.value)).unwrap_or_default(),
                fields,
                source: analysis.written(item.span).to_owned(),
            })
        });
        out.push(ModuleDoc {
            path: module.path.clone(),
            docs: module.ast.docs.join("\n"),
            items: items.collect(),
        });
    }
    out
}

fn fields(object: &smolc_check::value::Object) -> Vec<(String, String, String)> {
    let Some(schema) = object.schema else { return Vec::new() };
    let each = schema.fields.iter().filter_map(|f| {
        let value = match (object.fields.get(f.name), f.presence) {
            (Some(field), _) => match &field.node.value {
                Value::Object(inner) => {
                    let parts: Vec<String> = inner
                        .fields
                        .iter()
                        .filter_map(|(k, v)| Some(format!("{k}: {}", values::show(&v.node.value)?)))
                        .collect();
                    format!("{{ {} }}", parts.join(", "))
                }
                value => values::show(value)?,
            },
            (None, smolc_check::schema::Presence::Default(default)) => format!("{default} (default)"),
            (None, smolc_check::schema::Presence::Required) => return None,
        };
        Some((f.name.to_owned(), value, f.doc.to_owned()))
    });
    each.collect()
}
