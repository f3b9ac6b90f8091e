//! Division by a number known in advance.

/// Divides by one number many times: a multiplication by its reciprocal and one correction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Divisor {
    divisor: u64,
    /// `floor((2^64 - 1) / divisor)`. The quotient it gives is exact or one too small: the reciprocal is short of
    /// `2^64 / divisor` by at most 1, which for a dividend below `2^64` costs less than 1.
    reciprocal: u64,
}

impl Divisor {
    /// `divisor` must not be zero; zero is taken as one.
    pub(super) fn new(divisor: u64) -> Divisor {
        let divisor = divisor.max(1);
        Divisor { divisor, reciprocal: u64::MAX / divisor }
    }

    /// Quotient and remainder.
    #[inline]
    pub(super) fn divide(self, n: u64) -> (u64, u64) {
        let quotient = ((u128::from(n) * u128::from(self.reciprocal)) >> 64) as u64;
        let remainder = n - quotient * self.divisor;
        if remainder >= self.divisor {
            (quotient + 1, remainder - self.divisor)
        } else {
            (quotient, remainder)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_size() -> impl Strategy<Value = u64> {
        (any::<u64>(), 0u32..64).prop_map(|(x, shift)| x >> shift)
    }

    proptest! {
        #[test]
        fn agrees_with_the_operator(n in any_size(), d in any_size()) {
            let d = d.max(1);
            prop_assert_eq!(Divisor::new(d).divide(n), (n / d, n % d));
        }
    }

    #[test]
    fn extremes() {
        for d in [1, 2, 3, 1 << 32, (1 << 32) + 1, 1 << 63, u64::MAX - 1, u64::MAX] {
            for n in [0, 1, d - 1, d, d.saturating_add(1), u64::MAX - 1, u64::MAX] {
                assert_eq!(Divisor::new(d).divide(n), (n / d, n % d), "{n} / {d}");
            }
        }
    }
}
