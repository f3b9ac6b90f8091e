//! The tables of a report, as HTML.

use super::data::Data;
use crate::event::Status;
use crate::samples::{Samples, datasets_of};
use smolc_data::Classified;
use smolc_figures::axis::{count, duration, grouped};
use smolc_figures::{Bar, bars, color, escape, table};
use smolc_plan::{Plan, Run};

/// Name and value pairs about the run.
pub fn facts(plan: &Plan, run: &Run, data: &Data, hash: &str) -> String {
    let m = &run.model;
    let step = data.steps.last().map_or(0, |s| s.step);
    let tokens = step * run.batch.tokens();
    let start = data.starts.last();
    let resumed = data.starts.len().saturating_sub(1);
    let mut rows: Vec<(&str, String)> = vec![
        ("Plan", format!("<code>{}</code>", hash.get(..16).unwrap_or(hash))),
        ("Parameters", grouped(m.parameters().unwrap_or(0))),
        (
            "Model",
            format!(
                "{} layers, width {}, FFN {}, {} heads ({} key/value), vocabulary {}{}",
                m.layers,
                m.hidden,
                m.ffn,
                m.heads,
                m.kv_heads,
                grouped(m.vocab),
                if m.tied { ", tied embeddings" } else { "" }
            ),
        ),
        ("Tokens", format!("{} of {}", grouped(tokens), grouped(run.steps * run.batch.tokens()))),
        ("Steps", format!("{} of {}", grouped(step), grouped(run.steps))),
        (
            "Batch",
            format!(
                "{} tokens: {} sequences of {}, micro-batches of {}",
                grouped(run.batch.tokens()),
                run.batch.sequences,
                run.batch.window,
                run.batch.micro
            ),
        ),
        ("Throughput", format!("{} tokens/s", grouped(data.throughput().round() as u64))),
    ];
    if let Some(end) = &data.end {
        rows.push(("Time", duration(end.seconds)));
        if let Some(loss) = end.final_loss {
            rows.push((
                "Final loss",
                format!("{loss:.4} nats (mean of the last {} steps)", end.final_loss_steps),
            ));
        }
        if let Some(entropy) = end.unigram_entropy {
            rows.push(("Unigram entropy", format!("{entropy:.4} nats")));
        }
    }
    if let Some(start) = start {
        let threads =
            if start.threads == 1 { "1 thread".to_owned() } else { format!("{} threads", start.threads) };
        rows.push((
            "Machine",
            format!("{}, {threads}, arena {}", escape(&start.platform), bytes(start.arena_bytes)),
        ));
        rows.push(("Version", format!("smolc {}", escape(&start.version))));
    }
    rows.push(("Seed", run.seed.to_string()));
    if resumed > 0 {
        rows.push(("Resumed", format!("{resumed} time{}", if resumed == 1 { "" } else { "s" })));
    }
    rows.push(("Spec", escape(&plan.spec)));
    smolc_figures::facts(&rows)
}

fn bytes(n: u64) -> String {
    match n {
        0..1_048_576 => format!("{:.0} KiB", n as f64 / 1024.0),
        1_048_576..1_073_741_824 => format!("{:.0} MiB", n as f64 / 1_048_576.0),
        _ => format!("{:.2} GiB", n as f64 / 1_073_741_824.0),
    }
}

/// How the run stands, in one word, and the class of its badge.
pub fn status(data: &Data) -> (&'static str, &'static str) {
    match data.end.as_ref().map(|e| e.status) {
        Some(Status::Finished) => ("finished", "good"),
        Some(Status::Interrupted) => ("interrupted", "waiting"),
        Some(Status::NumericalFault) => ("numerical fault", "bad"),
        Some(Status::Failed) => ("failed", "bad"),
        None => ("under way", "waiting"),
    }
}

