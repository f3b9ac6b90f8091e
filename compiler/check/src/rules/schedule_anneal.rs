//! `smol::schedule::anneal`: the decay begins where the stage that is meant for it begins.
//!
//! SmolLM2's configuration decays from step 4,716,000, which is 9.89T tokens; the paper's last stage begins at 10T. The
//! difference is 110B tokens of the third stage's mixture at a falling rate, and nothing says whether that was meant.

use crate::rational::Fraction;
use crate::spec::{Run, Schedule};
use crate::units::{grouped, tokens};
use smolc_diag::Diagnostic;

/// Share of the run within which a decay and a stage are taken to belong together.
const NEAR: f64 = 0.05;
/// Share of the run that counts as the same place.
const SAME: f64 = 0.0005;

/// Reports a decay that begins a little before or after a stage does.
pub fn check(run: &Run, lr: &Schedule, end: u64, out: &mut Vec<Diagnostic>) {
    let (Some((decay, at)), Some(batch)) = (lr.decay, &run.batch) else { return };
    let Some(start) = Fraction::integer(end).sub(decay) else { return };
    let start = start.to_f64();
    let stages = run.stages.iter().skip(1).filter_map(|s| Some((s, s.steps?.0)));
    let Some((stage, first)) = stages.min_by_key(|(_, first)| (start - *first as f64).abs() as u64) else {
        return;
    };
    let apart = (start - first as f64) / end as f64;
    if apart.abs() <= SAME || apart.abs() > NEAR {
        return;
    }
    let (steps, when) = ((start - first as f64).abs(), if apart < 0.0 { "before" } else { "after" });
    out.push(
        Diagnostic::warning(
            "smol::schedule::anneal",
            at,
            format!(
                "the decay begins {} {when} stage `{}` does",
                tokens(steps * batch.tokens() as f64),
                stage.name
            ),
        )
        .label(format!("from t = {} steps", grouped(start.round() as i128)))
        .also(stage.span, format!("begins at step {}", grouped(i128::from(first))))
        .help(format!(
            "to decay with the stage, write `decay: {} steps`; if the difference is meant, say why: \
             `#[allow(smol::schedule::anneal, reason = \"…\")]`",
            end.saturating_sub(first)
        )),
    );
}
