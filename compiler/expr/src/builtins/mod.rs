//! The closed table of builtin functions, one a file.
//!
//! A builtin is a name, a sentence for people, a function that is its meaning, and how machine code gets the same bits:
//! either an instruction of the same IEEE 754 operation, or a call of that very function under a `smol_` symbol. The
//! functions come from the `libm` crate, so that neither path depends on the platform's C library.

mod abs;
mod ceil;
mod cos;
mod exp;
mod floor;
mod ln;
mod max;
mod min;
mod pow;
mod sin;
mod sqrt;

use crate::Builtin;

/// A builtin function.
pub(crate) struct Definition {
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) eval: Eval,
}

/// The meaning of a builtin, and its lowering.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "jit"), allow(dead_code))] // the lowering
pub(crate) enum Eval {
    /// One operand, an instruction in machine code.
    One { instruction: UnaryInstruction, call: fn(f64) -> f64 },
    /// Two operands, an instruction in machine code.
    Two { instruction: BinaryInstruction, call: fn(f64, f64) -> f64 },
    /// One operand, called from machine code. The function must not panic.
    HostOne { symbol: &'static str, call: extern "C" fn(f64) -> f64 },
    /// Two operands, called from machine code. The function must not panic.
    HostTwo { symbol: &'static str, call: extern "C" fn(f64, f64) -> f64 },
}

/// Instructions of one operand that machine code has for every target.
#[derive(Clone, Copy, Debug)]
pub(crate) enum UnaryInstruction {
    Abs,
    Sqrt,
}

/// Instructions of two operands. Both propagate NaN and order the zeros, which `f64::min` and `f64::max` do not.
#[derive(Clone, Copy, Debug)]
pub(crate) enum BinaryInstruction {
    Min,
    Max,
}

impl Builtin {
    /// Every builtin, in the order of the documentation.
    pub const ALL: [Builtin; 11] = [
        Builtin::Min,
        Builtin::Max,
        Builtin::Abs,
        Builtin::Floor,
        Builtin::Ceil,
        Builtin::Sqrt,
        Builtin::Exp,
        Builtin::Ln,
        Builtin::Pow,
        Builtin::Cos,
        Builtin::Sin,
    ];

    pub(crate) fn definition(self) -> Definition {
        match self {
            Builtin::Min => min::DEFINITION,
            Builtin::Max => max::DEFINITION,
            Builtin::Abs => abs::DEFINITION,
            Builtin::Floor => floor::DEFINITION,
            Builtin::Ceil => ceil::DEFINITION,
            Builtin::Sqrt => sqrt::DEFINITION,
            Builtin::Exp => exp::DEFINITION,
            Builtin::Ln => ln::DEFINITION,
            Builtin::Pow => pow::DEFINITION,
            Builtin::Cos => cos::DEFINITION,
            Builtin::Sin => sin::DEFINITION,
        }
    }

    /// The name it is called by.
    pub fn name(self) -> &'static str {
        self.definition().name
    }

    /// What it computes, in one sentence.
    pub fn doc(self) -> &'static str {
        self.definition().doc
    }

    /// Number of arguments.
    pub fn arity(self) -> usize {
        match self.definition().eval {
            Eval::One { .. } | Eval::HostOne { .. } => 1,
            Eval::Two { .. } | Eval::HostTwo { .. } => 2,
        }
    }

    /// The builtin called `name`.
    pub fn by_name(name: &str) -> Option<Builtin> {
        Builtin::ALL.into_iter().find(|builtin| builtin.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for builtin in Builtin::ALL {
            assert_eq!(Builtin::by_name(builtin.name()), Some(builtin));
            assert!(builtin.doc().ends_with('.'), "{}", builtin.name());
        }
        assert_eq!(Builtin::by_name("getpid"), None);
    }

    /// The name in a plan's JSON is the name in the language.
    #[test]
    fn names_are_those_of_the_plan() {
        for builtin in Builtin::ALL {
            assert_eq!(serde_json::to_value(builtin).unwrap(), builtin.name());
        }
    }
}
