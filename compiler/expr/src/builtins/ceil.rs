//! `ceil(x)`

use super::{Definition, Eval};

pub(super) const DEFINITION: Definition = Definition {
    name: "ceil",
    doc: "Smallest integer not below the number.",
    eval: Eval::HostOne { symbol: "smol_ceil", call: ceil },
};

extern "C" fn ceil(x: f64) -> f64 {
    libm::ceil(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_up() {
        assert_eq!(ceil(2.1), 3.0);
        assert_eq!(ceil(-0.5).to_bits(), (-0.0f64).to_bits());
    }
}
