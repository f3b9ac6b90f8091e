//! A share of a mixture over a stage: a polynomial in the stage's progress with exact coefficients.
//!
//! `60%` is a constant, `5% -> 14%` a line. A ramp of a mixture that holds ramps itself is a product of lines, so shares
//! are polynomials in general; they are never sampled before the plan cuts the stage into parts.

use crate::rational::Fraction;

/// Coefficients by power of x, the progress of the stage from 0 to 1; no trailing zeros but the constant's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share(Vec<Fraction>);

/// Highest power a share may have: ramps of ramps of ramps.
const DEGREE: usize = 4;

impl Share {
    /// The same throughout.
    pub fn constant(f: Fraction) -> Share {
        Share(vec![f])
    }

    /// A line from the stage's beginning to its end.
    pub fn ramp(from: Fraction, to: Fraction) -> Option<Share> {
        Some(Share(vec![from, to.sub(from)?]).trimmed())
    }

    /// Nothing.
    pub fn zero() -> Share {
        Share::constant(Fraction::ZERO)
    }

    /// All of it.
    pub fn one() -> Share {
        Share::constant(Fraction::ONE)
    }

    fn trimmed(mut self) -> Share {
        while self.0.len() > 1 && self.0.last().is_some_and(|c| c.is_zero()) {
            self.0.pop();
        }
        self
    }

    fn coefficient(&self, power: usize) -> Fraction {
        self.0.get(power).copied().unwrap_or(Fraction::ZERO)
    }

    /// Sum; `None` when a coefficient is out of range.
    pub fn add(&self, other: &Share) -> Option<Share> {
        let n = self.0.len().max(other.0.len());
        let sums: Option<Vec<Fraction>> =
            (0..n).map(|i| self.coefficient(i).add(other.coefficient(i))).collect();
        Some(Share(sums?).trimmed())
    }

    /// Difference.
    pub fn sub(&self, other: &Share) -> Option<Share> {
        self.add(&Share(other.0.iter().map(|c| c.neg()).collect()))
    }

    /// Product; `None` when out of range or of too high a power.
    pub fn mul(&self, other: &Share) -> Option<Share> {
        let n = self.0.len() + other.0.len() - 1;
        if n > DEGREE + 1 {
            return None;
        }
        let mut out = vec![Fraction::ZERO; n];
        for (i, a) in self.0.iter().enumerate() {
            for (j, b) in other.0.iter().enumerate() {
                let place = out.get_mut(i + j)?;
                *place = place.add(a.mul(*b)?)?;
            }
        }
        Some(Share(out).trimmed())
    }

    /// The value at progress `x`.
    pub fn at(&self, x: Fraction) -> Option<Fraction> {
        self.0.iter().rev().try_fold(Fraction::ZERO, |sum, c| sum.mul(x)?.add(*c))
    }

    /// The value, if it is the same throughout.
    pub fn same(&self) -> Option<Fraction> {
        match self.0.as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }

    /// Mean over the stage, `∫₀¹`; `None` when out of range.
    pub fn mean(&self) -> Option<Fraction> {
        (1i128..).zip(&self.0).try_fold(Fraction::ZERO, |sum, (n, c)| sum.add(c.mul(Fraction::new(1, n)?)?))
    }

    /// Value at the beginning.
    pub fn start(&self) -> Fraction {
        self.coefficient(0)
    }

    /// Value at the end; zero if it is out of range, which sums of shares below one never are.
    pub fn end(&self) -> Fraction {
        self.at(Fraction::ONE).unwrap_or(Fraction::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ramps_add_and_multiply_exactly() {
        let f = |n, d| Fraction::new(n, d).unwrap();
        let ramp = Share::ramp(f(1, 20), f(7, 50)).unwrap();
        let rest = Share::one().sub(&ramp).unwrap();
        assert_eq!(ramp.add(&rest).unwrap(), Share::one());
        let half = ramp.mul(&Share::constant(f(1, 2))).unwrap();
        assert_eq!(half.at(f(1, 2)), Some(f(19, 400)));
        let square = ramp.mul(&ramp).unwrap();
        assert_eq!((square.start(), square.end()), (f(1, 400), f(49, 2500)));
        assert_eq!(Share::ramp(f(1, 3), f(1, 3)).unwrap().same(), Some(f(1, 3)));
        assert!(square.mul(&square).unwrap().mul(&ramp).is_none());
        assert_eq!(ramp.mean(), Some(f(19, 200)));
    }
}
