//! `smol::model::theta`: the context and the base of RoPE change together.
//!
//! SmolLM2 went from 2,048 tokens and 10,000 to 8,192 and 130,000. With the old base, positions beyond the old context turn
//! by angles the model has never seen; exports that lost the new one took perplexity from 10 to 11,000.

use crate::spec::{Run, Spec};
use crate::units::grouped;
use smolc_diag::Diagnostic;

/// Reports a run that changes one of them and not the other.
pub fn check(run: &Run, spec: &Spec, out: &mut Vec<Diagnostic>) {
    let (Some(model), Some(parent)) = (&run.model, &run.parent) else { return };
    let Some(base) = spec.runs.get(parent.run) else { return };
    let Some(old) = &base.model else { return };
    let (a, b) = (&old.model, &model.model);
    if b.rope.scaling != a.rope.scaling {
        return;
    }
    let longer = b.context > a.context;
    let higher = b.rope.theta != a.rope.theta;
    let said = |c: u64, t: f64| format!("context {}, theta {t}", grouped(i128::from(c)));
    let message = if longer && !higher {
        format!("run `{}` lengthens the context and keeps RoPE's theta", run.name)
    } else if higher && b.context == a.context {
        format!("run `{}` changes RoPE's theta and keeps the context", run.name)
    } else {
        return;
    };
    let at = if longer { model.at("context") } else { model.at("rope") };
    let d = Diagnostic::warning("smol::model::theta", at, message)
        .label(said(b.context, b.rope.theta))
        .also(base.span, format!("run `{}`: {}", base.name, said(a.context, a.rope.theta)));
    out.push(match longer {
        true => {
            let factor = b.context as f64 / a.context.max(1) as f64;
            d.help(format!(
                "raise it with the context ({factor:.0} times as long): SmolLM2 went from 2,048 and 10,000 to 8,192 and \
                 130,000"
            ))
        }
        false => d.help("change both, or neither"),
    });
}
