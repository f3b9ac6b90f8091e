//! The typed syntax tree: what the tolerant parser yields for each file.
//!
//! Every node carries the byte span it was written at. Nothing here is resolved: names are text, numbers are exact text
//! values with their magnitude and unit. A piece that did not parse is an [`ExprKind::Error`] or an item or member of
//! kind `Error`, which later phases pass over in silence (its diagnostic exists already).

use smolc_diag::Span;

/// A parsed file.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// The `smol N` line.
    pub version: Option<(u32, Span)>,
    /// `//!` lines.
    pub docs: Vec<String>,
    /// Items in order.
    pub items: Vec<Item>,
}

/// A name and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ident {
    /// The name.
    pub text: String,
    /// Its span.
    pub span: Span,
}

/// `#[allow(smol::data::epochs, reason = "…")]`
#[derive(Clone, Debug)]
pub struct Attribute {
    /// `allow`
    pub name: Ident,
    /// Codes, `smol::data::epochs`.
    pub codes: Vec<Ident>,
    /// The reason.
    pub reason: Option<String>,
    /// The whole attribute.
    pub span: Span,
}

/// A top-level item.
#[derive(Clone, Debug)]
pub struct Item {
    /// `///` lines.
    pub docs: Vec<String>,
    /// Attributes.
    pub attributes: Vec<Attribute>,
    /// What it is.
    pub kind: ItemKind,
    /// The whole item, without docs.
    pub span: Span,
}

/// Kinds of item.
#[derive(Clone, Debug)]
pub enum ItemKind {
    /// `use std.schedules.{wsd, linear}`, `use std.models`, `use "data.smol" as data`
    Use(Use),
    /// `param root: Path = "."`
    Param {
        /// Name.
        name: Ident,
        /// Type.
        ty: Ident,
        /// Default.
        default: Option<Expr>,
    },
    /// `let window = 2048 tokens`
    Let {
        /// Name.
        name: Ident,
        /// Value.
        value: Expr,
    },
    /// `fn wsd(peak: Rate, decay: Ratio = 10%) -> Schedule = …`
    Fn(Function),
    /// `dataset`, `tokenizer`, `model`, `mix`, `classifier`, `schedule`, `eval`, `suite`: `KEYWORD name = value`
    Define {
        /// The keyword.
        keyword: Ident,
        /// Name.
        name: Ident,
        /// Value.
        value: Expr,
    },
    /// `run name [from base [at span]] [with?] { … }`
    Run(Run),
    /// `sweep name over var in [ … ] { … }`
    Sweep {
        /// Name.
        name: Ident,
        /// Variable.
        variable: Ident,
        /// Values.
        values: Expr,
        /// Body: runs and fields.
        body: Vec<Member>,
    },
    /// `target h100x256 { … }`
    Target {
        /// Name.
        name: Ident,
        /// Body.
        body: Vec<Member>,
    },
    /// Did not parse; what is known of it.
    Error {
        /// Keyword, if recognised.
        keyword: Option<Ident>,
        /// Name, if present: later uses of it are not reported as unknown.
        name: Option<Ident>,
    },
}

/// A `use` item.
#[derive(Clone, Debug)]
pub struct Use {
    /// Where from.
    pub source: UseSource,
    /// `{wsd, linear}`; empty = the module itself.
    pub names: Vec<Ident>,
    /// `as data`
    pub alias: Option<Ident>,
}

/// Where a `use` reads from.
#[derive(Clone, Debug)]
pub enum UseSource {
    /// `std.schedules`: path segments.
    Path(Vec<Ident>),
    /// `"data.smol"`, relative to the file that says it.
    File(String, Span),
}

/// A function.
#[derive(Clone, Debug)]
pub struct Function {
    /// Name.
    pub name: Ident,
    /// Parameters.
    pub parameters: Vec<Parameter>,
    /// Result type.
    pub result: Option<Ident>,
    /// Body.
    pub body: Expr,
}

/// A function's parameter.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Name.
    pub name: Ident,
    /// Type.
    pub ty: Option<Ident>,
    /// Default.
    pub default: Option<Expr>,
}

/// A run.
#[derive(Clone, Debug)]
pub struct Run {
    /// Name.
    pub name: Ident,
    /// `from pretrain`, and the position of the branch `at 3T tokens`.
    pub from: Option<(Expr, Option<Expr>)>,
    /// `run pretrain with { … }` inside a sweep.
    pub with: bool,
    /// Body.
    pub body: Vec<Member>,
}

/// A member of a block or record.
#[derive(Clone, Debug)]
pub struct Member {
    /// `///` lines.
    pub docs: Vec<String>,
    /// Attributes.
    pub attributes: Vec<Attribute>,
    /// What it is.
    pub kind: MemberKind,
    /// The whole member.
    pub span: Span,
}

