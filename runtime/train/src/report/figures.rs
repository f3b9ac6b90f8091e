//! The figures of a report.

use super::data::{Data, smooth};
use crate::samples::{Samples, datasets_of};
use smolc_figures::{Area, Chart, Curve, Figure, Level, axis, color};
use smolc_plan::{Plan, Run};

/// Bins of the mixture's figure.
const BINS: u64 = 120;

fn name(plan: &Plan, dataset: usize) -> String {
    plan.datasets.get(dataset).map_or_else(String::new, |d| d.name.clone())
}

fn empty(run: &Run, title: &str, y_label: String, y: (f64, f64)) -> Chart {
    let tokens = run.batch.tokens() as f64;
    Chart {
        title: title.to_owned(),
        y_label,
        x: (0.0, run.steps as f64 * tokens),
        y,
        bands: run
            .stages
            .iter()
            .map(|s| (s.first_step as f64 * tokens, (s.first_step + s.steps) as f64 * tokens, s.name.clone()))
            .collect(),
        areas: Vec::new(),
        curves: Vec::new(),
        levels: Vec::new(),
        marks: Vec::new(),
    }
}

/// All figures, in order.
pub fn all(plan: &Plan, run: &Run, samples: &dyn Samples, data: &Data) -> Vec<Figure> {
    vec![
        loss(plan, run, data),
        single(
            run,
            data,
            Single {
                heading: "Learning rate",
                what: "learning rate",
                caption: format!("Rate of each update: {}.", schedule(run)),
                value: |s| s.lr,
                smoothed: false,
            },
        ),
        mixture(plan, run, samples, data),
        single(
            run,
            data,
            Single {
                heading: "Gradient norm",
                what: "norm (before clipping)",
                caption: match run.optimizer.clip {
                    Some(clip) => format!("Global norm of the gradient before it is clipped to {clip}."),
                    None => "Global norm of the gradient; it is not clipped.".into(),
                },
                value: |s| s.grad_norm,
                smoothed: true,
            },
        ),
        single(
            run,
            data,
            Single {
                heading: "Throughput",
                what: "tokens/s",
                caption: "Tokens of a step over its wall time; validation and checkpoints are not in it."
                    .into(),
                value: |s| s.tokens_per_second,
                smoothed: true,
            },
        ),
    ]
}

fn schedule(run: &Run) -> String {
    if run.lr.source.is_empty() { "as the plan states".into() } else { run.lr.source.clone() }
}

fn loss(plan: &Plan, run: &Run, data: &Data) -> Figure {
    let raw = data.column(|s| s.loss);
    let entropy = data.end.as_ref().and_then(|e| e.unigram_entropy);
    let values = raw
        .iter()
        .map(|p| p.1)
        .chain(data.validations.iter().map(|v| v.loss))
        // Room above the line for its label.
        .chain(entropy.map(|e| e * 1.04));
    let y = axis::range(values, false, 6);
    let mut chart = empty(run, "Loss against tokens", "loss (nats per token)".into(), y);
    let half = raw.len() / 60;
    chart.curves.push(Curve { points: raw.clone(), class: "raw".into(), dots: false });
    chart.curves.push(Curve { points: smooth(&raw, half), class: "train".into(), dots: false });
    let mut legend = vec![
        ("raw".to_owned(), "training, each step".to_owned()),
        ("train".to_owned(), "training, smoothed".to_owned()),
    ];
    for (place, dataset) in datasets_of(run).into_iter().enumerate() {
        let name = name(plan, dataset);
        let points: Vec<(f64, f64)> = data
            .validations
            .iter()
            .filter(|v| v.dataset == name)
            .map(|v| (v.tokens as f64, v.loss))
            .collect();
        if !points.is_empty() {
            chart.curves.push(Curve { points, class: color(place), dots: true });
            legend.push((color(place), format!("validation, {name}")));
        }
    }
    if let Some(e) = entropy {
        chart.levels.push(Level { y: e, label: format!("unigram entropy {e:.3}") });
    }
    Figure {
        heading: "Loss",
        chart,
        legend,
        caption: "Mean negative log-likelihood per token. The dashed line is the entropy of the unigram distribution of \
                  the very tokens drawn for training: what a model that knows only how frequent each token is would reach."
            .into(),
        height: 400.0,
    }
}

struct Single {
    heading: &'static str,
    what: &'static str,
    caption: String,
    value: fn(&crate::event::Step) -> f64,
    smoothed: bool,
}

