//! The learning rate at the steps where something happens.

use super::INDENT;
use crate::output::table::{Align, Table};
use crate::output::{Stream, number};
use smolc_plan::Run;

/// Steps looked at to find where the schedule bends, at most.
const PROBES: u64 = 4096;

pub(super) fn render(run: &Run, out: &Stream) -> String {
    use Align::{Left, Right};
    let indent = " ".repeat(INDENT);
    let mut text = format!("{indent}{}\n", run.lr.source);
    let mut table = Table::new(&[("update", Right), ("tokens before", Right), ("rate", Right), ("", Left)]);
    for (step, what) in steps(run) {
        let rate = rate(run, step).map_or_else(|| "?".into(), number::rate);
        let tokens = step.saturating_mul(run.batch.tokens());
        table.row([number::thousands(step + 1), number::thousands(tokens), rate, what]);
    }
    text.push_str(&table.render(out, INDENT));
    text
}

/// Rate of the update after `t` updates.
pub(crate) fn rate(run: &Run, t: u64) -> Option<f64> {
    run.lr.expr.eval(&[("t", t as f64), ("end", run.steps as f64)]).ok()
}

/// Steps worth a line, in order, with what happens there: first, last, the first at the peak and the last before the
/// rate falls, and each stage's first.
pub(crate) fn steps(run: &Run) -> Vec<(u64, String)> {
    let last = run.steps.saturating_sub(1);
    let mut marks: Vec<(u64, String)> = vec![(0, "first".into())];
    if let Some((first, end)) = plateau(run, last) {
        marks.push((first, "reaches the highest rate".into()));
        if end > first && end < last {
            marks.push((end, "last at the highest rate".into()));
        }
    }
    marks.extend(run.stages.iter().skip(1).map(|s| (s.first_step, format!("stage {} begins", s.name))));
    marks.push((last, "last".into()));
    marks.sort_by_key(|(step, _)| *step);
    let mut merged: Vec<(u64, String)> = Vec::new();
    for (step, what) in marks {
        match merged.last_mut() {
            Some((same, text)) if *same == step => text.push_str(&format!(", {what}")),
            _ => merged.push((step, what)),
        }
    }
    merged
}

/// First and last step at the highest rate, exact: a coarse look finds a step at the highest rate, bisection the edges.
/// `None` for a schedule that cannot be evaluated, or that leaves its highest rate and comes back between two looks.
fn plateau(run: &Run, last: u64) -> Option<(u64, u64)> {
    let stride = (last / PROBES).max(1);
    let looks = (0..=last).step_by(usize::try_from(stride).ok()?).chain([last]);
    let (mut at, mut peak) = (0, f64::NEG_INFINITY);
    for step in looks {
        let r = rate(run, step)?;
        if r > peak {
            (at, peak) = (step, r);
        }
    }
    let at_peak = |step: u64| rate(run, step).is_some_and(|r| r >= peak);
    // Invariant of both searches: one end is at the peak, the other is not.
    let (mut below, mut first) = (at.saturating_sub(stride), at);
    if at_peak(below) {
        first = below;
    }
    while first - below > 1 {
        let middle = below + (first - below) / 2;
        if at_peak(middle) { first = middle } else { below = middle }
    }
    let (mut inside, mut outside) = (at, last + 1);
    while outside - inside > 1 {
        let middle = inside + (outside - inside) / 2;
        if at_peak(middle) { inside = middle } else { outside = middle }
    }
    Some((first, inside))
}
