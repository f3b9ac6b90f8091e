//! The run on the machine it is meant for: time, cost, and what a device holds.

use super::tables::power;
use crate::output::number;
use crate::plan_text::model::division;
use smolc_figures::axis::{count, grouped};
use smolc_figures::{Bar, color, escape, facts};
use smolc_plan::estimate::Estimate;
use smolc_plan::memory::{Memory, SPARE, memory};
use smolc_plan::{Objective, Plan, Precision, Recompute, Run, Target};
use std::time::Duration;

/// What a run takes on its target, whole and by stage; `None` without a target.
pub fn cost(run: &Run) -> Option<String> {
    let (target, all) = (run.target.as_ref()?, run.estimate(run.steps)?);
    let mut s = facts(&[
        (
            "Devices",
            format!(
                "{} × {}: {}, {} FLOP/s, {}B/s each",
                grouped(target.count),
                escape(&target.device.name),
                number::bytes(target.device.memory),
                number::si(target.device.peak),
                number::si(target.device.bandwidth)
            ),
        ),
        ("Work divided", escape(layout(target).as_str())),
        ("Precision", precision(target).into()),
        ("Assumed", format!("{:.0}% of the peak", target.utilization * 100.0)),
        ("Time", time(all.seconds)),
        ("Device hours", hours(&all)),
        (
            "Cost",
            match (all.cost, target.price) {
                (Some(cost), Some(price)) => format!("{} at {price} an hour and device", money(cost)),
                _ => "the target states no <code>price</code>".into(),
            },
        ),
    ]);
    let mut head = vec!["Stage", "Tokens", "FLOP", "Time", "Device hours"];
    if target.price.is_some() {
        head.push("Cost");
    }
    let mut rows: Vec<Vec<String>> = Vec::new();
    for stage in &run.stages {
        rows.push(row(&escape(&stage.name), run, stage.steps));
    }
    if run.stages.len() > 1 {
        rows.push(row("<b>all</b>", run, run.steps));
    }
    s.push_str(&smolc_figures::table(&head, &rows));
    Some(s)
}

fn row(name: &str, run: &Run, steps: u64) -> Vec<String> {
    let mut row = vec![name.to_owned(), count(steps.saturating_mul(run.batch.tokens()))];
    if let Some(e) = run.estimate(steps) {
        row.extend([power(e.flops), time(e.seconds), hours(&e)]);
        row.extend(e.cost.map(money));
    }
    row
}

