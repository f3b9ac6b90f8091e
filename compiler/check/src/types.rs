//! What a field or parameter takes, and whether a value is that.

use crate::schema::Schema;
use crate::units::Dim;
use crate::value::{Num, Value};

/// What a place takes.
#[derive(Clone, Copy, Debug)]
pub enum Type {
    /// Anything.
    Any,
    /// `true` or `false`.
    Bool,
    /// A whole, non-negative plain number.
    Int,
    /// A plain number.
    Float,
    /// A share, `10%`.
    Ratio,
    /// A non-negative plain number: a learning rate.
    Rate,
    /// Text.
    Text,
    /// A path: text.
    Path,
    /// A whole quantity of one dimension.
    Quantity(Dim),
    /// The same where the key itself names the unit (`tokens: 12B`), so that a plain whole number will do.
    Count(Dim),
    /// A span of the run: tokens, steps or sequences.
    Span,
    /// A span of the run, or a share of it.
    Portion,
    /// A stage's length: a span, or epochs.
    Length,
    /// A batch: tokens or sequences.
    BatchSize,
    /// One of these words.
    Word(&'static [&'static str]),
    /// `none`, or a value of another type.
    Optional(&'static Type),
    /// A list.
    List(&'static Type),
    /// A record with these fields.
    Record(&'static Schema),
    /// A block made by one of these constructors.
    Block(&'static [&'static Schema], &'static str),
    /// `.name`
    Column,
    /// A dataset.
    Dataset,
    /// A tokenizer.
    Tokenizer,
    /// A mix, or a dataset standing for 100% of itself.
    Mix,
    /// A schedule, or a plain number standing for a constant one.
    Schedule,
    /// `every …`
    Cadence,
    /// `suite every …`, or a list of them.
    Events,
    /// An evaluation.
    Eval,
    /// An evaluation, a suite, or a list of either.
    Suite,
    /// A classifier.
    Classifier,
    /// A plain number, or one that changes over the run.
    Course,
}

impl Type {
    /// The type a spec writes by name, in `param` and `fn`.
    pub fn named(name: &str) -> Option<Type> {
        NAMED.iter().find(|(n, _)| *n == name).map(|(_, t)| *t)
    }

    /// What a message says was expected.
    pub fn phrase(&self) -> String {
        match self {
            Type::Any => "a value".into(),
            Type::Bool => "`true` or `false`".into(),
            Type::Int => "a whole number".into(),
            Type::Float => "a plain number".into(),
            Type::Ratio => "a share (`10%`)".into(),
            Type::Rate => "a plain number, zero or more".into(),
            Type::Text => "text".into(),
            Type::Path => "a path (text)".into(),
            Type::Quantity(dim) | Type::Count(dim) => dim.word().into(),
            Type::Span => "tokens, steps or sequences".into(),
            Type::Portion => "tokens, steps, sequences or a share (`10%`)".into(),
            Type::Length => "tokens, steps, sequences or epochs".into(),
            Type::BatchSize => "tokens or sequences".into(),
            Type::Word(words) => {
                let quoted: Vec<String> = words.iter().map(|w| format!("`{w}`")).collect();
                format!("one of {}", quoted.join(", "))
            }
            Type::Optional(inner) => format!("{} or `none`", inner.phrase()),
            Type::List(inner) => format!("a list, each {}", inner.phrase()),
            Type::Record(schema) => format!("a record ({})", schema.name),
            Type::Block(_, what) => (*what).into(),
            Type::Column => "a column (`.text`)".into(),
            Type::Dataset => "a dataset".into(),
            Type::Tokenizer => "a tokenizer".into(),
            Type::Mix => "a mix".into(),
            Type::Schedule => "a schedule".into(),
            Type::Cadence => "a cadence (`every 100 steps`)".into(),
            Type::Events => "evaluations with a cadence (`suite every 2B tokens and at end`)".into(),
            Type::Eval => "an evaluation".into(),
            Type::Suite => "an evaluation or a suite".into(),
            Type::Classifier => "a classifier".into(),
            Type::Course => "a plain number, a ramp (`0.1 -> 0.01`) or a schedule".into(),
        }
    }

    /// How a value of it is written, where its phrase does not show that.
    pub fn example(&self) -> Option<&'static str> {
        Some(match self {
            Type::Bool => "`true`, `false` or a comparison such as `vocab >= 4096`",
            Type::Span => "`100 steps`, `2B tokens` or `10k sequences`",
            Type::Portion => "`100 steps`, `2B tokens` or `10%`",
            Type::Length => "`100 steps`, `2B tokens` or `3 epochs`",
            Type::BatchSize => "`2Mi tokens` or `256 sequences`",
            Type::Dataset => "the name of a `dataset`",
            Type::Tokenizer => "the name of a `tokenizer`",
            Type::Mix => "shares of datasets, such as `60% web + 40% code`",
            Type::Schedule => {
                "a number or a schedule, such as `wsd(peak: 3e-4, warmup: 2k steps, decay: 10%)`"
            }
            Type::Eval => "the name of an evaluation, such as `hellaswag` of `std.evals`",
            Type::Suite => "an evaluation of `std.evals` or a suite of `std.suites`",
            Type::Classifier => "the name of a `classifier`",
            Type::Optional(inner) => return inner.example(),
            Type::Any
            | Type::Int
            | Type::Float
            | Type::Ratio
            | Type::Rate
            | Type::Text
            | Type::Path
            | Type::Quantity(_)
            | Type::Count(_)
            | Type::Word(_)
            | Type::List(_)
            | Type::Record(_)
            | Type::Block(..)
            | Type::Column
            | Type::Cadence
            | Type::Events
            | Type::Course => return None,
        })
    }

    /// Dimensions taken, for messages about units; empty for what is not a number.
    pub fn dims(&self) -> &'static [Dim] {
        match self {
            Type::Int | Type::Float | Type::Rate | Type::Schedule | Type::Course => &[Dim::Number],
            Type::Ratio => &[Dim::Ratio],
            Type::Quantity(dim) | Type::Count(dim) => match dim {
                Dim::Tokens => &[Dim::Tokens],
                Dim::Steps => &[Dim::Steps],
                Dim::Sequences => &[Dim::Sequences],
                Dim::Epochs => &[Dim::Epochs],
                Dim::Documents => &[Dim::Documents],
                Dim::Evals => &[Dim::Evals],
                Dim::Bytes => &[Dim::Bytes],
                Dim::Seconds => &[Dim::Seconds],
                Dim::Number => &[Dim::Number],
                Dim::Ratio => &[Dim::Ratio],
            },
            Type::Span => &[Dim::Tokens, Dim::Steps, Dim::Sequences],
            Type::Portion => &[Dim::Steps, Dim::Tokens, Dim::Sequences, Dim::Ratio],
            Type::Length => &[Dim::Tokens, Dim::Steps, Dim::Sequences, Dim::Epochs],
            Type::BatchSize => &[Dim::Tokens, Dim::Sequences],
            Type::Optional(inner) => inner.dims(),
            Type::Any
            | Type::Bool
            | Type::Text
            | Type::Path
            | Type::Word(_)
            | Type::List(_)
            | Type::Record(_)
            | Type::Block(..)
            | Type::Column
            | Type::Dataset
            | Type::Tokenizer
            | Type::Mix
            | Type::Cadence
            | Type::Events
            | Type::Eval
            | Type::Suite
            | Type::Classifier => &[],
        }
    }

    /// Whether a value is of this type; parts of lists and records are looked at where they are built.
    pub fn accepts(&self, value: &Value) -> bool {
        match (self, value) {
            (_, Value::Error) | (Type::Any, _) => true,
            (Type::Optional(_), Value::None) => true,
            (Type::Optional(inner), v) => inner.accepts(v),
            (Type::Int, Value::Number(Num::Exact(f), Dim::Number)) => f.to_u64().is_some(),
            (Type::Rate | Type::Schedule | Type::Course, Value::Number(n, Dim::Number)) => n.to_f64() >= 0.0,
            (Type::Course, Value::Ramp(a, b, Dim::Number)) => !a.is_negative() && !b.is_negative(),
            (Type::Length, Value::Range(a, b, dim)) => {
                self.dims().contains(dim) && !a.is_negative() && !b.is_negative()
            }
            (Type::Count(_), Value::Number(Num::Exact(f), Dim::Number)) => f.to_u64().is_some(),
            (Type::Quantity(_) | Type::Count(_) | Type::BatchSize, Value::Number(Num::Exact(f), dim)) => {
                self.dims().contains(dim) && f.to_u64().is_some()
            }
            (Type::Float, Value::Number(_, Dim::Number) | Value::Code(_, Dim::Number)) => true,
            (Type::Ratio, Value::Number(n, Dim::Ratio)) => n.to_f64() >= 0.0,
            (Type::Span | Type::Portion | Type::Length, Value::Number(n, dim)) => {
                self.dims().contains(dim) && n.to_f64() >= 0.0
            }
            (Type::Bool, Value::Bool(_))
            | (Type::Text | Type::Path, Value::Text(_))
            | (Type::Word(_), Value::Word(_))
            | (Type::Column, Value::Column(_))
            | (Type::Dataset, Value::Dataset(_))
            | (Type::Tokenizer, Value::Tokenizer(_))
            | (Type::Mix, Value::Mix(_))
            | (Type::Schedule | Type::Course, Value::Schedule(_))
            | (Type::Cadence, Value::Cadence(_))
            | (Type::Eval, Value::Eval(_))
            | (Type::Suite, Value::Eval(_) | Value::Suite(_))
            | (Type::Classifier, Value::Classifier(_)) => true,
            (Type::Suite, Value::List(items)) => items.iter().all(|n| self.accepts(&n.value)),
            (Type::Events, Value::Cadence(c)) => c.what.is_some(),
            (Type::Events, Value::List(items)) => items.iter().all(|n| Type::Events.accepts(&n.value)),
            (Type::Mix, Value::Dataset(d)) => d.id.is_some(),
            (Type::List(inner), Value::List(items)) => items.iter().all(|n| inner.accepts(&n.value)),
            (Type::Record(schema), Value::Object(o)) => o.schema.is_none_or(|s| std::ptr::eq(s, *schema)),
            (Type::Block(schemas, _), Value::Object(o)) => {
                o.schema.is_some_and(|s| schemas.iter().any(|t| std::ptr::eq(s, *t)))
            }
            _ => false,
        }
    }
}

