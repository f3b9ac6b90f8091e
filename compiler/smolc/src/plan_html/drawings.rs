//! The figures: the mixture over tokens, and the learning rate.

use crate::plan_text::schedule;
use smolc_figures::{Area, Chart, Curve, Figure, Mark, axis, color};
use smolc_plan::{Plan, Run};

/// Points of the learning rate's curve, besides those where it bends.
const POINTS: u64 = 600;

/// Smallest share, in percent, that is written into its area.
const WRITTEN: f64 = 5.0;

/// The datasets of a run in the order of their first use, which is the order of their colors.
pub struct Colors(Vec<usize>);

impl Colors {
    /// Of a run.
    pub fn of(run: &Run) -> Colors {
        let mut datasets = Vec::new();
        for entry in run.stages.iter().flat_map(|s| &s.mix) {
            if !datasets.contains(&entry.dataset) {
                datasets.push(entry.dataset);
            }
        }
        Colors(datasets)
    }

    /// Datasets of the plan, each once.
    pub fn datasets(&self) -> &[usize] {
        &self.0
    }

    /// Class of a dataset's color.
    pub fn class(&self, dataset: usize) -> String {
        color(self.0.iter().position(|d| *d == dataset).unwrap_or(0))
    }
}

/// Name of a dataset of the plan.
pub fn name(plan: &Plan, dataset: usize) -> String {
    plan.datasets.get(dataset).map_or_else(|| format!("dataset {dataset}"), |d| d.name.clone())
}

fn empty(run: &Run, title: &str, y_label: String, y: (f64, f64)) -> Chart {
    let tokens = run.batch.tokens() as f64;
    let bands = run
        .stages
        .iter()
        .map(|s| (s.first_step as f64 * tokens, (s.first_step + s.steps) as f64 * tokens, s.name.clone()));
    Chart {
        title: title.to_owned(),
        y_label,
        x: (0.0, run.steps as f64 * tokens),
        y,
        bands: bands.collect(),
        areas: Vec::new(),
        curves: Vec::new(),
        levels: Vec::new(),
        marks: Vec::new(),
    }
}

/// Shares of the datasets over the tokens of the run, stacked.
pub fn mixture(plan: &Plan, run: &Run, colors: &Colors) -> Figure {
    let mut chart = empty(run, "Mixture over tokens", "share of tokens (%)".into(), (0.0, 100.0));
    let tokens = run.batch.tokens() as f64;
    for stage in &run.stages {
        let (from, to) = (stage.first_step as f64 * tokens, (stage.first_step + stage.steps) as f64 * tokens);
        let mut low = 0.0;
        for &dataset in colors.datasets() {
            let Some(entry) = stage.mix.iter().find(|m| m.dataset == dataset) else { continue };
            let share = 100.0 * entry.weight.to_f64();
            let points = vec![(from, low, low + share), (to, low, low + share)];
            chart.areas.push(Area { points, class: format!("area {}", colors.class(dataset)) });
            if share >= WRITTEN {
                chart.marks.push(Mark {
                    x: (from + to) / 2.0,
                    y: low + share / 2.0,
                    text: entry.weight.to_string(),
                    room: to - from,
                });
            }
            low += share;
        }
    }
    let legend =
        colors.datasets().iter().map(|d| (format!("area {}", colors.class(*d)), name(plan, *d))).collect();
    Figure {
        heading: "Mixture over tokens",
        chart,
        legend,
        caption: "Share of each dataset in every stage of the run. Weights are exact; those below 5% are in the table."
            .into(),
        height: 380.0,
    }
}

/// The rate of every update.
pub fn rate(run: &Run) -> Figure {
    let mut steps: Vec<u64> = (0..=POINTS).map(|i| scaled(run.steps.saturating_sub(1), i)).collect();
    // A warm-up of a thousandth of the run would fall between two points.
    steps.extend((0..40).map(|i| 1u64 << i));
    for (step, _) in schedule::steps(run) {
        steps.extend([step.saturating_sub(1), step, step + 1]);
    }
    steps.retain(|s| *s < run.steps);
    steps.sort_unstable();
    steps.dedup();
    let points: Vec<(u64, f64)> =
        steps.into_iter().map(|s| (s, schedule::rate(run, s).unwrap_or(f64::NAN))).collect();
    let max = points.iter().map(|p| p.1).filter(|v| v.is_finite()).fold(0.0, f64::max);
    let (scale, power) = axis::small_scale(max);
    let tokens = run.batch.tokens() as f64;
    let points: Vec<(f64, f64)> = points.into_iter().map(|(s, v)| (s as f64 * tokens, v / scale)).collect();
    let label = power.map_or_else(|| "learning rate".to_owned(), |p| format!("learning rate (× {p})"));
    let y = axis::range(points.iter().map(|p| p.1 * 1.05), true, 4);
    let mut chart = empty(run, "Learning rate over tokens", label, y);
    chart.curves.push(Curve { points, class: "train".into(), dots: false });
    Figure {
        heading: "Learning rate over tokens",
        chart,
        legend: Vec::new(),
        caption: if run.lr.source.is_empty() { String::new() } else { format!("{}.", run.lr.source) },
        height: 260.0,
    }
}

/// `last · i / POINTS` without overflow.
fn scaled(last: u64, i: u64) -> u64 {
    u64::try_from(u128::from(last) * u128::from(i) / u128::from(POINTS)).unwrap_or(last)
}
