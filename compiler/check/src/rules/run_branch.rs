//! `smol::run::branch`: a run begins where a checkpoint of the other one will be.
//!
//! Checkpoints are written at the interval and at the ends of stages; a run that begins elsewhere would find nothing, days
//! after the other one was started.

use crate::rational::Fraction;
use crate::spec::Run;
use crate::units::{decimal, grouped, tokens};
use smolc_diag::{Applicability, Diagnostic, Span};

/// The step of the checkpoint at a place of a run; `None` after a report.
pub fn check(base: &Run, asked: Fraction, at: Span, out: &mut Vec<Diagnostic>) -> Option<u64> {
    let (steps, every, batch) = (base.steps?, base.checkpoints.as_ref()?.every, base.batch.as_ref()?);
    let said = |step: u64| {
        format!("{} steps ({})", grouped(i128::from(step)), tokens(step as f64 * batch.tokens() as f64))
    };
    if asked > Fraction::integer(steps) {
        out.push(
            Diagnostic::error("smol::run::branch", at, format!("run `{}` ends before that", base.name))
                .label(format!("{} steps", decimal(asked)))
                .also(base.span, format!("ends after {}", said(steps)))
                .help("begin at its end by leaving `at …` out"),
        );
        return None;
    }
    let whole = u64::try_from(asked.round()).ok()?;
    let ends = base.stages.iter().filter_map(|s| s.steps).map(|(first, n)| first + n);
    let mut checkpoints: Vec<u64> = ends.collect();
    let before = whole.checked_div(every).map_or(0, |n| n * every);
    checkpoints.extend([before, before.saturating_add(every)].into_iter().filter(|s| *s > 0 && *s <= steps));
    if checkpoints.contains(&whole) && whole > 0 {
        return Some(whole);
    }
    let below = checkpoints.iter().copied().filter(|s| *s < whole).max();
    let above = checkpoints.iter().copied().filter(|s| *s > whole).min();
    let nearest = [below, above].into_iter().flatten().min_by_key(|s| s.abs_diff(whole));
    let mut d = Diagnostic::error(
        "smol::run::branch",
        at,
        format!("run `{}` will have no checkpoint there", base.name),
    )
    .label(format!("{} steps", decimal(asked)))
    .also(
        base.span,
        format!("writes one every {} steps and at the ends of stages", grouped(i128::from(every))),
    );
    let near: Vec<String> = [below, above].into_iter().flatten().map(said).collect();
    d = d.help(format!("the nearest checkpoints are at {}", crate::load::list(near)));
    if let Some(step) = nearest {
        d = d.fix(at, format!("{step} steps"), Applicability::Unsafe);
    }
    out.push(d);
    None
}
