//! Exact rational numbers: every literal of the language and all compile-time arithmetic.

use num_integer::Integer;
use smolc_syntax::ast::{Magnitude, Number};
use std::cmp::Ordering;

/// A fraction in lowest terms with a positive denominator. Every operation says `None` on overflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fraction {
    num: i128,
    den: i128,
}

// `add` and the like yield an option, so they cannot be the operators' traits.
#[allow(clippy::should_implement_trait)]
impl Fraction {
    /// Zero.
    pub const ZERO: Fraction = Fraction { num: 0, den: 1 };
    /// One, which is also 100%.
    pub const ONE: Fraction = Fraction { num: 1, den: 1 };

    /// `num / den`; `None` when `den` is zero or the reduced fraction does not fit.
    pub fn new(num: i128, den: i128) -> Option<Fraction> {
        // i128::MIN has no absolute value; nothing a spec says comes near it.
        if den == 0 || num == i128::MIN || den == i128::MIN {
            return None;
        }
        let g = gcd(num, den);
        let sign = den.signum();
        Some(Fraction { num: quotient(num, g) * sign, den: quotient(den, g) * sign })
    }

    /// A whole number.
    pub fn integer(n: u64) -> Fraction {
        Fraction { num: i128::from(n), den: 1 }
    }

    /// The value of a literal, its magnitude and `%` included; `None` when it does not fit.
    pub fn from_literal(n: &Number) -> Option<Fraction> {
        let mantissa = i128::try_from(n.mantissa).ok()?;
        let power = 10i128.checked_pow(n.exponent.unsigned_abs())?;
        let plain = if n.exponent >= 0 {
            Fraction::new(mantissa.checked_mul(power)?, 1)?
        } else {
            Fraction::new(mantissa, power)?
        };
        let scaled = match n.magnitude {
            Some(m) => plain.mul(Fraction::new(magnitude(m), 1)?)?,
            None => plain,
        };
        if n.percent { scaled.div(Fraction::integer(100)) } else { Some(scaled) }
    }

    /// Numerator.
    pub fn num(self) -> i128 {
        self.num
    }

    /// Denominator, positive.
    pub fn den(self) -> i128 {
        self.den
    }

    /// Sum.
    pub fn add(self, other: Fraction) -> Option<Fraction> {
        let g = gcd(self.den, other.den);
        let (a, b) = (quotient(other.den, g), quotient(self.den, g));
        let num = self.num.checked_mul(a)?.checked_add(other.num.checked_mul(b)?)?;
        Fraction::new(num, self.den.checked_mul(a)?)
    }

    /// Difference.
    pub fn sub(self, other: Fraction) -> Option<Fraction> {
        self.add(other.neg())
    }

    /// Product.
    pub fn mul(self, other: Fraction) -> Option<Fraction> {
        // Cross-reduction keeps the intermediate products as small as the result, and leaves nothing to reduce in it.
        let (g, h) = (gcd(self.num, other.den), gcd(other.num, self.den));
        let num = quotient(self.num, g).checked_mul(quotient(other.num, h))?;
        let den = quotient(self.den, h).checked_mul(quotient(other.den, g))?;
        (num != i128::MIN).then_some(Fraction { num, den })
    }

    /// Quotient; `None` for a zero divisor too.
    pub fn div(self, other: Fraction) -> Option<Fraction> {
        let sign = other.num.signum();
        (sign != 0)
            .then_some(Fraction { num: other.den * sign, den: other.num * sign })
            .and_then(|inverse| self.mul(inverse))
    }

    /// The negative.
    pub fn neg(self) -> Fraction {
        Fraction { num: -self.num, den: self.den }
    }

    /// True for a whole number.
    pub fn is_integer(self) -> bool {
        self.den == 1
    }

    /// True below zero.
    pub fn is_negative(self) -> bool {
        self.num < 0
    }

    /// True for zero.
    pub fn is_zero(self) -> bool {
        self.num == 0
    }

    /// As a whole, non-negative number, if it is one that fits.
    pub fn to_u64(self) -> Option<u64> {
        if self.den == 1 { u64::try_from(self.num).ok() } else { None }
    }

    /// The largest whole number not above it.
    pub fn floor(self) -> i128 {
        self.num.div_euclid(self.den)
    }

    /// The nearest whole number; a half goes up.
    pub fn round(self) -> i128 {
        let twice = self.num.checked_mul(2).and_then(|n| n.checked_add(self.den));
        match (twice, self.den.checked_mul(2)) {
            (Some(n), Some(d)) => n.div_euclid(d),
            _ => self.floor(),
        }
    }

    /// The nearest f64, when numerator and denominator are below 2^53 (all that specs say); else within one unit in
    /// the last place.
    pub fn to_f64(self) -> f64 {
        self.num as f64 / self.den as f64
    }

    /// As the plan's ratio, if it is not negative and fits.
    pub fn to_ratio(self) -> Option<smolc_plan::Ratio> {
        smolc_plan::Ratio::new(u64::try_from(self.num).ok()?, u64::try_from(self.den).ok()?)
    }
}

/// The greatest common divisor of a number and one that is not zero. What specs say fits into 64 bits, where division is
/// one instruction.
fn gcd(a: i128, b: i128) -> i128 {
    match (u64::try_from(a.unsigned_abs()), u64::try_from(b.unsigned_abs())) {
        (Ok(1), _) | (_, Ok(1)) => 1,
        (Ok(a), Ok(b)) => i128::from(a.gcd(&b)),
        _ => a.gcd(&b),
    }
}

