//! Sources of datasets: `files("…")`, `parquet("…") { text: .text }`, `hub("…")` and the like.

use super::Eval;
use super::call::Formal;
use crate::builtin::Builtin;
use crate::rational::Fraction;
use crate::schema::Schema;
use crate::schema::dataset::{COLUMNS, FILES, HUB, TOKEN_SHARDS};
use crate::types::Type;
use crate::value::{DatasetValue, Locals, Node, Object, Value};
use smolc_diag::{Diagnostic, Span};
use smolc_plan::{Columns, Source, TokenFormat};
use smolc_syntax::ast::{Argument, Member};
use std::rc::Rc;

/// What the columns of a source come to.
struct Read {
    /// Column of text; of other forms, the one that tells documents apart.
    text: String,
    columns: Option<Columns>,
    reads: Vec<(String, Span)>,
}

impl Eval<'_> {
    /// A call of a source. A pattern is a text or a list of texts.
    pub(super) fn source(
        &mut self,
        b: Builtin,
        arguments: &[Argument],
        members: &[Member],
        span: Span,
        locals: &Locals,
    ) -> Node {
        let schema: &'static Schema = match b {
            Builtin::Jsonl | Builtin::Parquet => &COLUMNS,
            Builtin::Hub => &HUB,
            Builtin::Tokens => &TOKEN_SHARDS,
            _ => &FILES,
        };
        let owner = format!("`{}`", b.name());
        let fields = self.fields(members, Some(schema), &owner, locals);
        let record = Object { schema: Some(schema), fields, span };
        let read = match b {
            Builtin::Jsonl | Builtin::Parquet | Builtin::Hub => self.columns(&record, span, &owner),
            _ => Some(Read { text: String::new(), columns: None, reads: Vec::new() }),
        };
        let what = if b == Builtin::Hub { "repository" } else { "pattern" };
        let formals = [Formal::builtin(what, Type::Any, false)];
        let Some(bound) = self.bind(b.name(), &formals, arguments, span, locals) else {
            return Node::error(span);
        };
        let Some(given) = bound.get(what) else { return Node::error(span) };
        let (Some(patterns), Some(read)) = (self.patterns(b, given, &owner), read) else {
            return Node::error(span);
        };
        let (patterns, pattern_spans): (Vec<String>, Vec<Span>) = patterns.into_iter().unzip();
        let text = read.text;
        let source = match b {
            Builtin::Files => Source::Files { patterns },
            Builtin::Text => Source::Text { patterns },
            Builtin::Jsonl => Source::Jsonl { patterns, text },
            Builtin::Parquet => Source::Parquet { patterns, text },
            Builtin::Hub => match patterns.into_iter().next() {
                Some(repository) => Source::Hub {
                    repository,
                    config: record.text("config").map(str::to_string),
                    split: record.text("split").unwrap_or("train").to_string(),
                    revision: record.text("revision").map(str::to_string),
                    text,
                },
                None => return Node::error(span),
            },
            Builtin::Tokens => {
                let format = match record.text("format") {
                    Some("megatron") => TokenFormat::Megatron,
                    Some("datatrove") => TokenFormat::Datatrove,
                    _ => TokenFormat::Smolc,
                };
                Source::Tokens { patterns, format }
            }
            _ => return Node::error(span),
        };
        if record.fields.values().any(|f| f.node.is_error()) {
            return Node::error(span);
        }
        for field in ["tokens", "documents", "limit"] {
            if record.fraction(field).is_some_and(Fraction::is_zero) {
                let d = Diagnostic::error(
                    "smol::data::empty",
                    record.at(field),
                    format!("a dataset of no {field}"),
                )
                .help("leave the field out if the number is not known");
                return self.fail(span, d);
            }
        }
        let value = DatasetValue {
            id: None,
            name: String::new(),
            span,
            source,
            pattern_spans,
            take: None,
            validation_per_million: 0,
            stated_tokens: record.u64("tokens"),
            stated_documents: record.u64("documents"),
            columns: read.columns,
            steps: Vec::new(),
            limit: record.fraction("limit").map(|f| (f, record.at("limit"))),
            reads: read.reads,
        };
        Node::new(Value::Dataset(Rc::new(value)), span)
    }

    fn patterns(&mut self, b: Builtin, given: &Node, owner: &str) -> Option<Vec<(String, Span)>> {
        let nodes = match &given.value {
            Value::List(items) if b != Builtin::Hub => items.clone(),
            _ => vec![given.clone()],
        };
        let mut patterns = Vec::new();
        for node in &nodes {
            let what = if b == Builtin::Hub { "the repository" } else { "the pattern" };
            if !self.expect(node, &Type::Path, format_args!("{what} of {owner}"), None) {
                return None;
            }
            let Value::Text(text) = &node.value else { return None };
            if b == Builtin::Hub {
                let parts: Vec<&str> = text.split('/').collect();
                let plain =
                    |p: &&str| !p.is_empty() && p.chars().all(|c| c.is_alphanumeric() || "._-".contains(c));
                if parts.len() != 2 || !parts.iter().all(plain) {
                    let d = Diagnostic::error(
                        "smol::data::hub",
                        node.span,
                        format!("`{text}` is no dataset of a hub"),
                    )
                    .help("write OWNER/NAME, such as \"HuggingFaceFW/fineweb-edu\"");
                    self.diagnostics.push(d);
                    return None;
                }
                patterns.push((text.clone(), node.span));
            } else {
                let from = self.sources.path(node.span.file);
                patterns.push((self.world.resolve(from, text), node.span));
            }
        }
        if patterns.is_empty() {
            let d =
                Diagnostic::error("smol::data::empty", given.span, format!("{owner} is given no pattern"));
            self.diagnostics.push(d);
            return None;
        }
        Some(patterns)
    }

    /// `text`, or `messages`, or `chosen` and `rejected`: one form of document.
    fn columns(&mut self, record: &Object, span: Span, owner: &str) -> Option<Read> {
        let given: Vec<&str> = ["text", "messages", "prompt", "chosen", "rejected"]
            .into_iter()
            .filter(|c| record.fields.contains_key(*c))
            .collect();
        if given.iter().any(|c| record.broken(c)) {
            return None;
        }
        let column = |c: &str| record.text(c).map(str::to_string);
        let columns = match given.as_slice() {
            ["text"] => None,
            ["messages"] => Some(Columns::Messages { messages: column("messages")? }),
            ["chosen", "rejected"] | ["prompt", "chosen", "rejected"] => Some(Columns::Preference {
                prompt: column("prompt"),
                chosen: column("chosen")?,
                rejected: column("rejected")?,
            }),
            [] => {
                let d = Diagnostic::error("smol::record::missing", span, format!("{owner} needs `text`"))
                    .label("no column is named")
                    .help("`text: .NAME` is the column of text; conversations have `messages: .NAME`, preferences \
                           `chosen: .NAME, rejected: .NAME`");
                self.diagnostics.push(d);
                return None;
            }
            mixed => {
                let names = crate::load::list(mixed.iter().map(|c| format!("`{c}`")));
                let last = mixed.last().copied().unwrap_or("text");
                let d = Diagnostic::error(
                    "smol::data::columns",
                    record.at(last),
                    format!("{names} do not make one form of document"),
                )
                .help("a document is a `text`, a conversation in `messages`, or `chosen` and `rejected` answers \
                       with or without a `prompt`");
                self.diagnostics.push(d);
                return None;
            }
        };
        let text = ["text", "messages", "chosen"].into_iter().find_map(column)?;
        let reads = given.iter().filter_map(|c| Some((column(c)?, record.at(c)))).collect();
        Some(Read { text, columns, reads })
    }
}