/// A figure of one column of the steps.
fn single(run: &Run, data: &Data, single: Single) -> Figure {
    let raw = data.column(single.value);
    let max = raw.iter().map(|p| p.1).fold(0.0, f64::max);
    let (scale, power) = axis::small_scale(max);
    let raw: Vec<(f64, f64)> = raw.into_iter().map(|(x, y)| (x, y / scale)).collect();
    let label = power.map_or_else(|| single.what.to_owned(), |p| format!("{} (× {p})", single.what));
    let y = axis::range(raw.iter().map(|p| p.1 * 1.05), true, 4);
    let mut chart = empty(run, single.heading, label, y);
    let mut legend = Vec::new();
    if single.smoothed {
        let half = raw.len() / 60;
        let smoothed = smooth(&raw, half);
        chart.curves.push(Curve { points: raw, class: "raw".into(), dots: false });
        chart.curves.push(Curve { points: smoothed, class: "train".into(), dots: false });
        legend.push(("raw".to_owned(), "each step".to_owned()));
        legend.push(("train".to_owned(), "smoothed".to_owned()));
    } else {
        chart.curves.push(Curve { points: raw, class: "train".into(), dots: false });
    }
    Figure { heading: single.heading, chart, legend, caption: single.caption, height: 260.0 }
}

/// The mixture as it was drawn: shares of each dataset in bins of the samples drawn so far, and the planned weights.
fn mixture(plan: &Plan, run: &Run, samples: &dyn Samples, data: &Data) -> Figure {
    let mut chart = empty(run, "Mixture as drawn", "share of samples (%)".into(), (0.0, 100.0));
    let datasets = datasets_of(run);
    let window = run.batch.window as f64;
    let step = data.steps.last().map_or(0, |s| s.step);
    let drawn = step * run.batch.sequences;
    let mut edges = bins(run, drawn);
    edges.dedup();
    let counts: Vec<Vec<u64>> = edges.iter().map(|e| samples.counts(*e)).collect();
    let mut areas: Vec<Area> = (0..datasets.len())
        .map(|i| Area { points: Vec::new(), class: format!("area {}", color(i)) })
        .collect();
    for (ends, pair) in edges.windows(2).zip(counts.windows(2)) {
        let ([from, to], [before, after]) = (ends, pair) else { continue };
        let mut low = 0.0;
        for (dataset, area) in datasets.iter().zip(&mut areas) {
            let n = after.get(*dataset).unwrap_or(&0) - before.get(*dataset).unwrap_or(&0);
            let high = low + 100.0 * n as f64 / (to - from) as f64;
            area.points.push((*from as f64 * window, low, high));
            area.points.push((*to as f64 * window, low, high));
            low = high;
        }
    }
    chart.areas = areas;
    let tokens = run.batch.tokens() as f64;
    for stage in &run.stages {
        let (from, to) = (stage.first_step as f64 * tokens, (stage.first_step + stage.steps) as f64 * tokens);
        let mut sum = 0.0;
        for dataset in &datasets {
            let weight = stage.mix.iter().find(|m| m.dataset == *dataset).map_or(0.0, |m| m.weight.to_f64());
            sum += 100.0 * weight;
            if weight > 0.0 && sum < 99.999 {
                let points = vec![(from, sum), (to, sum)];
                chart.curves.push(Curve { points, class: "planned".into(), dots: false });
            }
        }
    }
    let mut legend: Vec<(String, String)> =
        datasets.iter().enumerate().map(|(i, d)| (format!("area {}", color(i)), name(plan, *d))).collect();
    legend.push(("planned".into(), "planned weight".into()));
    Figure {
        heading: "Mixture as drawn",
        chart,
        legend,
        caption: "Share of each dataset among the samples that were drawn, counted in bins; dashed, the weights of the \
                  plan. All samples have one length, so shares of samples are shares of tokens."
            .into(),
        height: 280.0,
    }
}

/// Edges of about [`BINS`] bins over the samples drawn; no bin crosses a stage's end, none is smaller than a step.
fn bins(run: &Run, drawn: u64) -> Vec<u64> {
    let total = (run.steps * run.batch.sequences).max(1);
    let size = total.div_ceil(BINS).div_ceil(run.batch.sequences).max(1) * run.batch.sequences;
    // Few samples a bin would show the grain of integers, not the mixture.
    let size = size.max(32u64.div_ceil(run.batch.sequences) * run.batch.sequences);
    let mut edges = vec![0];
    for stage in &run.stages {
        let (from, to) =
            (stage.first_step * run.batch.sequences, (stage.first_step + stage.steps) * run.batch.sequences);
        // Equal bins within the stage, so that none is a sliver.
        let n = ((to - from) / size).max(1);
        edges.extend((1..=n).map(|i| from + (to - from) * i / n).map(|e| e.min(drawn)));
    }
    edges.dedup();
    edges
}
