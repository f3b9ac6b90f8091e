//! `smol::batch::window`: a batch is a whole number of windows. `2M tokens` at 2,048 is 976.5625 of them; the models the
//! number comes from used `2Mi`.

use crate::rational::Fraction;
use crate::units::{Dim, decimal, grouped, quantity};
use smolc_diag::{Applicability, Diagnostic, Span};

/// A batch size as written.
pub struct Size<'a> {
    /// The field, `batch`.
    pub field: &'a str,
    /// How much.
    pub value: Fraction,
    /// Of what.
    pub dim: Dim,
    /// Where.
    pub span: Span,
    /// The text there.
    pub written: String,
}

/// The number of sequences a size stands for; `None` after a report.
pub fn sequences(size: &Size<'_>, window: u64, window_at: Span, out: &mut Vec<Diagnostic>) -> Option<u64> {
    let exact = match size.dim {
        Dim::Sequences => size.value,
        _ => size.value.div(Fraction::integer(window))?,
    };
    match exact.to_u64() {
        Some(n) if n > 0 => return Some(n),
        Some(_) => {
            out.push(
                Diagnostic::error("smol::batch::window", size.span, format!("`{}` is zero", size.field))
                    .help("it is one window at least"),
            );
            return None;
        }
        None => {}
    }
    let below = exact.floor();
    let mut d = Diagnostic::error(
        "smol::batch::window",
        size.span,
        format!("`{}` is not a whole number of windows", size.field),
    )
    .label(format!(
        "{} = {} windows of {} tokens",
        quantity(size.value, size.dim),
        decimal(exact),
        grouped(i128::from(window))
    ))
    .also(window_at, "the window");
    let neighbor = |n: i128| {
        n.checked_mul(i128::from(window)).map(|t| {
            format!("{} tokens ({} {})", grouped(t), grouped(n), if n == 1 { "window" } else { "windows" })
        })
    };
    let neighbors: Vec<String> =
        [below, below + 1].into_iter().filter(|n| *n > 0).filter_map(neighbor).collect();
    d = d.help(format!("the nearest are {}", crate::load::list(neighbors)));
    if let Some((text, windows)) = binary(size, window) {
        d = d
            .help(format!("powers of two: `{text}` is exactly {} windows", grouped(i128::from(windows))))
            .fix(size.span, text, Applicability::Unsafe);
    }
    out.push(d);
    None
}

/// The same literal with `Ki` for `k`, `Mi` for `M`… if that is a whole number of windows.
fn binary(size: &Size<'_>, window: u64) -> Option<(String, u64)> {
    for (decimal, scale, binary, power) in [
        ('k', 1_000u64, "Ki", 1u64 << 10),
        ('M', 1_000_000, "Mi", 1 << 20),
        ('B', 1_000_000_000, "Gi", 1 << 30),
        ('T', 1_000_000_000_000, "Ti", 1 << 40),
    ] {
        let digits = size.written.split(decimal).next().filter(|_| size.written.contains(decimal));
        if let Some(digits) =
            digits.filter(|d| !d.is_empty() && d.chars().all(|c| c.is_ascii_digit() || "._".contains(c)))
        {
            let tokens = size.value.div(Fraction::integer(scale))?.mul(Fraction::integer(power))?;
            let windows = tokens.div(Fraction::integer(window))?.to_u64().filter(|n| *n > 0)?;
            return Some((format!("{digits}{binary} tokens"), windows));
        }
    }
    None
}
