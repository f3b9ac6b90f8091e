//! Numbers: exact decimals, magnitudes and units.

use smolc_diag::{Diagnostic, suggest};

use super::{Builder, Node};
use crate::ast::{Expr, ExprKind, Magnitude, Number, Unit};

/// Largest power of ten, up or down, that an exponent may name; quantities of training stay far inside.
const EXPONENT: i32 = 300;

const MAGNITUDES: [(&str, Magnitude); 8] = [
    ("k", Magnitude::K),
    ("M", Magnitude::M),
    ("B", Magnitude::B),
    ("T", Magnitude::T),
    ("Ki", Magnitude::Ki),
    ("Mi", Magnitude::Mi),
    ("Gi", Magnitude::Gi),
    ("Ti", Magnitude::Ti),
];

const UNITS: [(&str, Unit); 20] = [
    ("tokens", Unit::Tokens),
    ("token", Unit::Tokens),
    ("steps", Unit::Steps),
    ("step", Unit::Steps),
    ("sequences", Unit::Sequences),
    ("sequence", Unit::Sequences),
    ("epochs", Unit::Epochs),
    ("epoch", Unit::Epochs),
    ("documents", Unit::Documents),
    ("document", Unit::Documents),
    ("evals", Unit::Evals),
    ("eval", Unit::Evals),
    ("bytes", Unit::Bytes),
    ("byte", Unit::Bytes),
    ("s", Unit::Seconds),
    ("min", Unit::Minutes),
    ("h", Unit::Hours),
    ("d", Unit::Days),
    ("days", Unit::Days),
    ("day", Unit::Days),
];

/// Other words for a unit, and the word to write.
const OTHER_WORDS: [(&str, &str); 13] = [
    ("second", "s"),
    ("seconds", "s"),
    ("sec", "s"),
    ("minute", "min"),
    ("minutes", "min"),
    ("mins", "min"),
    ("hour", "h"),
    ("hours", "h"),
    ("samples", "sequences"),
    ("sample", "sequence"),
    ("iterations", "steps"),
    ("iters", "steps"),
    ("docs", "documents"),
];

/// The unit a word names.
pub(crate) fn unit(word: &str) -> Option<Unit> {
    UNITS.iter().find(|(w, _)| *w == word).map(|(_, u)| *u)
}

