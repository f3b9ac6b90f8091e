//! What a report is made of: the ledger's events in columns.

use crate::event::{End, Event, Prepared, Start, Step, Validation};
use crate::ledger::Line;
use indexmap::IndexMap;

/// Most points of a curve in a figure: more than the pixels it has would only make the file larger.
pub const POINTS: usize = 600;

/// The events of a run.
#[derive(Debug, Default)]
pub struct Data {
    /// Steps in order, each once.
    pub steps: Vec<Step>,
    /// Validations in order.
    pub validations: Vec<Validation>,
    /// Starts: more than one when the run was resumed.
    pub starts: Vec<Start>,
    /// What pipelines kept.
    pub prepared: Vec<Prepared>,
    /// The last end.
    pub end: Option<End>,
    /// Messages.
    pub warnings: Vec<String>,
}

impl Data {
    /// Sorts a ledger's lines.
    pub fn of(lines: Vec<Line>) -> Data {
        let mut data = Data::default();
        for line in lines {
            match line.event {
                Event::Step(e) => data.steps.push(e),
                Event::Validation(e) => data.validations.push(e),
                Event::Start(e) => data.starts.push(e),
                Event::Prepared(e) => data.prepared.push(e),
                Event::End(e) => data.end = Some(e),
                Event::Warning(e) => data.warnings.push(e.message),
                Event::Amendment(e) => data.warnings.push(format!(
                    "the plan was amended after step {}: {}",
                    e.step,
                    e.changes.join("; ")
                )),
                Event::Stage(_) | Event::Checkpoint(_) => {}
            }
        }
        data
    }

    /// A column of the steps over tokens, thinned to [`POINTS`] by means of equal groups.
    pub fn column(&self, value: impl Fn(&Step) -> f64) -> Vec<(f64, f64)> {
        let group = self.steps.len().div_ceil(POINTS).max(1);
        let mean =
            |part: &[Step], of: &dyn Fn(&Step) -> f64| part.iter().map(of).sum::<f64>() / part.len() as f64;
        self.steps
            .chunks(group)
            .map(|part| (mean(part, &|s| s.tokens as f64), mean(part, &|s| value(s))))
            .collect()
    }

    /// Mean share of the step time in each operator kind, weighted by the steps' time, largest first. What is left to
    /// 1 is the host.
    pub fn shares(&self) -> Vec<(String, f64)> {
        let total: f64 = self.steps.iter().map(|s| s.seconds).sum();
        let mut sums: IndexMap<&str, f64> = IndexMap::new();
        for step in &self.steps {
            for (name, share) in &step.shares {
                *sums.entry(name).or_default() += share * step.seconds;
            }
        }
        let mut out: Vec<(String, f64)> =
            sums.into_iter().map(|(n, s)| (n.to_owned(), s / total.max(1e-12))).collect();
        out.sort_by(|a, b| b.1.total_cmp(&a.1));
        let rest = 1.0 - out.iter().map(|(_, s)| s).sum::<f64>();
        if rest > 0.0005 && !out.is_empty() {
            out.push(("host (data, ledger)".into(), rest));
        }
        out
    }

    /// Tokens per second over all steps: tokens of the steps over their time.
    pub fn throughput(&self) -> f64 {
        let (tokens, seconds) = self
            .steps
            .iter()
            .fold((0.0, 0.0), |(t, s), e| (t + e.tokens_per_second * e.seconds, s + e.seconds));
        tokens / f64::max(seconds, 1e-12)
    }
}

/// Moving average over `2 · half + 1` points around each. Towards the ends, where the window is cut, the value of the
/// least-squares line through it: a mean would lag behind a slope, and a window that shrinks would follow the noise.
pub fn smooth(points: &[(f64, f64)], half: usize) -> Vec<(f64, f64)> {
    points
        .iter()
        .enumerate()
        .map(|(i, &(x, y))| {
            let window = points.get(i.saturating_sub(half)..points.len().min(i + half + 1));
            (x, window.map_or(y, |window| line_at(window, x)))
        })
        .collect()
}

/// The least-squares line through the points, at `x`; their mean where they have one abscissa only.
fn line_at(points: &[(f64, f64)], x: f64) -> f64 {
    let n = points.len() as f64;
    let (mx, my) = points.iter().fold((0.0, 0.0), |(a, b), p| (a + p.0 / n, b + p.1 / n));
    let (cov, var) = points
        .iter()
        .fold((0.0, 0.0), |(c, v), p| (c + (p.0 - mx) * (p.1 - my), v + (p.0 - mx) * (p.0 - mx)));
    if var > 0.0 { my + cov / var * (x - mx) } else { my }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoothing_keeps_constants_and_lines() {
        let line: Vec<(f64, f64)> = (0..50).map(|i| (f64::from(i), 2.0 * f64::from(i))).collect();
        assert!(smooth(&line, 7).iter().zip(&line).all(|(a, b)| (a.1 - b.1).abs() < 1e-9));
        assert!(smooth(&[], 3).is_empty());
        let flat: Vec<(f64, f64)> = (0..50).map(|i| (f64::from(i), 3.0)).collect();
        assert!(smooth(&flat, 10).iter().all(|(_, y)| (y - 3.0).abs() < 1e-12));
        assert_eq!(smooth(&[(1.0, 5.0)], 3), [(1.0, 5.0)]);
    }

    #[test]
    fn the_ends_do_not_follow_the_noise() {
        let noisy: Vec<(f64, f64)> =
            (0..60).map(|i| (f64::from(i), 4.0 + if i % 2 == 0 { 0.5 } else { -0.5 })).collect();
        assert!(smooth(&noisy, 8).iter().all(|(_, y)| (y - 4.0).abs() < 0.2));
    }
}
