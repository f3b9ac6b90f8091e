//! Classifiers: `linear_ngrams { … }`.

use super::Eval;
use crate::schema::classifier::LINEAR;
use crate::value::{ClassifierValue, Locals, Node, Object, Value};
use smolc_diag::{Diagnostic, Span};
use smolc_syntax::ast::Member;
use std::rc::Rc;

impl Eval<'_> {
    /// `linear_ngrams { train: scored, text: .text, label: .score }`
    pub(super) fn linear(&mut self, members: &[Member], name: Span, span: Span, locals: &Locals) -> Node {
        let fields = self.fields(members, Some(&LINEAR), "`linear_ngrams`", locals);
        let record = Object { schema: Some(&LINEAR), fields, span };
        self.missing(&record, name, "`linear_ngrams`");
        for field in ["ngrams", "buckets", "epochs"] {
            if record.u64(field) == Some(0) {
                let d = Diagnostic::error(
                    "smol::data::classifier",
                    record.at(field),
                    format!("`{field}` is zero"),
                )
                .help("a classifier without features or without training says the same of every document");
                return self.fail(span, d);
            }
        }
        for (field, most) in
            [("ngrams", smolc_plan::Classifier::MAX_NGRAMS), ("buckets", smolc_plan::Classifier::MAX_BUCKETS)]
        {
            if let Some(n) = record.u64(field).filter(|n| *n > most) {
                let d = Diagnostic::error(
                    "smol::data::classifier",
                    record.at(field),
                    format!("`{field}` is {n}, and {most} is the most"),
                )
                .help(format!("write `{field}: {most}`, or less"));
                return self.fail(span, d);
            }
        }
        let train = match record.get("train").map(|n| (&n.value, n.span)) {
            Some((Value::Dataset(d), _)) if d.id.is_some() => d.clone(),
            Some((Value::Dataset(_), at)) => {
                let d = Diagnostic::error(
                    "smol::data::classifier",
                    at,
                    "a classifier is trained on a named dataset",
                )
                .help("give it a name: `dataset NAME = …`");
                return self.fail(span, d);
            }
            _ => return Node::error(span),
        };
        if record.fields.values().any(|f| f.node.is_error())
            || record.text("text").is_none()
            || record.text("label").is_none()
        {
            return Node::error(span);
        }
        let value = ClassifierValue { id: None, name: String::new(), span, fields: Rc::new(record), train };
        Node::new(Value::Classifier(Rc::new(value)), span)
    }
}
