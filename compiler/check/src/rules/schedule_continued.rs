//! `smol::schedule::continued`: a run that continues the schedule of another one ends where that does, at the latest.

use crate::spec::{Run, Spec};
use crate::units::{grouped, tokens};
use smolc_diag::Diagnostic;

/// False after a report; nothing else need be said of the schedule then.
pub fn check(run: &Run, spec: &Spec, out: &mut Vec<Diagnostic>) -> bool {
    let Some(parent) = run.parent.as_ref().filter(|p| p.continues) else { return true };
    let Some(base) = spec.runs.get(parent.run) else { return true };
    let (Some(step), Some(end), Some(steps), Some(old), Some(new)) =
        (parent.step, base.steps, run.steps, &base.batch, &run.batch)
    else {
        return true;
    };
    let left = end.saturating_sub(step);
    // In steps of the other run.
    let asked = u128::from(steps) * u128::from(new.tokens()) / u128::from(old.tokens().max(1));
    if left > 0 && asked <= u128::from(left) {
        return true;
    }
    let d = Diagnostic::error(
        "smol::schedule::continued",
        run.span,
        match left {
            0 => format!(
                "run `{}` has no learning rate: that of `{}` has ended where it begins",
                run.name, base.name
            ),
            _ => format!("run `{}` goes on longer than the learning rate of `{}` does", run.name, base.name),
        },
    )
    .also(
        parent.span,
        format!("begins after {} of {} steps", grouped(i128::from(step)), grouped(i128::from(end))),
    );
    out.push(match left {
        0 => d.help("set `lr` in this run, such as `lr: cosine(peak: 3e-4, warmup: 10%)`"),
        _ => d.label(format!("{} long", tokens(steps as f64 * new.tokens() as f64))).help(format!(
            "{} of the schedule are left; shorten the stages, or set `lr`",
            tokens(left as f64 * old.tokens() as f64)
        )),
    });
    false
}
