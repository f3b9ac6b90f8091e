//! Compile-time values.

pub use crate::builtin::Builtin;
use crate::rational::Fraction;
use crate::schema::Schema;
use crate::share::Share;
use crate::units::{Dim, quantity};
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use smolc_diag::Span;
use smolc_expr::Expr as Code;
use smolc_plan::{Source, Take};
use smolc_syntax::ast;
use std::rc::Rc;

/// A value and the place it was written at: the beginning of provenance.
#[derive(Clone, Debug)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where.
    pub span: Span,
}

impl Node {
    /// A value at a place.
    pub fn new(value: Value, span: Span) -> Node {
        Node { value, span }
    }

    /// What stands for something already reported: whoever meets it says nothing.
    pub fn error(span: Span) -> Node {
        Node { value: Value::Error, span }
    }

    /// True for [`Value::Error`].
    pub fn is_error(&self) -> bool {
        matches!(self.value, Value::Error)
    }
}

/// A number: exact as long as it can be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Num {
    /// A literal, or made from literals by `+ - * /`.
    Exact(Fraction),
    /// The result of a function such as `sqrt`.
    Float(f64),
}

impl Num {
    /// The nearest f64.
    pub fn to_f64(self) -> f64 {
        match self {
            Num::Exact(f) => f.to_f64(),
            Num::Float(x) => x,
        }
    }
}

/// A value.
#[derive(Clone, Debug)]
pub enum Value {
    /// Already reported.
    Error,
    /// `none`
    None,
    /// A truth value.
    Bool(bool),
    /// A number with its dimension.
    Number(Num, Dim),
    /// Text, or a path.
    Text(String),
    /// A word of a closed set, `matrices`.
    Word(String),
    /// `.text`
    Column(String),
    /// A list.
    List(Vec<Node>),
    /// A record, or a block made by a constructor such as `Llama { … }`.
    Object(Rc<Object>),
    /// A number known only at run time, within `at t => …`.
    Code(Rc<Code>, Dim),
    /// A truth value known only at run time.
    Test(Rc<Code>),
    /// A function of the spec or of the standard library.
    Function(ItemId),
    /// A function or constructor of the compiler.
    Builtin(Builtin),
    /// `at t => …` with what its body can see.
    Schedule(Rc<Closure>),
    /// A dataset.
    Dataset(Rc<DatasetValue>),
    /// A tokenizer.
    Tokenizer(Rc<TokenizerValue>),
    /// A complete mixture.
    Mix(Rc<Mix>),
    /// A cadence.
    Cadence(Rc<CadenceValue>),
    /// `5% -> 14%`: from the stage's beginning to its end.
    Ramp(Fraction, Fraction, Dim),
    /// `4T..6T tokens`
    Range(Fraction, Fraction, Dim),
    /// Something a guard reads while training: `loss`, `eval.mmlu`, `loss.ema`.
    Signal(String),
    /// A classifier.
    Classifier(Rc<ClassifierValue>),
    /// An evaluation.
    Eval(Rc<EvalValue>),
    /// Several evaluations.
    Suite(Rc<Vec<Rc<EvalValue>>>),
    /// A run, named as a value: `pretrain`.
    Run(ItemId),
    /// A stage of a run: `pretrain.anneal`.
    Stage(ItemId, String),
}

impl Value {
    /// An exact number.
    pub fn exact(f: Fraction, dim: Dim) -> Value {
        Value::Number(Num::Exact(f), dim)
    }

