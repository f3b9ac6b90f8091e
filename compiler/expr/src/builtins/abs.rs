//! `abs(x)`

use super::{Definition, Eval, UnaryInstruction};

pub(super) const DEFINITION: Definition = Definition {
    name: "abs",
    doc: "Absolute value: the sign bit is cleared.",
    eval: Eval::One { instruction: UnaryInstruction::Abs, call: abs },
};

fn abs(x: f64) -> f64 {
    libm::fabs(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minus_zero_becomes_zero() {
        assert_eq!(abs(-0.0).to_bits(), 0.0f64.to_bits());
        assert_eq!(abs(-2.5), 2.5);
    }
}
