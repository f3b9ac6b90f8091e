//! Integers against f64s without rounding.

use std::cmp::Ordering;

/// 2^63, the first f64 above every i64.
pub(super) const BEYOND: f64 = 9_223_372_036_854_775_808.0;

/// How the two values compare as real numbers; `None` if `number` is NaN.
pub(super) fn compare(integer: i64, number: f64) -> Option<Ordering> {
    if number.is_nan() {
        return None;
    }
    if number >= BEYOND {
        return Some(Ordering::Less);
    }
    if number < -BEYOND {
        return Some(Ordering::Greater);
    }
    // In range, so the cast truncates; what it cuts off decides between equal integers.
    let whole = number as i64;
    let rest = number - whole as f64;
    Some(integer.cmp(&whole).then(0.0f64.total_cmp(&(rest + 0.0))))
}

/// The f64 equal to `integer`, if there is one.
pub(super) fn float(integer: i64) -> Option<f64> {
    let float = integer as f64;
    (compare(integer, float) == Some(Ordering::Equal)).then_some(float)
}

/// The i64 equal to `number`, if there is one.
pub(super) fn int(number: f64) -> Option<i64> {
    let integer = number as i64;
    (compare(integer, number) == Some(Ordering::Equal)).then_some(integer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Ordering::{Equal, Greater, Less};

    #[test]
    fn nothing_is_rounded() {
        let cases = [
            (9_007_199_254_740_993, 9_007_199_254_740_992.0, Some(Greater)),
            (9_007_199_254_740_992, 9_007_199_254_740_992.0, Some(Equal)),
            (i64::MAX, BEYOND, Some(Less)),
            (i64::MIN, -BEYOND, Some(Equal)),
            (i64::MIN, -BEYOND * 1.5, Some(Greater)),
            (i64::MAX, f64::INFINITY, Some(Less)),
            (i64::MIN, f64::NEG_INFINITY, Some(Greater)),
            (3, 3.5, Some(Less)),
            (-3, -3.5, Some(Greater)),
            (-4, -3.5, Some(Less)),
            (0, -0.0, Some(Equal)),
            (0, 5e-324, Some(Less)),
            (0, -5e-324, Some(Greater)),
            (0, f64::NAN, None),
        ];
        for (integer, number, ordering) in cases {
            assert_eq!(compare(integer, number), ordering, "{integer} {number}");
        }
        assert_eq!(float(9_007_199_254_740_993), None);
        assert_eq!(float(i64::MAX), None);
        assert_eq!(float(i64::MIN), Some(-BEYOND));
        assert_eq!((int(2.5), int(-0.0), int(f64::NAN), int(BEYOND)), (None, Some(0), None, None));
    }
}