    /// What a message calls it: `2000 steps`, `a list`, `the dataset `web``.
    pub fn phrase(&self) -> String {
        match self {
            Value::Error => "an error".into(),
            Value::None => "`none`".into(),
            Value::Bool(b) => format!("`{b}`"),
            Value::Number(Num::Exact(f), Dim::Number) => {
                format!("the plain number {}", quantity(*f, Dim::Number))
            }
            Value::Number(Num::Exact(f), dim) => quantity(*f, *dim),
            Value::Number(Num::Float(x), dim) => format!("{x} {}", dim.word()).trim_end().to_string(),
            Value::Text(_) => "text".into(),
            Value::Word(w) => format!("the word `{w}`"),
            Value::Column(c) => format!("the column `.{c}`"),
            Value::List(_) => "a list".into(),
            Value::Object(o) => match o.schema {
                Some(schema) => format!("a `{}` block", schema.name),
                None => "a record".into(),
            },
            Value::Code(_, dim) => format!("a value of the schedule, in {}", dim.phrase()),
            Value::Test(_) => "a condition of the schedule".into(),
            Value::Function(_) => "a function".into(),
            Value::Builtin(b) => format!("`{}`, which is a function", b.name()),
            Value::Schedule(_) => "a schedule".into(),
            Value::Dataset(d) if d.id.is_some() => format!("the dataset `{}`", d.name),
            Value::Dataset(_) => "a dataset without a name".into(),
            Value::Tokenizer(_) => "a tokenizer".into(),
            Value::Mix(_) => "a mix".into(),
            Value::Cadence(_) => "a cadence (`every …`)".into(),
            Value::Ramp(a, b, dim) => format!("a ramp from {} to {}", quantity(*a, *dim), quantity(*b, *dim)),
            Value::Range(a, b, dim) => {
                format!("a range from {} to {}", quantity(*a, *dim), quantity(*b, *dim))
            }
            Value::Signal(name) => format!("`{name}`, which is known only while training"),
            Value::Classifier(c) => format!("the classifier `{}`", c.name),
            Value::Eval(e) => format!("the evaluation `{}`", e.name),
            Value::Suite(_) => "a suite".into(),
            Value::Run(_) => "a run".into(),
            Value::Stage(_, name) => format!("the stage `{name}`"),
        }
    }
}

/// A classifier.
#[derive(Clone, Debug)]
pub struct ClassifierValue {
    /// The item that defines it; `None` before it has a name.
    pub id: Option<ItemId>,
    /// Name.
    pub name: String,
    /// Where it is defined.
    pub span: Span,
    /// Its fields, checked against [`crate::schema::classifier::LINEAR`].
    pub fields: Rc<Object>,
    /// What it is trained on.
    pub train: Rc<DatasetValue>,
}

/// An evaluation.
#[derive(Clone, Debug)]
pub struct EvalValue {
    /// The item that defines it.
    pub id: ItemId,
    /// Name.
    pub name: String,
    /// Where it is defined.
    pub span: Span,
    /// Its protocol, checked against one of [`crate::schema::PROTOCOLS`].
    pub fields: Rc<Object>,
    /// `data`, if it names files: their pattern, resolved.
    pub files: Option<String>,
}

/// An item of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemId {
    /// The module.
    pub module: usize,
    /// Index among its items.
    pub item: usize,
}

/// A record and where its fields were set.
#[derive(Clone, Debug)]
pub struct Object {
    /// What it is an instance of.
    pub schema: Option<&'static Schema>,
    /// Fields as written, defaults left out.
    pub fields: Map<Field>,
    /// The whole record.
    pub span: Span,
}

/// A field of a record.
#[derive(Clone, Debug)]
pub struct Field {
    /// Where the key stands.
    pub key: Span,
    /// The value.
    pub node: Node,
    /// Where it was set before this value won, oldest first.
    pub before: Vec<Span>,
}

impl Field {
    /// A field that nobody had set before.
    pub fn new(key: Span, node: Node) -> Field {
        Field { key, node, before: Vec::new() }
    }
}

/// `at t => body`
#[derive(Clone, Debug)]
pub struct Closure {
    /// `t`
    pub parameter: String,
    /// The body.
    pub body: ast::Expr,
    /// The arguments of the function that made it.
    pub locals: Locals,
}

/// Local names: function parameters and `t`, `end`.
pub type Locals = Rc<Map<Node>>;

/// Values by name, in the order written. Nobody chooses names against us: the fast hash does.
pub type Map<V> = IndexMap<String, V, FxBuildHasher>;

