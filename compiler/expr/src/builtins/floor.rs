//! `floor(x)`

use super::{Definition, Eval};

pub(super) const DEFINITION: Definition = Definition {
    name: "floor",
    doc: "Largest integer not above the number.",
    eval: Eval::HostOne { symbol: "smol_floor", call: floor },
};

extern "C" fn floor(x: f64) -> f64 {
    libm::floor(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_down() {
        assert_eq!(floor(2.7), 2.0);
        assert_eq!(floor(-2.1), -3.0);
        assert_eq!(floor(f64::INFINITY), f64::INFINITY);
    }
}
