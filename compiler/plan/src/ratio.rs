//! Exact rational numbers: mixture weights and shares never pass through floating point.

use num_integer::Integer;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;

/// A non-negative fraction in lowest terms. Reading one from JSON refuses a zero denominator and reduces the rest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Fraction")]
pub struct Ratio {
    /// Numerator.
    pub num: u64,
    /// Denominator, at least 1.
    pub den: u64,
}

/// A fraction as it stands in a file, not trusted yet.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fraction {
    num: u64,
    den: u64,
}

impl TryFrom<Fraction> for Ratio {
    type Error = String;

    fn try_from(f: Fraction) -> Result<Ratio, String> {
        Ratio::new(f.num, f.den).ok_or_else(|| format!("the fraction {}/0 has no value", f.num))
    }
}

impl Ratio {
    /// Zero.
    pub const ZERO: Ratio = Ratio { num: 0, den: 1 };
    /// One, that is 100%.
    pub const ONE: Ratio = Ratio { num: 1, den: 1 };

    /// `num / den` in lowest terms; `None` when `den` is zero.
    pub fn new(num: u64, den: u64) -> Option<Ratio> {
        if den == 0 {
            return None;
        }
        let g = num.gcd(&den);
        Some(Ratio { num: num / g, den: den / g })
    }

    fn from_u128(num: u128, den: u128) -> Option<Ratio> {
        let g = num.gcd(&den);
        if g == 0 {
            return None;
        }
        Some(Ratio { num: u64::try_from(num / g).ok()?, den: u64::try_from(den / g).ok()? })
    }

    /// Sum; `None` on overflow.
    pub fn checked_add(self, other: Ratio) -> Option<Ratio> {
        let (a, b) =
            (u128::from(self.num) * u128::from(other.den), u128::from(other.num) * u128::from(self.den));
        Ratio::from_u128(a.checked_add(b)?, u128::from(self.den) * u128::from(other.den))
    }

    /// Difference; `None` on overflow or when `other` is larger.
    pub fn checked_sub(self, other: Ratio) -> Option<Ratio> {
        let (a, b) =
            (u128::from(self.num) * u128::from(other.den), u128::from(other.num) * u128::from(self.den));
        Ratio::from_u128(a.checked_sub(b)?, u128::from(self.den) * u128::from(other.den))
    }

    /// Product; `None` on overflow.
    pub fn checked_mul(self, other: Ratio) -> Option<Ratio> {
        Ratio::from_u128(
            u128::from(self.num) * u128::from(other.num),
            u128::from(self.den) * u128::from(other.den),
        )
    }

    /// `self · n`, rounded down; `None` on overflow.
    pub fn floor_of(self, n: u64) -> Option<u64> {
        u64::try_from(u128::from(self.num) * u128::from(n) / u128::from(self.den)).ok()
    }

    /// The nearest f64.
    pub fn to_f64(self) -> f64 {
        self.num as f64 / self.den as f64
    }

    /// True for zero.
    pub fn is_zero(self) -> bool {
        self.num == 0
    }
}

impl PartialOrd for Ratio {
    fn partial_cmp(&self, other: &Ratio) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ratio {
    fn cmp(&self, other: &Ratio) -> Ordering {
        (u128::from(self.num) * u128::from(other.den)).cmp(&(u128::from(other.num) * u128::from(self.den)))
    }
}

impl fmt::Debug for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.num, self.den)
    }
}

/// As a percentage, exact where a finite decimal exists, to four significant digits otherwise.
impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut den = self.den;
        for p in [2, 5] {
            while den.is_multiple_of(p) {
                den /= p;
            }
        }
        let percent = self.to_f64() * 100.0;
        if den == 1 {
            let text = format!("{percent:.10}");
            write!(f, "{}%", text.trim_end_matches('0').trim_end_matches('.'))
        } else {
            write!(f, "{percent:.4}%")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ratio() -> impl Strategy<Value = Ratio> {
        (0u64..100_000, 1u64..100_000).prop_map(|(n, d)| Ratio::new(n, d).unwrap())
    }

    proptest! {
        #[test]
        fn addition_is_undone_by_subtraction(a in ratio(), b in ratio()) {
            prop_assert_eq!(a.checked_add(b).unwrap().checked_sub(b), Some(a));
        }

        #[test]
        fn order_agrees_with_subtraction(a in ratio(), b in ratio()) {
            prop_assert_eq!(a >= b, a.checked_sub(b).is_some());
        }

        #[test]
        fn json_round_trip(a in ratio()) {
            let text = serde_json::to_string(&a).unwrap();
            prop_assert_eq!(serde_json::from_str::<Ratio>(&text).unwrap(), a);
        }
    }

    #[test]
    fn overflow_is_none_and_zero_denominators_are_refused() {
        let big = Ratio::new(u64::MAX, 1).unwrap();
        assert_eq!(big.checked_add(Ratio::ONE), None);
        assert_eq!(big.checked_mul(big), None);
        assert_eq!(Ratio::new(1, 0), None);
        assert!(serde_json::from_str::<Ratio>(r#"{"num":1,"den":0}"#).is_err());
    }

    #[test]
    fn percentages_read_well() {
        let cases = [(3, 5, "60%"), (1, 3, "33.3333%"), (1, 10_000, "0.01%"), (1, 1, "100%"), (0, 1, "0%")];
        for (num, den, text) in cases {
            assert_eq!(Ratio::new(num, den).unwrap().to_string(), text);
        }
    }
}
