//! What is wrong with an expression.

use crate::{Kind, MAX_DEPTH, MAX_NODES};

/// Why an expression was refused. Expressions come from plans on disk, so none of these is a programming error only.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ExprError {
    /// A variable that is not among the inputs.
    #[error("the expression reads `{name}`, but its inputs are {known}; give it one of those")]
    UnknownVariable {
        /// The variable.
        name: String,
        /// The inputs there are, for people.
        known: String,
    },
    /// Two inputs of one name.
    #[error("the input `{name}` is declared twice")]
    DuplicateInput {
        /// The name.
        name: String,
    },
    /// A builtin called with the wrong number of arguments.
    #[error("`{builtin}` takes {expected} argument(s), not {found}: {text}")]
    Arity {
        /// The builtin.
        builtin: &'static str,
        /// Arguments it takes.
        expected: usize,
        /// Arguments given.
        found: usize,
        /// The call.
        text: String,
    },
    /// A constant that is infinite or not a number.
    #[error("{value} stands as a constant; constants must be finite")]
    NotFinite {
        /// The value.
        value: f64,
    },
    /// A number where a truth value is due, or the other way round.
    #[error("`{text}` is a {found}, but {place} needs a {expected}")]
    Mismatch {
        /// What the operand is part of.
        place: &'static str,
        /// What it must be.
        expected: Kind,
        /// What it is.
        found: Kind,
        /// The operand.
        text: String,
    },
    /// Nested too deeply.
    #[error("the expression is nested more than {MAX_DEPTH} levels deep; split it or simplify it")]
    TooDeep,
    /// Too many operators.
    #[error("the expression has more than {MAX_NODES} parts; simplify it")]
    TooLarge,
}
