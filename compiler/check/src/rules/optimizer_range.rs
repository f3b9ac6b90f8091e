//! `smol::optimizer::range`: values with which AdamW is not defined.

use crate::value::{Object, Value};
use smolc_diag::Diagnostic;

/// True if every value is usable.
pub fn check(block: &Object, out: &mut Vec<Diagnostic>) -> bool {
    let before = out.len();
    if let Some(Value::List(betas)) = block.get("betas").map(|n| &n.value) {
        if betas.len() != 2 {
            out.push(
                Diagnostic::error(
                    "smol::optimizer::range",
                    block.at("betas"),
                    format!("`AdamW` has two betas, found {}", betas.len()),
                )
                .help("write `betas: [0.9, 0.95]`"),
            );
        }
        for beta in betas {
            if let Value::Number(n, _) = beta.value
                && n.to_f64() >= 1.0
            {
                let message = format!("a beta lies in [0, 1), found {}", n.to_f64());
                out.push(Diagnostic::error("smol::optimizer::range", beta.span, message));
            }
        }
    }
    for field in ["eps", "clip"] {
        if block.f64(field) == Some(0.0) {
            let mut d =
                Diagnostic::error("smol::optimizer::range", block.at(field), format!("`{field}` is zero"));
            if field == "clip" {
                d = d.help("`clip: none` does not clip; zero would stop every update");
            }
            out.push(d);
        }
    }
    out.len() == before
}
