//! `min(a, b)`

use super::{BinaryInstruction, Definition, Eval};

pub(super) const DEFINITION: Definition = Definition {
    name: "min",
    doc: "Smaller of two numbers. NaN if either is NaN; -0 counts as smaller than 0.",
    eval: Eval::Two { instruction: BinaryInstruction::Min, call: min },
};

fn min(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if a < b {
        a
    } else if b < a {
        b
    } else {
        // Equal: the same bits, or two zeros, of which the negative one wins.
        f64::from_bits(a.to_bits() | b.to_bits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_ordered_and_nan_wins() {
        assert_eq!(min(0.0, -0.0).to_bits(), (-0.0f64).to_bits());
        assert_eq!(min(-0.0, 0.0).to_bits(), (-0.0f64).to_bits());
        assert!(min(f64::NAN, 1.0).is_nan() && min(1.0, f64::NAN).is_nan());
        assert_eq!(min(f64::NEG_INFINITY, 3.0), f64::NEG_INFINITY);
    }
}
