//! `smol::model::heads`: heads divide the width, key/value heads divide heads, and a head is even, as RoPE turns pairs.

use crate::spec::ModelSpec;
use smolc_diag::Diagnostic;

/// Reports head counts that do not divide.
pub fn check(spec: &ModelSpec, out: &mut Vec<Diagnostic>) {
    let m = &spec.model;
    if !m.heads.is_multiple_of(m.kv_heads) {
        let mut d = Diagnostic::error(
            "smol::model::heads",
            spec.at("kv_heads"),
            format!("{} query heads do not divide among {} key/value heads", m.heads, m.kv_heads),
        )
        .help(format!("`kv_heads` may be {}", divisors(m.heads)));
        if spec.at("heads") != spec.span {
            d = d.also(spec.at("heads"), format!("{} query heads", m.heads));
        }
        out.push(d);
    }
    let stated = spec.at("head_dim") != spec.span;
    if !stated && !m.hidden.is_multiple_of(m.heads) {
        out.push(
            Diagnostic::error(
                "smol::model::heads",
                spec.at("heads"),
                format!("a width of {} does not divide into {} heads", m.hidden, m.heads),
            )
            .label(format!("{:.3} each", m.hidden as f64 / m.heads as f64))
            .also(spec.at("hidden"), format!("{} wide", m.hidden))
            .help(format!("`heads` may be {}, or state `head_dim`", divisors(m.hidden))),
        );
    } else if m.head_dim == 0 || !m.head_dim.is_multiple_of(2) {
        let at = if stated { spec.at("head_dim") } else { spec.at("heads") };
        out.push(
            Diagnostic::error("smol::model::heads", at, format!("a head size of {} is not even", m.head_dim))
                .help("RoPE turns pairs of values: a head has an even number of them"),
        );
    }
}

/// Divisors worth offering: the usual head counts.
fn divisors(n: u64) -> String {
    let all = (1..=n.min(256)).filter(|d| n.is_multiple_of(*d)).map(|d| d.to_string());
    crate::load::list(all)
}
