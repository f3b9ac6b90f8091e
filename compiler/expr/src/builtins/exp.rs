//! `exp(x)`

use super::{Definition, Eval};

pub(super) const DEFINITION: Definition = Definition {
    name: "exp",
    doc: "Exponential function, base e.",
    eval: Eval::HostOne { symbol: "smol_exp", call: exp },
};

extern "C" fn exp(x: f64) -> f64 {
    libm::exp(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saturates() {
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(f64::NEG_INFINITY), 0.0);
        assert_eq!(exp(1e3), f64::INFINITY);
    }
}