/// Kinds of member.
#[derive(Clone, Debug)]
pub enum MemberKind {
    /// `name: value`
    Field {
        /// Name.
        name: Ident,
        /// Value.
        value: Expr,
    },
    /// `stage name for span [until guard] { … }`
    Stage(Stage),
    /// A run inside a sweep.
    Run(Run),
    /// `drop name`
    Drop {
        /// What is dropped.
        name: Ident,
    },
    /// Did not parse; the key, if known, counts as given.
    Error {
        /// The key.
        name: Option<Ident>,
    },
}

/// A stage.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Name.
    pub name: Ident,
    /// `for 6T tokens`, `for 4T..6T tokens`
    pub length: Option<Expr>,
    /// `until guard`
    pub until: Option<Expr>,
    /// Body.
    pub body: Vec<Member>,
}

/// An expression.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands.
    pub span: Span,
}

/// Kinds of expression.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// `24`, `49_152`, `5e-4`, `60%`, `6T tokens`
    Number(Number),
    /// `"…{name}…"`
    Text(Vec<TextPart>),
    /// `true`, `false`
    Bool(bool),
    /// `none`
    None,
    /// `wsd`
    Name(Ident),
    /// `data.fineweb_edu`, `pretrain.anneal.mix`
    Member(Box<Expr>, Ident),
    /// `.score`: a column of the dataset being defined.
    Column(Ident),
    /// `[a, b]`
    List(Vec<Expr>),
    /// `{ a: 1, b: 2 }`
    Record(Vec<Member>),
    /// `f(a, name: b)`, with the record that may follow: `files("…") { text: .text }`.
    Call {
        /// The function.
        function: Box<Expr>,
        /// Arguments.
        arguments: Vec<Argument>,
        /// `{ … }` right behind.
        record: Option<Vec<Member>>,
    },
    /// `Llama { … }`
    Construct(Box<Expr>, Vec<Member>),
    /// `base with { … }`
    With(Box<Expr>, Vec<Member>),
    /// `-x`, `not x`
    Unary(UnaryOp, Box<Expr>),
    /// `a + b`, `a and b`
    Binary(BinaryOp, Span, Box<Expr>, Box<Expr>),
    /// `60% data.web`, `share data.web`: a weight in front of a mix.
    Weighted(Box<Expr>, Box<Expr>),
    /// `rest data.web`
    Rest(Box<Expr>),
    /// `5% -> 14%`
    Ramp(Box<Expr>, Box<Expr>),
    /// `4T..6T tokens`
    Range(Box<Expr>, Box<Expr>),
    /// `if c then a else b`
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `at t => body`
    At(Ident, Box<Expr>),
    /// `source |> where(…)`
    Pipe(Box<Expr>, Box<Expr>),
    /// `[what] every 2000 steps [and at stage end], keep 5`; `at stage end`; `at end`
    Cadence(Cadence),
    /// `( … )`
    Paren(Box<Expr>),
    /// Did not parse.
    Error,
}

/// When something happens.
#[derive(Clone, Debug)]
pub struct Cadence {
    /// What happens, `smollm2_base`.
    pub what: Option<Box<Expr>>,
    /// `every 500B tokens`
    pub every: Option<Box<Expr>>,
    /// `at stage end`
    pub stage_end: Option<Span>,
    /// `at end`
    pub end: Option<Span>,
    /// `keep 5`
    pub keep: Option<Box<Expr>>,
}

/// An argument.
#[derive(Clone, Debug)]
pub struct Argument {
    /// `name:`
    pub name: Option<Ident>,
    /// Value.
    pub value: Expr,
}

/// Part of a text literal.
#[derive(Clone, Debug)]
pub enum TextPart {
    /// Literal text, escapes resolved.
    Literal(String),
    /// `{name}`
    Interpolation(Expr),
}

/// A number as written, exact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number {
    /// Digits without `_`, as an exact decimal: mantissa · 10^exponent.
    pub mantissa: u128,
    /// Power of ten.
    pub exponent: i32,
    /// Whether a fraction or an exponent was written (`5e-4`, `1.5`), so that it is not an integer literal.
    pub decimal: bool,
    /// `k M B T Ki Mi Gi Ti`
    pub magnitude: Option<Magnitude>,
    /// `%`
    pub percent: bool,
    /// `tokens`, `steps`, …; singular and plural are the same unit.
    pub unit: Option<Unit>,
    /// Span of the unit word.
    pub unit_span: Option<Span>,
}

/// Magnitudes: powers of 1000 and of 1024.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Magnitude {
    K,
    M,
    B,
    T,
    Ki,
    Mi,
    Gi,
    Ti,
}

/// Units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Unit {
    Tokens,
    Steps,
    Sequences,
    Epochs,
    Documents,
    Evals,
    Bytes,
    Seconds,
    Minutes,
    Hours,
    Days,
}

/// Operators of one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum UnaryOp {
    Neg,
    Not,
}

/// Operators of two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Lt,
    Le,
    Gt,
    Ge,
    Eq,
    Ne,
    And,
    Or,
}
