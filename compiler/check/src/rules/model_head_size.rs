//! `smol::model::head_size`: attention kernels exist for some head sizes only.

use crate::spec::ModelSpec;
use smolc_diag::Diagnostic;

/// Largest head that fused attention is written for.
const LARGEST: u64 = 256;

/// Reports heads that no fused kernel takes.
pub fn check(spec: &ModelSpec, out: &mut Vec<Diagnostic>) {
    let size = spec.model.head_dim;
    if size == 0 || !size.is_multiple_of(2) || (size.is_multiple_of(8) && size <= LARGEST) {
        return;
    }
    let stated = spec.at("head_dim") != spec.span;
    let at = if stated { spec.at("head_dim") } else { spec.at("heads") };
    out.push(
        Diagnostic::warning(
            "smol::model::head_size",
            at,
            format!("fused attention takes no heads of size {size}"),
        )
        .label(format!("{} / {} = {size}", spec.model.hidden, spec.model.heads))
        .help(format!("sizes are multiples of 8 up to {LARGEST}; 64 and 128 are fastest")),
    );
}
