//! `smol::model::shape`: sizes that no model can have.

use crate::spec::ModelSpec;
use smolc_diag::Diagnostic;

/// True if every size is usable.
pub fn check(spec: &ModelSpec, out: &mut Vec<Diagnostic>) -> bool {
    let m = &spec.model;
    let before = out.len();
    let sizes = [
        ("layers", m.layers),
        ("hidden", m.hidden),
        ("ffn", m.ffn),
        ("heads", m.heads),
        ("kv_heads", m.kv_heads),
        ("vocab", m.vocab),
        ("context", m.context),
    ];
    for (field, value) in sizes {
        // A default of zero follows from another zero.
        if value == 0 && (spec.at(field) != spec.span) {
            out.push(Diagnostic::error("smol::model::shape", spec.at(field), format!("`{field}` is zero")));
        }
    }
    let positive = [("norm_eps", m.norm_eps), ("rope", m.rope.theta), ("init", m.init.std)];
    for (field, value) in positive {
        if value <= 0.0 {
            out.push(Diagnostic::error(
                "smol::model::shape",
                spec.at(field),
                format!("a value of `{field}` is zero; it must be above"),
            ));
        }
    }
    if let Some(every) = m.rope.skip_every.filter(|n| *n == 0 || *n > m.layers) {
        let message = format!("`skip_every` is {every}; a model of {} layers takes 1 to {0}", m.layers);
        out.push(Diagnostic::error("smol::model::shape", spec.at("rope"), message).help(
            "4 leaves RoPE out of the layers 4, 8, 12 and so on; without the field every layer has it",
        ));
    }
    // Positions and token ids are 32-bit in the step program.
    for (field, value) in [("vocab", m.vocab), ("context", m.context)] {
        if value > u64::from(u32::MAX) {
            let message = format!("`{field}` is above 2^32, the largest the step program addresses");
            out.push(Diagnostic::error("smol::model::shape", spec.at(field), message));
        }
    }
    if out.len() == before && m.parameters().and_then(|n| n.checked_mul(16)).is_none() {
        let message = "the model has more parameters than 64 bits can count bytes of";
        out.push(Diagnostic::error("smol::model::shape", spec.span, message));
    }
    out.len() == before
}