/// A dataset, named or still being piped together.
#[derive(Clone, Debug)]
pub struct DatasetValue {
    /// The item that defines it; `None` inside a pipeline.
    pub id: Option<ItemId>,
    /// Name.
    pub name: String,
    /// Where it is defined.
    pub span: Span,
    /// Source.
    pub source: Source,
    /// Where each pattern was written.
    pub pattern_spans: Vec<Span>,
    /// Sample.
    pub take: Option<Take>,
    /// Validation split.
    pub validation_per_million: u32,
    /// Stated size.
    pub stated_tokens: Option<u64>,
    /// Stated size in documents.
    pub stated_documents: Option<u64>,
    /// Columns, when a document is not one text.
    pub columns: Option<smolc_plan::Columns>,
    /// Steps before the sample and the split.
    pub steps: Vec<StepValue>,
    /// Passes it allows.
    pub limit: Option<(Fraction, Span)>,
    /// Columns that are read, and where each is named.
    pub reads: Vec<(String, Span)>,
}

/// A step of a pipeline.
#[derive(Clone, Debug)]
pub enum StepValue {
    /// Whatever the plan can hold as it is.
    Plan(smolc_plan::Step, Span),
    /// `where` and `thin`, whose filter may call classifiers.
    Filter {
        /// The filter.
        filter: smolc_plan::Filter,
        /// `thin`, with its seed.
        thin: Option<u64>,
        /// Classifiers it calls.
        classifiers: Vec<Rc<ClassifierValue>>,
        /// Where.
        span: Span,
    },
    /// `decontaminate`
    Decontaminate {
        /// Against these.
        against: Vec<Rc<EvalValue>>,
        /// Length of the sequences.
        ngram: u64,
        /// Share covered.
        overlap: Option<Fraction>,
        /// Where.
        span: Span,
    },
}

impl StepValue {
    /// Where it stands.
    pub fn span(&self) -> Span {
        match self {
            StepValue::Plan(_, span)
            | StepValue::Filter { span, .. }
            | StepValue::Decontaminate { span, .. } => *span,
        }
    }
}

/// A tokenizer.
#[derive(Clone, Debug)]
pub struct TokenizerValue {
    /// The item that defines it.
    pub id: Option<ItemId>,
    /// Name.
    pub name: String,
    /// Where it is defined.
    pub span: Span,
    /// Where it comes from.
    pub source: TokenizerKind,
    /// End of document.
    pub eos: String,
    /// Beginning of document.
    pub bos: Option<String>,
    /// Number of tokens, if known.
    pub vocab: Option<u64>,
}

/// Where a tokenizer comes from.
#[derive(Clone, Debug)]
pub enum TokenizerKind {
    /// A file.
    Hf(String),
    /// Trained.
    Bpe {
        /// On these datasets.
        train: Vec<Rc<DatasetValue>>,
        /// Bytes of each at most.
        bytes: u64,
        /// Seed.
        seed: u64,
        /// Digits are tokens of their own.
        split_digits: bool,
    },
}

/// A mixture whose weights sum to exactly one.
#[derive(Clone, Debug)]
pub struct Mix {
    /// Terms, no dataset twice.
    pub terms: Vec<MixTerm>,
}

/// A dataset in a mixture.
#[derive(Clone, Debug)]
pub struct MixTerm {
    /// The dataset.
    pub dataset: Rc<DatasetValue>,
    /// Its share over the stage.
    pub weight: Share,
    /// The term that brought it in.
    pub span: Span,
}

/// `every 100 steps and at stage end, keep 2`, evaluated.
#[derive(Clone, Debug)]
pub struct CadenceValue {
    /// `smollm2_base`
    pub what: Option<Node>,
    /// The interval.
    pub every: Option<Node>,
    /// `at stage end`
    pub stage_end: Option<Span>,
    /// `at end`
    pub end: Option<Span>,
    /// `keep 2`
    pub keep: Option<Node>,
}