/// Validation per dataset: at each stage's end, and the best.
pub fn validation(plan: &Plan, run: &Run, data: &Data) -> Option<String> {
    if data.validations.is_empty() {
        return None;
    }
    let ends: Vec<String> = run.stages.iter().map(|s| format!("after {}", escape(&s.name))).collect();
    let mut head = vec!["Dataset"];
    head.extend(ends.iter().map(String::as_str));
    head.extend(["Best", "Last", "Last perplexity", "Targets"]);
    let mut rows = Vec::new();
    for (place, dataset) in datasets_of(run).into_iter().enumerate() {
        let name = plan.datasets.get(dataset).map_or("", |d| d.name.as_str());
        let of: Vec<_> = data.validations.iter().filter(|v| v.dataset == name).collect();
        let Some(last) = of.last() else { continue };
        let best = of.iter().map(|v| v.loss).fold(f64::INFINITY, f64::min);
        let mut row = vec![format!(r#"<i class="swatch {}"></i>{}"#, color(place), escape(name))];
        for stage in &run.stages {
            let at = of.iter().find(|v| v.step == stage.first_step + stage.steps);
            row.push(at.map_or_else(|| "–".into(), |v| format!("{:.4}", v.loss)));
        }
        row.push(format!("{best:.4}"));
        row.push(format!("{:.4}", last.loss));
        row.push(format!("{:.2}", last.loss.exp()));
        row.push(grouped(last.targets as u64));
        rows.push(row);
    }
    Some(table(&head, &rows))
}

/// What was drawn of each dataset, against what was planned.
pub fn drawn(plan: &Plan, run: &Run, samples: &dyn Samples, data: &Data) -> String {
    let step = data.steps.last().map_or(0, |s| s.step);
    let total = step * run.batch.sequences;
    let counts = samples.counts(total);
    let mut rows = Vec::new();
    for (place, dataset) in datasets_of(run).into_iter().enumerate() {
        let n = counts.get(dataset).copied().unwrap_or(0);
        let planned: f64 = run
            .stages
            .iter()
            .map(|s| {
                let steps = step.saturating_sub(s.first_step).min(s.steps) as f64;
                let weight = s.mix.iter().find(|m| m.dataset == dataset).map_or(0.0, |m| m.weight.to_f64());
                steps * weight
            })
            .sum();
        let found = plan.datasets.get(dataset);
        let measured = found.and_then(|d| d.measured.as_ref());
        let tokens = n * run.batch.window;
        let of = |x: f64| if total == 0 { "–".to_owned() } else { format!("{x:.3}%") };
        rows.push(vec![
            format!(
                r#"<i class="swatch {}"></i>{}"#,
                color(place),
                escape(found.map_or("", |d| d.name.as_str()))
            ),
            of(100.0 * planned / step.max(1) as f64),
            of(100.0 * n as f64 / total.max(1) as f64),
            grouped(tokens),
            measured.map_or_else(|| "–".into(), |m| count(m.tokens)),
            measured.map_or_else(|| "–".into(), |m| format!("{:.2}", tokens as f64 / m.tokens.max(1) as f64)),
        ]);
    }
    table(&["Dataset", "Planned", "Drawn", "Tokens drawn", "Size, tokens", "Epochs"], &rows)
}

/// What each step of each pipeline kept.
pub fn pipelines(data: &Data) -> Option<String> {
    let mut rows = Vec::new();
    for dataset in &data.prepared {
        for (place, step) in dataset.steps.iter().enumerate() {
            let before = step.documents_before.max(1) as f64;
            rows.push(vec![
                if place == 0 { escape(&dataset.dataset) } else { String::new() },
                escape(&step.step),
                grouped(step.documents_before),
                grouped(step.documents),
                format!("{:.1}%", 100.0 * step.documents as f64 / before),
            ]);
        }
        if dataset.validation_documents > 0 {
            let before = dataset.documents + dataset.validation_documents;
            rows.push(vec![
                String::new(),
                "split, for training".into(),
                grouped(before),
                grouped(dataset.documents),
                format!("{:.1}%", 100.0 * dataset.documents as f64 / before as f64),
            ]);
        }
    }
    (!rows.is_empty()).then(|| table(&["Dataset", "Step", "Documents before", "After", "Kept"], &rows))
}

/// Each classifier once, though several datasets may ask it.
fn each_classifier(data: &Data) -> Vec<&Classified> {
    let mut each: Vec<&Classified> = Vec::new();
    for found in data.prepared.iter().flat_map(|p| &p.classifiers) {
        if !each.iter().any(|known| known.classifier == found.classifier) {
            each.push(found);
        }
    }
    each
}

/// What classifiers learned from, and how well.
pub fn classifiers(data: &Data) -> Option<String> {
    let row = |c: &&Classified| {
        let quality = c.quality.as_ref();
        let classes = quality.and_then(|q| q.classes.as_ref());
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "–".into());
        vec![
            escape(&c.classifier),
            escape(&c.dataset),
            grouped(c.documents),
            grouped(c.held_out),
            grouped(c.unlabeled),
            or_none(quality.map(|q| format!("{:.3} ({:.3})", q.rmse, q.rmse_of_mean))),
            or_none(classes.map(|c| format!("{:.1}%", 100.0 * c.accuracy))),
            or_none(classes.map(|c| format!("{:.3}", c.macro_f1))),
        ]
    };
    let rows: Vec<Vec<String>> = each_classifier(data).iter().map(row).collect();
    let heads = [
        "Classifier",
        "Trained on",
        "Documents",
        "Held out",
        "Unlabeled",
        "RMSE (mean)",
        "Accuracy",
        "Macro F1",
    ];
    (!rows.is_empty()).then(|| table(&heads, &rows))
}

/// What classifiers took for what.
pub fn confusions(data: &Data) -> Option<String> {
    let mut all = String::new();
    for c in each_classifier(data) {
        let Some(classes) = c.quality.as_ref().and_then(|q| q.classes.as_ref()) else { continue };
        let names: Vec<String> = classes.labels.iter().map(i64::to_string).collect();
        let corner = escape(&c.classifier);
        let heads: Vec<&str> =
            std::iter::once(corner.as_str()).chain(names.iter().map(String::as_str)).collect();
        let rows: Vec<Vec<String>> = names
            .iter()
            .zip(&classes.confusion)
            .map(|(name, row)| std::iter::once(name.clone()).chain(row.iter().map(|n| grouped(*n))).collect())
            .collect();
        all += &table(&heads, &rows);
    }
    (!all.is_empty()).then_some(all)
}

/// Bars of the share of the step time in each operator kind.
pub fn shares(data: &Data) -> Option<String> {
    let shares = data.shares();
    let largest = shares.iter().map(|s| s.1).fold(0.0, f64::max);
    if shares.is_empty() || largest <= 0.0 {
        return None;
    }
    let bar = |(name, share): &(String, f64)| Bar {
        name: name.clone(),
        parts: vec![(String::new(), *share)],
        value: format!("{:.1}%", 100.0 * share),
    };
    Some(bars(&shares.iter().filter(|(_, share)| *share >= 0.0005).map(bar).collect::<Vec<_>>()))
}