impl Builder<'_> {
    /// A `number` or `percent` pair and the `unit` pair behind it.
    pub fn number(&mut self, node: &Node<'_>, unit_node: Option<&Node<'_>>) -> Expr {
        let own = self.span(node);
        let span = unit_node.map_or(own, |u| own.to(self.span(u)));
        let text = node.as_str();
        let percent = text.ends_with('%');
        let body = text.strip_suffix('%').unwrap_or(text);
        let (digits, suffix) = split(body);
        let before = self.diagnostics.len();
        let magnitude = self.magnitude(node, digits, suffix);
        let unit = unit_node.and_then(|u| self.unit(node, u));
        if self.diagnostics.len() > before {
            return Expr { kind: ExprKind::Error, span };
        }
        let Some((mantissa, exponent, decimal)) = exact(digits) else {
            self.diagnostics.push(
                Diagnostic::error(
                    "smol::syntax::number",
                    own,
                    "this number has more digits than can be kept exactly",
                )
                .label("at most 38 digits, and a power of ten of at most 300")
                .help("write fewer digits, or a magnitude, as in `6T`"),
            );
            return Expr { kind: ExprKind::Error, span };
        };
        let unit_span = unit_node.map(|u| self.span(u));
        let number = Number { mantissa, exponent, decimal, magnitude, percent, unit, unit_span };
        Expr { kind: ExprKind::Number(number), span }
    }

    fn magnitude(&mut self, node: &Node<'_>, digits: &str, suffix: &str) -> Option<Magnitude> {
        if suffix.is_empty() {
            return None;
        }
        if let Some((_, m)) = MAGNITUDES.iter().find(|(w, _)| *w == suffix) {
            return Some(*m);
        }
        let start = node.as_span().start() + digits.len();
        let span = self.at(start, start + suffix.len());
        let apart = unit(suffix).is_some();
        let d = Diagnostic::error("smol::syntax::number", span, format!("`{suffix}` is no magnitude"));
        let d = if apart {
            d.label("a unit stands apart from its number").help(format!("write `{digits} {suffix}`")).fix(
                span,
                format!(" {suffix}"),
                super::expr::SAFE,
            )
        } else if let Some(near) = suggest::nearest(suffix, MAGNITUDES.iter().map(|(w, _)| *w)) {
            d.label("not one of k, M, B, T, Ki, Mi, Gi, Ti")
                .help(format!("did you mean `{digits}{near}`?"))
                .fix(span, near, smolc_diag::Applicability::Unsafe)
        } else {
            d.label("not one of k, M, B, T, Ki, Mi, Gi, Ti")
                .help("k, M, B, T are powers of 1000, Ki, Mi, Gi, Ti powers of 1024, as in `6T tokens` and `2Mi tokens`")
        };
        self.diagnostics.push(d);
        None
    }

    fn unit(&mut self, number: &Node<'_>, node: &Node<'_>) -> Option<Unit> {
        let word = node.as_str();
        if let Some(u) = unit(word) {
            return Some(u);
        }
        let span = self.span(node);
        let d = Diagnostic::error("smol::syntax::unit", span, format!("`{word}` is no unit"))
            .label("unknown unit");
        let near = OTHER_WORDS
            .iter()
            .find(|(w, _)| *w == word)
            .map(|(_, u)| *u)
            .or_else(|| suggest::nearest(word, UNITS.iter().map(|(w, _)| *w)));
        let magnitude = MAGNITUDES.iter().find(|(w, _)| *w == word);
        let number = number.as_str();
        self.diagnostics.push(if magnitude.is_some() {
            d.help(format!("a magnitude touches its number: write `{number}{word}`"))
        } else if let Some(near) = near {
            d.help(format!("did you mean `{number} {near}`?")).fix(
                span,
                near,
                smolc_diag::Applicability::Unsafe,
            )
        } else {
            d.help("units are tokens, steps, sequences, epochs, documents, evals, bytes, s, min, h and d")
                .help(format!("a weight in a mix is a percentage, as in `60% {word}`"))
        });
        None
    }
}

/// Digits with fraction and exponent, and the letters behind them.
fn split(body: &str) -> (&str, &str) {
    let bytes = body.as_bytes();
    let digit = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
    let run = |mut i: usize| {
        while bytes.get(i).is_some_and(|b| b.is_ascii_digit() || *b == b'_') {
            i += 1;
        }
        i
    };
    let mut end = run(0);
    if bytes.get(end) == Some(&b'.') && digit(end + 1) {
        end = run(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let mut i = end + 1 + sign;
        if digit(i) {
            while digit(i) {
                i += 1;
            }
            end = i;
        }
    }
    body.split_at_checked(end).unwrap_or((body, ""))
}

/// Mantissa, power of ten, and whether a fraction or an exponent was written. `None` if it does not fit.
fn exact(digits: &str) -> Option<(u128, i32, bool)> {
    let (number, power) = match digits.split_once(['e', 'E']) {
        Some((n, p)) => (n, p.parse::<i32>().ok()?),
        None => (digits, 0),
    };
    let mut mantissa: u128 = 0;
    let mut fraction: i32 = 0;
    let mut behind_point = false;
    for c in number.chars() {
        match c {
            '.' => behind_point = true,
            '_' => {}
            _ => {
                let digit = u128::from(c.to_digit(10)?);
                mantissa = mantissa.checked_mul(10)?.checked_add(digit)?;
                fraction += i32::from(behind_point);
            }
        }
    }
    let exponent = power.checked_sub(fraction)?;
    let decimal = behind_point || digits.contains(['e', 'E']);
    (exponent.abs() <= EXPONENT).then_some((mantissa, exponent, decimal))
}
