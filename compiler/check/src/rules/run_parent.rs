//! `smol::run::model`, `smol::run::tokenizer` and `smol::run::carry`: what a run takes over fits what it is.

use crate::spec::{Run, Spec};
use smolc_diag::Diagnostic;
use smolc_plan::{Carry, Model};

/// Reports a run whose model cannot take the weights of the one it begins from, that reads other tokens, or that
/// continues a schedule without the state that belongs to it.
pub fn check(run: &Run, spec: &Spec, out: &mut Vec<Diagnostic>) {
    let Some(parent) = &run.parent else { return };
    let Some(base) = spec.runs.get(parent.run) else { return };
    if let (Some(new), Some(old)) = (&run.model, &base.model)
        && let Some((field, a, b)) = differs(&old.model, &new.model)
    {
        out.push(
            Diagnostic::error(
                "smol::run::model",
                new.at(field),
                format!("run `{}` cannot take over the weights of `{}`: `{field}` differs", run.name, base.name),
            )
            .label(format!("{b} here"))
            .also(old.span, format!("{a} there"))
            .help("a run that begins from another one may change `context` and `rope`, nothing that has weights"),
        );
    }
    if let (Some((new, at)), Some((old, there))) = (run.tokenizer, base.tokenizer)
        && new != old
    {
        let name = |i: usize| spec.tokenizers.get(i).map_or("?", |t| t.name.as_str());
        out.push(
            Diagnostic::error(
                "smol::run::tokenizer",
                at,
                format!(
                    "run `{}` reads tokens of `{}`, its weights were trained on those of `{}`",
                    run.name,
                    name(new),
                    name(old)
                ),
            )
            .also(there, "the tokenizer there")
            .help("leave `tokenizer` out: it is taken over"),
        );
    }
    if parent.continues && parent.carry == Carry::Weights && parent.step.is_some() {
        out.push(
            Diagnostic::warning(
                "smol::run::carry",
                parent.span,
                format!("run `{}` continues a learning rate without the optimizer's moments", run.name),
            )
            .label("the schedule goes on here")
            .help("leave `carry` out to take the moments over, or set an `lr` with a warm-up of its own"),
        );
    }
}

/// The first size with weights that differs, with both values.
fn differs(a: &Model, b: &Model) -> Option<(&'static str, u64, u64)> {
    let sizes = [
        ("layers", a.layers, b.layers),
        ("hidden", a.hidden, b.hidden),
        ("ffn", a.ffn, b.ffn),
        ("heads", a.heads, b.heads),
        ("kv_heads", a.kv_heads, b.kv_heads),
        ("head_dim", a.head_dim, b.head_dim),
        ("vocab", a.vocab, b.vocab),
        ("tied", u64::from(a.tied), u64::from(b.tied)),
    ];
    sizes.into_iter().find(|(_, x, y)| x != y)
}
