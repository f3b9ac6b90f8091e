//! Values as a reader sees them.

use crate::numbers;
use smolc_check::value::{Node, Value};

/// What a value is, in one line; `None` where a line says nothing.
pub fn show(value: &Value) -> Option<String> {
    Some(match value {
        Value::Error | Value::Function(_) | Value::Builtin(_) => return None,
        Value::Text(text) => format!("{text:?}"),
        Value::Word(word) => word.clone(),
        Value::Number(..) => value.phrase().trim_start_matches("the plain number ").to_owned(),
        Value::List(items) => {
            let parts: Vec<String> = items.iter().filter_map(|n: &Node| show(&n.value)).collect();
            format!("[{}]", parts.join(", "))
        }
        Value::Object(o) => match o.schema.filter(|_| o.fields.contains_key("layers")) {
            Some(schema) => match smolc_check::schema::model::build(schema.name, o) {
                Some(spec) => match numbers::parameters(&spec.model) {
                    Some(n) => {
                        format!("{}, {} parameters", schema.name, smolc_check::units::grouped(n as i128))
                    }
                    None => return None,
                },
                None => return None,
            },
            None => return None,
        },
        Value::Mix(mix) => {
            let parts: Vec<String> = mix
                .terms
                .iter()
                .map(|t| format!("{} {}", smolc_check::units::percent(t.weight), t.dataset.name))
                .collect();
            parts.join(" + ")
        }
        Value::Dataset(d) => {
            let mut parts = Vec::new();
            parts.extend(d.stated_tokens.map(|n| format!("{} tokens stated", numbers::short(n as f64))));
            parts.extend(
                d.take.as_ref().map(|t| format!("a sample of {} bytes", numbers::short(t.bytes as f64))),
            );
            if d.validation_per_million > 0 {
                parts
                    .push(format!("{}% set aside for validation", f64::from(d.validation_per_million) / 1e4));
            }
            if parts.is_empty() {
                return None;
            }
            parts.join(", ")
        }
        Value::Tokenizer(t) => match t.vocab {
            Some(n) => format!("{} tokens", smolc_check::units::grouped(n.into())),
            None => return None,
        },
        Value::None | Value::Bool(_) => value.phrase().trim_matches('`').to_owned(),
        _ => return None,
    })
}
