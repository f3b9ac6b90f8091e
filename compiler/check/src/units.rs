//! The closed set of dimensions, and how quantities are written for people.

use crate::rational::Fraction;
use smolc_syntax::ast::Unit;

/// What a number counts. There is no product of dimensions: a spec has no use for tokens squared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dim {
    /// A plain number.
    Number,
    /// A share, written with `%`.
    Ratio,
    /// Tokens.
    Tokens,
    /// Optimizer steps.
    Steps,
    /// Sequences, each one window long.
    Sequences,
    /// Passes over a dataset.
    Epochs,
    /// Documents.
    Documents,
    /// Evaluations.
    Evals,
    /// Bytes of text.
    Bytes,
    /// Seconds.
    Seconds,
}

impl Dim {
    /// Dimension of a unit word and the factor to its base unit.
    pub fn of(unit: Unit) -> (Dim, u64) {
        match unit {
            Unit::Tokens => (Dim::Tokens, 1),
            Unit::Steps => (Dim::Steps, 1),
            Unit::Sequences => (Dim::Sequences, 1),
            Unit::Epochs => (Dim::Epochs, 1),
            Unit::Documents => (Dim::Documents, 1),
            Unit::Evals => (Dim::Evals, 1),
            Unit::Bytes => (Dim::Bytes, 1),
            Unit::Seconds => (Dim::Seconds, 1),
            Unit::Minutes => (Dim::Seconds, 60),
            Unit::Hours => (Dim::Seconds, 3_600),
            Unit::Days => (Dim::Seconds, 86_400),
        }
    }

    /// True for plain numbers and shares, which multiply anything.
    pub fn is_scalar(self) -> bool {
        matches!(self, Dim::Number | Dim::Ratio)
    }

    /// What a reader calls it: `tokens`, `a share`, `a plain number`.
    pub fn phrase(self) -> &'static str {
        match self {
            Dim::Number => "a plain number",
            Dim::Ratio => "a share (`%`)",
            other => other.word(),
        }
    }

    /// The unit word, in the plural; empty for scalars.
    pub fn word(self) -> &'static str {
        match self {
            Dim::Number | Dim::Ratio => "",
            Dim::Tokens => "tokens",
            Dim::Steps => "steps",
            Dim::Sequences => "sequences",
            Dim::Epochs => "epochs",
            Dim::Documents => "documents",
            Dim::Evals => "evals",
            Dim::Bytes => "bytes",
            Dim::Seconds => "seconds",
        }
    }
}

/// A whole number with commas: `2,097,152`.
pub fn grouped(n: i128) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    if n < 0 { format!("-{out}") } else { out }
}

/// A fraction as a decimal: exact where 18 places do (every sum of literals), else to six places, or to as many as it
/// takes to be told from a whole number.
pub fn decimal(f: Fraction) -> String {
    if f.is_integer() {
        return grouped(f.num());
    }
    let sign = if f.is_negative() { "-" } else { "" };
    let size = f.max(f.neg());
    let exact =
        (1..=18).find_map(|places| digits(size, places).filter(|(_, exact)| *exact).map(|(text, _)| text));
    let text = exact.or_else(|| {
        [6, 12, 18]
            .into_iter()
            .filter_map(|places| digits(size, places))
            .map(|(text, _)| text)
            .find(|t| t.contains('.'))
    });
    match text {
        Some(text) => format!("{sign}{text}"),
        None => format!("{:e}", f.to_f64()),
    }
}

/// A positive fraction to so many places, trailing zeros dropped, and whether that is all of it.
fn digits(f: Fraction, places: u32) -> Option<(String, bool)> {
    let power = 10i128.checked_pow(places)?;
    let scaled = f.mul(Fraction::new(power, 1)?)?;
    let rounded = scaled.round();
    let (whole, rest) = (rounded / power, rounded % power);
    let rest = format!("{rest:0width$}", width = places as usize);
    let rest = rest.trim_end_matches('0');
    let text = if rest.is_empty() { grouped(whole) } else { format!("{}.{rest}", grouped(whole)) };
    Some((text, scaled.is_integer()))
}

/// A share as a percentage: `98%`, `33.333333%`.
pub fn percent(f: Fraction) -> String {
    match f.mul(Fraction::integer(100)) {
        Some(hundred) => format!("{}%", decimal(hundred)),
        None => format!("{}%", f.to_f64() * 100.0),
    }
}

/// A quantity with its unit.
pub fn quantity(f: Fraction, dim: Dim) -> String {
    match dim {
        Dim::Number => decimal(f),
        Dim::Ratio => percent(f),
        other => {
            let word = other.word();
            let one = f == Fraction::ONE;
            format!("{} {}", decimal(f), if one { word.trim_end_matches('s') } else { word })
        }
    }
}

/// A count of tokens the way people say it: `100.00B tokens`, `989.08B tokens`, `4,096 tokens`.
pub fn tokens(n: f64) -> String {
    for (scale, letter) in [(1e12, "T"), (1e9, "B"), (1e6, "M")] {
        if n >= scale {
            return format!("{:.2}{letter} tokens", n / scale);
        }
    }
    format!("{} tokens", grouped(n.round() as i128))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_read_well() {
        let f = |n, d| Fraction::new(n, d).unwrap();
        assert_eq!(quantity(f(2_097_152, 1), Dim::Tokens), "2,097,152 tokens");
        assert_eq!(quantity(f(1, 1), Dim::Steps), "1 step");
        assert_eq!(quantity(f(49, 50), Dim::Ratio), "98%");
        assert_eq!(quantity(f(1, 3), Dim::Ratio), "33.333333%");
        assert_eq!(quantity(f(1, 10_000), Dim::Ratio), "0.01%");
        assert_eq!(quantity(f(-3, 2), Dim::Number), "-1.5");
        assert_eq!(percent(f(999_999_999_999, 1_000_000_000_000)), "99.9999999999%");
        assert_eq!(percent(f(999_999_999, 1_000_000_001)), "99.9999998%");
        assert_eq!(decimal(f(1, 2_000_000_000)), "0.0000000005");
        assert_eq!(grouped(-1_234), "-1,234");
        assert_eq!(tokens(100e9), "100.00B tokens");
    }
}