/// Types by the names a spec uses.
pub const NAMED: &[(&str, Type)] = &[
    ("Bool", Type::Bool),
    ("Int", Type::Int),
    ("Float", Type::Float),
    ("Ratio", Type::Ratio),
    ("Rate", Type::Rate),
    ("Text", Type::Text),
    ("Path", Type::Path),
    ("Tokens", Type::Quantity(Dim::Tokens)),
    ("Steps", Type::Quantity(Dim::Steps)),
    ("Sequences", Type::Quantity(Dim::Sequences)),
    ("Bytes", Type::Quantity(Dim::Bytes)),
    ("Span", Type::Span),
    ("Portion", Type::Portion),
    ("Dataset", Type::Dataset),
    ("Tokenizer", Type::Tokenizer),
    ("Mix", Type::Mix),
    ("Schedule", Type::Schedule),
    ("Model", Type::Block(crate::schema::MODELS, "a model")),
    ("Optimizer", Type::Block(crate::schema::OPTIMIZERS, "an optimizer")),
    ("Eval", Type::Eval),
    ("Suite", Type::Suite),
    ("Classifier", Type::Classifier),
    ("Device", Type::Block(crate::schema::DEVICES, "a device")),
    ("Target", Type::Block(crate::schema::TARGETS, "a target")),
];
