//! The closed records of the language, one file a kind: every field with its type, default and documentation.
//!
//! The checker, and later the editor's hover and completion, read the same tables.

pub mod classifier;
pub mod dataset;
pub mod evaluation;
pub mod model;
pub mod objective;
pub mod optimizer;
pub mod run;
pub mod stage;
pub mod target;
pub mod tokenizer;

use crate::rational::Fraction;
use crate::types::Type;
use crate::value::{Node, Num, Object, Value};
use smolc_diag::Span;

/// A kind of record.
#[derive(Debug)]
pub struct Schema {
    /// Its constructor, or what messages call it.
    pub name: &'static str,
    /// What it describes.
    pub doc: &'static str,
    /// Its fields.
    pub fields: &'static [FieldSpec],
}

/// A field.
#[derive(Debug)]
pub struct FieldSpec {
    /// Key.
    pub name: &'static str,
    /// What it takes.
    pub ty: Type,
    /// Whether it must be given.
    pub presence: Presence,
    /// What it means.
    pub doc: &'static str,
}

/// Whether a field must be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It must.
    Required,
    /// It need not; this is what holds then, in words.
    Default(&'static str),
}

/// Constructors of models.
pub const MODELS: &[&Schema] = &[&model::LLAMA, &model::QWEN2];
/// Constructors of optimizers.
pub const OPTIMIZERS: &[&Schema] = &[&optimizer::ADAMW];
/// Constructors of objectives.
pub const OBJECTIVES: &[&Schema] = &[&objective::NEXT_TOKEN, &objective::SFT, &objective::DPO];
/// Constructors of devices.
pub const DEVICES: &[&Schema] = &[&target::DEVICE];
/// What a `target` item makes.
pub const TARGETS: &[&Schema] = &[&target::TARGET];
/// Protocols of evaluations.
pub const PROTOCOLS: &[&Schema] = &[
    &evaluation::LIKELIHOOD,
    &evaluation::GENERATION,
    &evaluation::EXECUTION,
    &evaluation::PERPLEXITY,
    &evaluation::NEEDLE,
    &evaluation::JUDGE,
];
/// Every schema, for documentation and for the words of closed sets.
pub const ALL: &[&Schema] = &[
    &model::LLAMA,
    &model::QWEN2,
    &model::ROPE,
    &model::SCALING,
    &model::INIT,
    &optimizer::ADAMW,
    &tokenizer::BPE,
    &tokenizer::HF,
    &dataset::COLUMNS,
    &dataset::HUB,
    &dataset::TOKEN_SHARDS,
    &dataset::FILES,
    &dataset::MINHASH,
    &classifier::LINEAR,
    &objective::NEXT_TOKEN,
    &objective::SFT,
    &objective::DPO,
    &evaluation::LIKELIHOOD,
    &evaluation::GENERATION,
    &evaluation::EXECUTION,
    &evaluation::PERPLEXITY,
    &evaluation::NEEDLE,
    &evaluation::JUDGE,
    &target::DEVICE,
    &target::TARGET,
    &run::RUN,
    &stage::STAGE,
    &stage::BLEND,
];

impl Schema {
    /// The field of that name.
    pub fn field(&self, name: &str) -> Option<&'static FieldSpec> {
        self.fields.iter().find(|f| f.name == name)
    }
}

/// Whether any record has a field of this name that takes a word of a closed set: a bare name there is not looked up.
pub fn takes_word(field: &str) -> bool {
    ALL.iter().filter_map(|s| s.field(field)).any(|f| matches!(f.ty, Type::Word(_)))
}

/// A required field.
const fn required(name: &'static str, ty: Type, doc: &'static str) -> FieldSpec {
    FieldSpec { name, ty, presence: Presence::Required, doc }
}

/// A field with a default.
const fn optional(name: &'static str, ty: Type, default: &'static str, doc: &'static str) -> FieldSpec {
    FieldSpec { name, ty, presence: Presence::Default(default), doc }
}

/// Reading fields that have been checked already: a value of another type reads as absent.
impl Object {
    /// The field's value, unless it is absent or was reported.
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.fields.get(name).map(|f| &f.node).filter(|n| !n.is_error())
    }

    /// Where the field's value stands, or the record itself.
    pub fn at(&self, name: &str) -> Span {
        self.fields.get(name).map_or(self.span, |f| f.node.span)
    }

    /// True if the field was given and had an error: its default must not stand in.
    pub fn broken(&self, name: &str) -> bool {
        self.fields.get(name).is_some_and(|f| f.node.is_error())
    }

    /// An exact number of any dimension.
    pub fn fraction(&self, name: &str) -> Option<Fraction> {
        match self.get(name)?.value {
            Value::Number(Num::Exact(f), _) => Some(f),
            _ => None,
        }
    }

    /// A whole, non-negative number of any dimension.
    pub fn u64(&self, name: &str) -> Option<u64> {
        self.fraction(name)?.to_u64()
    }

    /// A number.
    pub fn f64(&self, name: &str) -> Option<f64> {
        match self.get(name)?.value {
            Value::Number(n, _) => Some(n.to_f64()),
            _ => None,
        }
    }

    /// A truth value.
    pub fn bool(&self, name: &str) -> Option<bool> {
        match self.get(name)?.value {
            Value::Bool(b) => Some(b),
            _ => None,
        }
    }

    /// Text.
    pub fn text(&self, name: &str) -> Option<&str> {
        match &self.get(name)?.value {
            Value::Text(t) | Value::Word(t) | Value::Column(t) => Some(t),
            _ => None,
        }
    }

    /// A record.
    pub fn object(&self, name: &str) -> Option<&Object> {
        match &self.get(name)?.value {
            Value::Object(o) => Some(o),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_documented_and_unique() {
        for schema in ALL {
            for (i, field) in schema.fields.iter().enumerate() {
                assert!(!field.doc.is_empty(), "{}.{}", schema.name, field.name);
                assert!(schema.fields[..i].iter().all(|f| f.name != field.name), "{}", field.name);
            }
        }
    }
}
