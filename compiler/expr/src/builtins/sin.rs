//! `sin(x)`

use super::{Definition, Eval};

pub(super) const DEFINITION: Definition = Definition {
    name: "sin",
    doc: "Sine of an angle in radians; NaN at infinity.",
    eval: Eval::HostOne { symbol: "smol_sin", call: sin },
};

extern "C" fn sin(x: f64) -> f64 {
    libm::sin(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges() {
        assert_eq!(sin(-0.0).to_bits(), (-0.0f64).to_bits());
        assert!(sin(f64::INFINITY).is_nan());
    }
}
