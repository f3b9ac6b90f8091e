//! `sqrt(x)`

use super::{Definition, Eval, UnaryInstruction};

pub(super) const DEFINITION: Definition = Definition {
    name: "sqrt",
    doc: "Square root, correctly rounded; NaN below zero, -0 of -0.",
    eval: Eval::One { instruction: UnaryInstruction::Sqrt, call: sqrt },
};

fn sqrt(x: f64) -> f64 {
    libm::sqrt(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negative_numbers_have_none() {
        assert!(sqrt(-1.0).is_nan());
        assert_eq!(sqrt(-0.0).to_bits(), (-0.0f64).to_bits());
        assert_eq!(sqrt(2.25), 1.5);
    }
}
