//! Tokenizers: `hf("tokenizer.json") { … }` and `bpe { … }`.

use super::Eval;
use super::call::Formal;
use crate::rules::{name_twice, tokenizer_text};
use crate::schema::tokenizer::{BPE, DEFAULT_BPE_BYTES, HF};
use crate::types::Type;
use crate::value::{Locals, Node, Object, TokenizerKind, TokenizerValue, Value};
use smolc_diag::{Diagnostic, Span};
use smolc_syntax::ast::{Argument, Member};
use std::rc::Rc;

impl Eval<'_> {
    /// `hf("path") { eos: "…" }`
    pub(super) fn hf(
        &mut self,
        arguments: &[Argument],
        members: &[Member],
        name: Span,
        span: Span,
        locals: &Locals,
    ) -> Node {
        const FORMALS: [Formal<'static>; 1] = [Formal::builtin("path", Type::Path, false)];
        let fields = self.fields(members, Some(&HF), "`hf`", locals);
        let record = Object { schema: Some(&HF), fields, span };
        self.missing(&record, name, "`hf`");
        let Some(bound) = self.bind("hf", &FORMALS, arguments, span, locals) else {
            return Node::error(span);
        };
        let Some(Node { value: Value::Text(path), span: path_span }) = bound.get("path") else {
            return Node::error(span);
        };
        let path = self.world.resolve(self.sources.path(path_span.file), path);
        let stated = record.u64("vocab");
        let found = match self.world.tokenizer_vocab(&path) {
            Ok(found) => found,
            Err(why) => {
                let d = Diagnostic::error(
                    "smol::data::tokenizer",
                    *path_span,
                    format!("`{path}` is not a tokenizer: {why}"),
                );
                return self.fail(span, d);
            }
        };
        if let (Some(stated), Some(found)) = (stated, found)
            && stated != found
        {
            let d = Diagnostic::error(
                "smol::data::tokenizer",
                record.at("vocab"),
                format!("the spec says {stated} tokens, the file has {found}"),
            )
            .also(*path_span, "this file")
            .help(format!("write `vocab: {found}`, or leave it out"));
            return self.fail(span, d);
        }
        if stated.or(found).is_none() && !record.broken("vocab") {
            let d = Diagnostic::error(
                "smol::data::tokenizer",
                *path_span,
                format!("`{path}` is not there, so the number of tokens is not known"),
            )
            .help("correct the path, or state the number: `hf(\"…\") { vocab: 49_152, … }`");
            return self.fail(span, d);
        }
        self.finish(&record, TokenizerKind::Hf(path), stated.or(found), span)
    }

    /// `bpe { vocab: 4096, train: [a, b], eos: "…" }`
    pub(super) fn bpe(&mut self, members: &[Member], name: Span, span: Span, locals: &Locals) -> Node {
        let fields = self.fields(members, Some(&BPE), "`bpe`", locals);
        let record = Object { schema: Some(&BPE), fields, span };
        self.missing(&record, name, "`bpe`");
        let vocab = record.u64("vocab");
        // 256 bytes and the end-of-document token are always there.
        let least = 257 + u64::from(record.text("bos").is_some());
        if let Some(v) = vocab.filter(|v| *v < least || *v > u64::from(u32::MAX)) {
            let d = Diagnostic::error(
                "smol::data::tokenizer",
                record.at("vocab"),
                format!("a byte-level BPE cannot have {v} tokens"),
            )
            .help(format!("it has {least} at least: 256 bytes and the special tokens"));
            return self.fail(span, d);
        }
        let train = match record.get("train").map(|n| &n.value) {
            Some(Value::List(items)) => items
                .iter()
                .filter_map(|n| match &n.value {
                    Value::Dataset(d) if d.id.is_some() => Some(d.clone()),
                    _ => None,
                })
                .collect::<Vec<_>>(),
            _ => return Node::error(span),
        };
        let listed = match record.get("train").map(|n| &n.value) {
            Some(Value::List(items)) => items.len(),
            _ => 0,
        };
        if train.is_empty() || train.len() != listed {
            let message = if listed == 0 {
                "there is nothing to train on"
            } else {
                "a tokenizer is trained on named datasets"
            };
            let d = Diagnostic::error("smol::data::tokenizer", record.at("train"), message)
                .help("name datasets of this spec: `train: [docs, code]`");
            return self.fail(span, d);
        }
        if let Some(Value::List(items)) = record.get("train").map(|n| &n.value) {
            let name = |n: &Node| match &n.value {
                Value::Dataset(d) => Some(d.name.clone()),
                _ => None,
            };
            name_twice::check(items, name, "the tokenizer is trained on", &mut self.diagnostics);
        }
        let bytes = record.u64("bytes").unwrap_or(DEFAULT_BPE_BYTES);
        if let Some(vocab) = vocab {
            tokenizer_text::check(vocab, &train, bytes, record.at("vocab"), &mut self.diagnostics);
        }
        let source = TokenizerKind::Bpe {
            train,
            bytes,
            seed: record.u64("seed").unwrap_or(0),
            split_digits: record.bool("split_digits").unwrap_or(true),
        };
        self.finish(&record, source, vocab, span)
    }

    fn finish(&mut self, record: &Object, source: TokenizerKind, vocab: Option<u64>, span: Span) -> Node {
        let Some(eos) = record.text("eos").map(str::to_string) else { return Node::error(span) };
        if eos.is_empty() || record.text("bos") == Some("") {
            let at = if eos.is_empty() { "eos" } else { "bos" };
            let d = Diagnostic::error("smol::data::tokenizer", record.at(at), format!("`{at}` is empty"))
                .help("it is the text of a special token, such as \"<|endoftext|>\"");
            return self.fail(span, d);
        }
        if record.fields.values().any(|f| f.node.is_error()) {
            return Node::error(span);
        }
        let bos = record.text("bos").map(str::to_string);
        let value = TokenizerValue { id: None, name: String::new(), span, source, eos, bos, vocab };
        Node::new(Value::Tokenizer(Rc::new(value)), span)
    }
}
