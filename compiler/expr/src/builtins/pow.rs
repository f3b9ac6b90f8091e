//! `pow(x, y)`

use super::{Definition, Eval};

pub(super) const DEFINITION: Definition = Definition {
    name: "pow",
    doc: "First number to the power of the second, as IEEE 754 `pow`: anything to the power 0 is 1, even NaN.",
    eval: Eval::HostTwo { symbol: "smol_pow", call: pow },
};

extern "C" fn pow(x: f64, y: f64) -> f64 {
    libm::pow(x, y)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges() {
        assert_eq!(pow(2.0, 10.0), 1024.0);
        assert_eq!(pow(f64::NAN, 0.0), 1.0);
        assert!(pow(-8.0, 1.0 / 3.0).is_nan());
    }
}
