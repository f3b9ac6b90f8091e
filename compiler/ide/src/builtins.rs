//! Signatures and documentation of what the compiler itself provides.

use crate::schemas;

/// A function or constructor of the compiler's.
#[derive(Clone, Copy, Debug)]
pub struct BuiltinDoc {
    /// Its name.
    pub name: &'static str,
    /// How it is written.
    pub signature: &'static str,
    /// Its parameters, as they stand in the signature.
    pub parameters: &'static [&'static str],
    /// What it does.
    pub doc: &'static str,
}

const fn f(
    name: &'static str,
    signature: &'static str,
    parameters: &'static [&'static str],
    doc: &'static str,
) -> BuiltinDoc {
    BuiltinDoc { name, signature, parameters, doc }
}

const ALL: &[BuiltinDoc] = &[
    f(
        "env",
        "env(name: Text, default: Text) -> Text",
        &["name: Text", "default: Text"],
        "An environment variable, or the default where it is unset or empty.",
    ),
    f(
        "files",
        "files(pattern: Path) { … } -> Dataset",
        &["pattern: Path"],
        "Files as documents, one document a file.",
    ),
    f("text", "text(pattern: Path) { … } -> Dataset", &["pattern: Path"], "Text files, one document a line."),
    f(
        "jsonl",
        "jsonl(pattern: Path) { text: .column, … } -> Dataset",
        &["pattern: Path"],
        "JSON lines, one document an object.",
    ),
    f(
        "parquet",
        "parquet(pattern: Path) { text: .column, … } -> Dataset",
        &["pattern: Path"],
        "Parquet files, one document a row.",
    ),
    f(
        "sample",
        "dataset |> sample(bytes: Bytes, seed: Int = 0)",
        &["bytes: Bytes", "seed: Int = 0"],
        "Takes documents at random until they hold so many bytes.",
    ),
    f(
        "split",
        "dataset |> split(validation: Ratio)",
        &["validation: Ratio"],
        "Sets a share of the documents aside for validation.",
    ),
    f(
        "hf",
        "hf(path: Path) { eos: Text, … } -> Tokenizer",
        &["path: Path"],
        "A Hugging Face `tokenizer.json`.",
    ),
    f(
        "part",
        "part(portion: Portion, of: Span) -> Span",
        &["portion: Portion", "of: Span"],
        "A share of a span (`10%`), or a span as it is (`2000 steps`).",
    ),
    f("pi", "pi: Float", &[], "The ratio of a circle's circumference to its diameter."),
    f("end", "end: Span", &[], "The length of the run, within `at t => …`."),
    f("min", "min(x, y)", &["x", "y"], "The smaller of two numbers of one unit."),
    f("max", "max(x, y)", &["x", "y"], "The larger of two numbers of one unit."),
    f("abs", "abs(x)", &["x"], "The absolute value."),
    f("floor", "floor(x)", &["x"], "The largest whole number that is not larger."),
    f("ceil", "ceil(x)", &["x"], "The smallest whole number that is not smaller."),
    f("sqrt", "sqrt(x: Float) -> Float", &["x: Float"], "The square root."),
    f("exp", "exp(x: Float) -> Float", &["x: Float"], "e to the power of x."),
    f("ln", "ln(x: Float) -> Float", &["x: Float"], "The natural logarithm."),
    f("pow", "pow(x: Float, y: Float) -> Float", &["x: Float", "y: Float"], "x to the power of y."),
    f("cos", "cos(x: Float) -> Float", &["x: Float"], "The cosine of an angle in radians."),
    f("sin", "sin(x: Float) -> Float", &["x: Float"], "The sine of an angle in radians."),
];

/// Name, signature and documentation of every builtin function.
pub fn builtin_docs() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    ALL.iter().map(|b| (b.name, b.signature, b.doc))
}

/// What is known of a builtin.
pub fn documented(name: &str) -> Option<&'static BuiltinDoc> {
    ALL.iter().find(|b| b.name == name)
}

/// Signature and documentation of a builtin, constructors included.
pub fn describe(name: &str) -> (String, String) {
    if let Some(b) = documented(name) {
        return (b.signature.to_owned(), b.doc.to_owned());
    }
    match schemas::named(name) {
        Some(schema) => (format!("{name} {{ … }}"), schema.doc.to_owned()),
        None => (name.to_owned(), String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use smolc_check::value::Builtin;

    #[test]
    fn every_builtin_is_documented() {
        for b in Builtin::PRELUDE.iter().chain(Builtin::MODELS) {
            let (signature, doc) = describe(b.name());
            assert!(signature.contains(b.name()) && !doc.is_empty(), "{}", b.name());
        }
        for b in ALL {
            assert!(b.parameters.iter().all(|p| b.signature.contains(p)), "{}", b.name);
        }
    }
}
