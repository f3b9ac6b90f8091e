//! The figures: the mixture over tokens, and the learning rate.

use crate::plan_text::schedule;
use smolc_figures::{Area, Chart, Curve, Figure, Mark, axis, color};
use smolc_plan::{Plan, Run, Stage};

/// Points of the learning rate's curve, besides those where it bends.
const POINTS: u64 = 600;

/// Smallest share, in percent, that is written into its area.
const WRITTEN: f64 = 5.0;

/// Datasets that get a color each; of more than these the largest do, and the others share one.
const COLORED: usize = 12;

/// The datasets of a run in the order of their first use, and the colors of those that have one.
pub struct Colors {
    datasets: Vec<usize>,
    colored: Vec<usize>,
    /// Colors by place, the same in every run of a page.
    palette: Vec<usize>,
}

impl Colors {
    /// Of a run on a page about several.
    pub fn of(run: &Run, page: &[&Run]) -> Colors {
        let mut palette = Vec::new();
        for dataset in page.iter().flat_map(|run| colored(run)) {
            if !palette.contains(&dataset) {
                palette.push(dataset);
            }
        }
        Colors { datasets: datasets(run), colored: colored(run), palette }
    }

    /// Datasets of the plan, each once.
    pub fn datasets(&self) -> &[usize] {
        &self.datasets
    }

    /// Those with a color of their own.
    pub fn colored(&self) -> &[usize] {
        &self.colored
    }

    /// How many share one.
    pub fn others(&self) -> usize {
        self.datasets.len() - self.colored.len()
    }

    /// Class of a dataset's color.
    pub fn class(&self, dataset: usize) -> String {
        match self.palette.iter().position(|d| *d == dataset).filter(|_| self.colored.contains(&dataset)) {
            Some(place) => color(place),
            None => OTHERS.to_owned(),
        }
    }
}

fn datasets(run: &Run) -> Vec<usize> {
    let mut datasets = Vec::new();
    for entry in run.stages.iter().flat_map(|s| &s.mix) {
        if !datasets.contains(&entry.dataset) {
            datasets.push(entry.dataset);
        }
    }
    datasets
}

/// Those of a run's datasets that get a color, in order of first use.
fn colored(run: &Run) -> Vec<usize> {
    let all = datasets(run);
    if all.len() <= COLORED {
        return all;
    }
    let drawn = |dataset: usize| -> f64 {
        let share =
            |s: &Stage| s.mix.iter().find(|m| m.dataset == dataset).map_or(0.0, |m| m.weight.to_f64());
        run.stages.iter().map(|s| share(s) * s.steps as f64).sum()
    };
    let mut largest = all.clone();
    largest.sort_by(|a, b| drawn(*b).total_cmp(&drawn(*a)));
    largest.truncate(COLORED - 1);
    all.into_iter().filter(|d| largest.contains(d)).collect()
}

/// Class of the color of all others.
pub const OTHERS: &str = "raw";

/// A share with at most two decimals.
pub fn percent(share: f64) -> String {
    let text = format!("{share:.2}");
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
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
        let mut area = |share: f64, class: &str, chart: &mut Chart| {
            let points = vec![(from, low, low + share), (to, low, low + share)];
            chart.areas.push(Area { points, class: format!("area {class}") });
            if share >= WRITTEN {
                let (x, y) = ((from + to) / 2.0, low + share / 2.0);
                chart.marks.push(Mark { x, y, text: percent(share), room: to - from });
            }
            low += share;
        };
        let mut rest = 100.0;
        for &dataset in colors.colored() {
            let Some(entry) = stage.mix.iter().find(|m| m.dataset == dataset) else { continue };
            let share = 100.0 * entry.weight.to_f64();
            area(share, &colors.class(dataset), &mut chart);
            rest -= share;
        }
        if colors.others() > 0 {
            area(rest.max(0.0), OTHERS, &mut chart);
        }
    }
    let mut legend: Vec<(String, String)> =
        colors.colored().iter().map(|d| (format!("area {}", colors.class(*d)), name(plan, *d))).collect();
    let mut caption =
        "Share of each dataset in every stage of the run; those below 5% are in the table.".to_owned();
    if colors.others() > 0 {
        legend.push((format!("area {OTHERS}"), format!("{} others", colors.others())));
        caption = format!(
            "Shares of the {} largest datasets in every stage of the run, and of the {} others together.",
            colors.colored().len(),
            colors.others()
        );
    }
    Figure { heading: "Mixture over tokens", chart, legend, caption, height: 380.0 }
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
