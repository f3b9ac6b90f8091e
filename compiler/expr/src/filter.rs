//! A filter: an expression over the columns of a document.
//!
//! The expression IR knows numbers only, so what a filter asks of a column (its value, whether it equals a text, how long
//! it is) is an [`Input`] with a name, and the expression reads that name as a variable. Whoever runs the filter fills the
//! inputs, a column at a time, and never looks at the expression.
//!
//! A missing value is NaN as a number and false as a test. So `.score >= 3` is false for a document without a score, and
//! `.score != 3` is true for it, as IEEE 754 has it; `present(.score)` asks.

use crate::{Expr, ExprError};
use serde::{Deserialize, Serialize};
use std::fmt;

/// An expression over documents, with what it reads of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Over the names of `inputs`.
    pub expr: Expr,
    /// In order of first use, none twice.
    pub inputs: Vec<Input>,
}

/// What is read of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case", deny_unknown_fields)]
pub enum Input {
    /// A column of numbers (or truth values, 0 and 1).
    Number {
        /// Column.
        column: String,
    },
    /// 1 if the column is exactly this text.
    Equals {
        /// Column.
        column: String,
        /// Text.
        text: String,
    },
    /// 1 if the column contains this text.
    Contains {
        /// Column.
        column: String,
        /// Text.
        text: String,
    },
    /// 1 if the column begins with this text.
    StartsWith {
        /// Column.
        column: String,
        /// Text.
        text: String,
    },
    /// 1 if the column ends with this text.
    EndsWith {
        /// Column.
        column: String,
        /// Text.
        text: String,
    },
    /// Unicode characters in the column.
    Length {
        /// Column.
        column: String,
    },
    /// 1 if the document has the column.
    Present {
        /// Column.
        column: String,
    },
    /// What a classifier of the plan says of a column of text.
    Classifier {
        /// Name of the classifier.
        classifier: String,
        /// Column.
        column: String,
    },
}

impl Input {
    /// The column it looks at.
    pub fn column(&self) -> &str {
        match self {
            Input::Number { column }
            | Input::Equals { column, .. }
            | Input::Contains { column, .. }
            | Input::StartsWith { column, .. }
            | Input::EndsWith { column, .. }
            | Input::Length { column }
            | Input::Present { column }
            | Input::Classifier { column, .. } => column,
        }
    }
}

/// The name of the input in the expression, which is how a spec writes it.
impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Input::Number { column } => write!(f, ".{column}"),
            Input::Equals { column, text } => write!(f, ".{column} == {text:?}"),
            Input::Contains { column, text } => write!(f, "contains(.{column}, {text:?})"),
            Input::StartsWith { column, text } => write!(f, "starts_with(.{column}, {text:?})"),
            Input::EndsWith { column, text } => write!(f, "ends_with(.{column}, {text:?})"),
            Input::Length { column } => write!(f, "length(.{column})"),
            Input::Present { column } => write!(f, "present(.{column})"),
            Input::Classifier { classifier, column } => write!(f, "{classifier}(.{column})"),
        }
    }
}

impl Filter {
    /// Checks that the expression reads its inputs only.
    ///
    /// Errors: see [`Expr::verify`].
    pub fn verify(&self) -> Result<(), ExprError> {
        let names = self.names();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.expr.verify(&names).map(|_| ())
    }

    /// Names of the inputs, in their order.
    pub fn names(&self) -> Vec<String> {
        self.inputs.iter().map(Input::to_string).collect()
    }

    /// The value for one document, its inputs in order: the reference meaning.
    ///
    /// Errors: see [`Expr::verify`].
    pub fn eval(&self, values: &[f64]) -> Result<f64, ExprError> {
        let names = self.names();
        let pairs: Vec<(&str, f64)> = names.iter().map(String::as_str).zip(values.iter().copied()).collect();
        self.expr.eval(&pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Binary;

    /// `.score >= 3 and .language == "en"`
    fn filter() -> Filter {
        let inputs = vec![
            Input::Number { column: "score".into() },
            Input::Equals { column: "language".into(), text: "en".into() },
        ];
        let var = |i: &Input| Box::new(Expr::Var(i.to_string()));
        let score = Expr::Binary(Binary::Ge, var(&inputs[0]), Box::new(Expr::Const(3.0)));
        let expr = Expr::Binary(Binary::And, Box::new(score), var(&inputs[1]));
        Filter { expr, inputs }
    }

    #[test]
    fn inputs_are_read_by_the_names_a_spec_writes() {
        let filter = filter();
        assert_eq!(filter.names(), [".score", ".language == \"en\""]);
        filter.verify().unwrap();
        for (values, kept) in
            [([4.0, 1.0], 1.0), ([3.0, 1.0], 1.0), ([4.0, 0.0], 0.0), ([f64::NAN, 1.0], 0.0)]
        {
            assert_eq!(filter.eval(&values), Ok(kept), "{values:?}");
        }
    }

    #[test]
    fn a_filter_reads_its_inputs_only_and_survives_json() {
        let mut filter = filter();
        let json = serde_json::to_string(&filter).unwrap();
        assert_eq!(serde_json::from_str::<Filter>(&json).unwrap(), filter);
        filter.inputs.pop();
        assert!(filter.verify().is_err());
    }
}
