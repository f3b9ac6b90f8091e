//! `cos(x)`

use super::{Definition, Eval};

pub(super) const DEFINITION: Definition = Definition {
    name: "cos",
    doc: "Cosine of an angle in radians; NaN at infinity.",
    eval: Eval::HostOne { symbol: "smol_cos", call: cos },
};

extern "C" fn cos(x: f64) -> f64 {
    libm::cos(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges() {
        assert_eq!(cos(0.0), 1.0);
        assert!(cos(f64::INFINITY).is_nan());
    }
}
