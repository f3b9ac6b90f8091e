//! Exact rational numbers: mixture weights and shares never pass through floating point.

use num_integer::Integer;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;

/// A non-negative fraction in lowest terms.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ratio {
    /// Numerator.
    pub num: u64,
    /// Denominator, at least 1.
    pub den: u64,
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
        let (a, b) = (u128::from(self.num) * u128::from(other.den), u128::from(other.num) * u128::from(self.den));
        Ratio::from_u128(a.checked_add(b)?, u128::from(self.den) * u128::from(other.den))
    }

    /// Difference; `None` on overflow or when `other` is larger.
    pub fn checked_sub(self, other: Ratio) -> Option<Ratio> {
        let (a, b) = (u128::from(self.num) * u128::from(other.den), u128::from(other.num) * u128::from(self.den));
        Ratio::from_u128(a.checked_sub(b)?, u128::from(self.den) * u128::from(other.den))
    }

    /// Product; `None` on overflow.
    pub fn checked_mul(self, other: Ratio) -> Option<Ratio> {
        Ratio::from_u128(u128::from(self.num) * u128::from(other.num), u128::from(self.den) * u128::from(other.den))
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