/// `a / g`, which leaves no rest.
fn quotient(a: i128, g: i128) -> i128 {
    match (i64::try_from(a), i64::try_from(g)) {
        (_, Ok(1)) => a,
        (Ok(a), Ok(g)) => i128::from(a / g),
        _ => a / g,
    }
}

impl PartialOrd for Fraction {
    fn partial_cmp(&self, other: &Fraction) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Fraction {
    fn cmp(&self, other: &Fraction) -> Ordering {
        // By continued fractions, so that no product can overflow.
        let (a, b) = (self.floor(), other.floor());
        if a != b {
            return a.cmp(&b);
        }
        let (ra, rb) = (self.num.rem_euclid(self.den), other.num.rem_euclid(other.den));
        match (ra == 0, rb == 0) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            // x/d against y/e, both in (0, 1): the other way round, d/x against e/y.
            (false, false) => Fraction { num: other.den, den: rb }.cmp(&Fraction { num: self.den, den: ra }),
        }
    }
}

/// The factor a magnitude stands for.
pub fn magnitude(m: Magnitude) -> i128 {
    match m {
        Magnitude::K => 1_000,
        Magnitude::M => 1_000_000,
        Magnitude::B => 1_000_000_000,
        Magnitude::T => 1_000_000_000_000,
        Magnitude::Ki => 1 << 10,
        Magnitude::Mi => 1 << 20,
        Magnitude::Gi => 1 << 30,
        Magnitude::Ti => 1 << 40,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fraction() -> impl Strategy<Value = Fraction> {
        (-1_000_000_000i128..1_000_000_000, 1i128..1_000_000_000)
            .prop_map(|(n, d)| Fraction::new(n, d).unwrap())
    }

    /// Fractions on both sides of 64 bits.
    fn wide() -> impl Strategy<Value = Fraction> {
        (any::<i64>(), 0u32..40, 1i64..i64::MAX, 0u32..40)
            .prop_map(|(n, up, d, down)| Fraction::new(i128::from(n) << up, i128::from(d) << down).unwrap())
    }

    fn literal(
        mantissa: u128,
        exponent: i32,
        magnitude: Option<Magnitude>,
        percent: bool,
    ) -> Option<Fraction> {
        Fraction::from_literal(&Number {
            mantissa,
            exponent,
            decimal: exponent < 0,
            magnitude,
            percent,
            unit: None,
            unit_span: None,
        })
    }

    proptest! {
        #[test]
        fn subtraction_undoes_addition(a in fraction(), b in fraction()) {
            prop_assert_eq!(a.add(b).unwrap().sub(b), Some(a));
        }

        #[test]
        fn division_undoes_multiplication(a in fraction(), b in fraction()) {
            prop_assume!(!b.is_zero());
            prop_assert_eq!(a.mul(b).unwrap().div(b), Some(a));
        }

        #[test]
        fn products_are_in_lowest_terms(a in wide(), b in wide()) {
            let whole = a.num.checked_mul(b.num).zip(a.den.checked_mul(b.den));
            if let (Some(product), Some((num, den))) = (a.mul(b), whole) {
                prop_assert_eq!(Some(product), Fraction::new(num, den));
            }
        }

        #[test]
        fn short_and_long_divisions_agree(a in any::<i128>(), b in any::<i64>(), by in 0u32..127) {
            let (a, b) = (a >> by, i128::from(b).max(1));
            let g = gcd(a, b);
            prop_assert_eq!(g, a.gcd(&b));
            prop_assert_eq!(quotient(a, g), a / g);
        }

        #[test]
        fn order_agrees_with_subtraction(a in fraction(), b in fraction()) {
            let d = a.sub(b).unwrap();
            let by_difference = d.num().cmp(&0);
            prop_assert_eq!(a.cmp(&b), by_difference);
        }

        #[test]
        fn rounding_is_within_a_half(a in fraction()) {
            let r = Fraction::new(a.round(), 1).unwrap();
            let d = r.sub(a).unwrap();
            let half = Fraction::new(1, 2).unwrap();
            prop_assert!(d <= half && d > half.neg());
        }

        #[test]
        fn lowest_terms(a in fraction(), k in 1i128..1000) {
            prop_assert_eq!(Fraction::new(a.num() * k, a.den() * -k), Some(a.neg()));
        }
    }

    #[test]
    fn literals_are_exact() {
        assert_eq!(literal(5, -4, None, false), Fraction::new(1, 2000));
        assert_eq!(literal(5, -4, None, false).unwrap().to_f64().to_bits(), 5e-4f64.to_bits());
        assert_eq!(literal(2, 0, Some(Magnitude::Mi), false), Fraction::new(2_097_152, 1));
        assert_eq!(literal(15, -1, Some(Magnitude::B), false), Fraction::new(1_500_000_000, 1));
        let third = literal(333, -1, None, true).unwrap();
        assert_eq!(third.add(literal(667, -1, None, true).unwrap()), Some(Fraction::ONE));
    }

    #[test]
    fn overflow_is_none() {
        assert_eq!(literal(1, 60, None, false), None);
        assert_eq!(literal(u128::MAX, 0, None, false), None);
        let big = Fraction::new(i128::MAX, 1).unwrap();
        assert_eq!(big.add(Fraction::ONE), None);
        assert_eq!(big.mul(big), None);
        assert_eq!(Fraction::ONE.div(Fraction::ZERO), None);
        assert_eq!(big.cmp(&Fraction::new(i128::MAX - 1, 1).unwrap()), Ordering::Greater);
    }
}
