//! What to write instead of a value of another type: the help of a type error.

use super::Eval;
use crate::builtin::Builtin;
use crate::types::Type;
use crate::value::{Node, Value};

impl Eval<'_> {
    /// What turns `node` into a value of type `ty`, or how such a value is written.
    pub(super) fn remedy(&self, node: &Node, ty: &Type) -> Option<String> {
        let written = self.written(node.span);
        // Long ones are not said again.
        let written = if written.len() > 40 || written.contains('\n') { "…".into() } else { written };
        let of_value = match &node.value {
            Value::Builtin(b) => Some(match b {
                Builtin::Bpe | Builtin::LinearNgrams => format!("write `{} {{ … }}`", b.name()),
                b if b.schema().is_some() => format!("write `{} {{ … }}`", b.name()),
                b => format!("call it: `{}(…)`", b.name()),
            }),
            Value::Function(_) => Some(format!("call it: `{written}(…)`")),
            Value::Dataset(_) if matches!(ty, Type::Mix | Type::Dataset) => {
                Some("give it a name: `dataset NAME = …`".into())
            }
            Value::Text(text) if !ty.dims().is_empty() && text.parse::<f64>().is_ok() => {
                Some(format!("a number stands without quotes: `{text}`"))
            }
            Value::Number(..) if matches!(ty, Type::Text | Type::Path) => {
                Some(format!("text stands in quotes: `\"{written}\"`"))
            }
            Value::Object(object) if matches!(ty, Type::Int | Type::Float | Type::Bool) => object
                .fields
                .iter()
                .find(|(_, field)| ty.accepts(&field.node.value))
                .map(|(name, _)| format!("name one of its fields, such as `{written}.{name}`")),
            value => match ty {
                Type::List(inner) if inner.accepts(value) => Some(format!("a list of one is `[{written}]`")),
                _ => None,
            },
        };
        of_value.or_else(|| ty.example().map(|example| format!("write {example}")))
    }
}
