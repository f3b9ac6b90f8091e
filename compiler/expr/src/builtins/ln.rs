//! `ln(x)`

use super::{Definition, Eval};

pub(super) const DEFINITION: Definition = Definition {
    name: "ln",
    doc: "Natural logarithm; -inf at zero, NaN below.",
    eval: Eval::HostOne { symbol: "smol_ln", call: ln },
};

extern "C" fn ln(x: f64) -> f64 {
    libm::log(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges() {
        assert_eq!(ln(1.0), 0.0);
        assert_eq!(ln(0.0), f64::NEG_INFINITY);
        assert!(ln(-1.0).is_nan());
    }
}