/// What a device of the run's target holds: `None` without a target.
pub fn device(run: &Run) -> Option<String> {
    let (target, memory) = (run.target.as_ref()?, of(run)?);
    let categories = categories(&memory);
    let mut s = String::from(r#"<div class="legend">"#);
    for (i, (what, _)) in categories.iter().enumerate().filter(|(_, (_, bytes))| *bytes > 0.0) {
        s.push_str(&format!(r#"<span><i class="swatch area {}"></i>{what}</span>"#, color(i)));
    }
    s.push_str("</div>");
    let bar = |what: &str, moment: f64, of: usize| Bar {
        name: what.into(),
        parts: categories
            .iter()
            .enumerate()
            .map(|(i, (_, bytes))| {
                (
                    i,
                    if i < HELD {
                        *bytes
                    } else if i == of {
                        moment
                    } else {
                        0.0
                    },
                )
            })
            .map(|(i, bytes)| (format!("part {}", color(i)), bytes))
            .collect(),
        value: share(memory.held() + moment, target),
    };
    let mut bars = vec![
        bar("training", memory.activations, HELD),
        bar("evaluating", memory.evaluation, HELD + 1),
        bar("saving", memory.saving, HELD + 2),
    ];
    let whole = target.device.memory as f64;
    bars.push(Bar {
        name: format!("a device, {:.0}% of it kept free", SPARE * 100.0),
        parts: vec![
            (format!("part {}", color(HELD + 3)), whole * (1.0 - SPARE)),
            ("part raw".into(), whole * SPARE),
        ],
        value: number::bytes(target.device.memory),
    });
    s.push_str(&smolc_figures::bars(&bars));
    let used: Vec<&(&str, f64)> = categories.iter().filter(|(_, bytes)| *bytes > 0.0).collect();
    let mut head = vec!["Stage"];
    head.extend(used.iter().map(|(what, _)| *what));
    head.extend(["at most", "of a device"]);
    let rows: Vec<Vec<String>> = run
        .stages
        .iter()
        .map(|stage| {
            let mut row = vec![escape(&stage.name)];
            row.extend(used.iter().map(|(_, bytes)| number::bytes(*bytes as u64)));
            row.push(number::bytes(memory.peak() as u64));
            row.push(format!("{:.0}%", 100.0 * memory.peak() / whole));
            row
        })
        .collect();
    s.push_str(&smolc_figures::table(&head, &rows));
    Some(s)
}

/// One row a run: where it begins, what it takes, what a device of its target holds.
pub fn overview(plan: &Plan, runs: &[&Run]) -> String {
    let priced = runs.iter().any(|r| r.target.as_ref().is_some_and(|t| t.price.is_some()));
    let mut head = vec!["Run", "Begins from", "Tokens", "FLOP", "Target", "Time", "Device hours"];
    if priced {
        head.push("Cost");
    }
    head.push("A device holds");
    let none = || "–".to_owned();
    let mut rows = Vec::new();
    for run in runs {
        let estimate = run.estimate(run.steps);
        let tokens = run.steps.saturating_mul(run.batch.tokens());
        let parent = run.parent.as_ref().and_then(|p| Some((p, plan.runs.get(p.run)?)));
        let mut row = vec![
            escape(&run.name),
            parent.map_or_else(none, |(p, from)| match p.step == from.steps {
                true => escape(&from.name),
                false => format!("{} at {}", escape(&from.name), count(p.step)),
            }),
            count(tokens),
            power(run.flops_per_token() * tokens as f64),
            run.target
                .as_ref()
                .map_or_else(none, |t| format!("{} × {}", grouped(t.count), escape(&t.device.name))),
            estimate.map_or_else(none, |e| time(e.seconds)),
            estimate.map_or_else(none, |e| hours(&e)),
        ];
        if priced {
            row.push(estimate.and_then(|e| e.cost).map_or_else(none, money));
        }
        row.push(run.target.as_ref().zip(of(run)).map_or_else(none, |(t, m)| share(m.peak(), t)));
        rows.push(row);
    }
    smolc_figures::table(&head, &rows)
}

/// Categories that are there all the time; those after them are there in turn.
const HELD: usize = 5;

fn categories(m: &Memory) -> [(&'static str, f64); HELD + 3] {
    [
        ("weights", m.weights),
        ("optimizer", m.optimizer),
        ("gradients", m.gradients),
        ("frozen reference", m.reference),
        ("workspace", m.workspace),
        ("activations", m.activations),
        ("evaluation", m.evaluation),
        ("saving", m.saving),
    ]
}

fn of(run: &Run) -> Option<Memory> {
    let reference = matches!(run.objective, Objective::Dpo { .. });
    memory(&run.model, &run.batch, run.target.as_ref()?, reference)
}

fn share(bytes: f64, target: &Target) -> String {
    format!("{} · {:.0}%", number::bytes(bytes as u64), 100.0 * bytes / target.device.memory.max(1) as f64)
}

fn layout(target: &Target) -> String {
    let division = division(target);
    let division = division.trim_start_matches(": ");
    let again = match target.recompute {
        Recompute::None => "",
        Recompute::Elementwise => ", norms and SwiGLU computed again",
        Recompute::Layers => ", layers computed again",
    };
    if division.is_empty() { format!("not at all{again}") } else { format!("{division}{again}") }
}

fn precision(target: &Target) -> &'static str {
    match target.precision {
        Precision::Bf16 => "bf16, master weights and moments in f32",
        Precision::F32 => "f32",
    }
}

/// `13d 18h`
pub fn time(seconds: f64) -> String {
    number::duration(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

fn hours(e: &Estimate) -> String {
    if e.device_hours < 100.0 {
        format!("{:.1}", e.device_hours)
    } else {
        grouped(e.device_hours.round() as u64)
    }
}

/// Whole units from a thousand on.
pub fn money(cost: f64) -> String {
    if cost < 1000.0 { format!("{cost:.2}") } else { grouped(cost.round() as u64) }
}
