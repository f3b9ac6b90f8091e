//! A simulation for tools. The fields are documented in `docs/cli.md`.

use super::Simulated;
use super::schedule::At;
use serde_json::{Value, json};
use smolc_plan::Plan;

/// One run.
pub fn run(plan: &Plan, s: &Simulated<'_>) -> Value {
    let name = |d: usize| plan.datasets.get(d).map(|d| d.name.clone());
    let window = s.run.batch.window;
    let stages: Vec<Value> = s
        .run
        .stages
        .iter()
        .zip(&s.walk.stages)
        .enumerate()
        .map(|(index, (stage, count))| {
            let datasets: Vec<Value> = count
                .datasets
                .iter()
                .map(|d| {
                    let row = s.ledger.rows.iter().find(|r| r.stage == index && r.dataset == d.dataset);
                    json!({
                        "dataset": name(d.dataset), "weight": row.map(|r| r.weight),
                        "samples": d.draws, "ledger_samples": row.map(|r| r.samples),
                        "tokens": d.draws.saturating_mul(window), "ledger_tokens": row.map(|r| r.tokens),
                        "epochs": row.and_then(|r| r.epochs), "fewest_in_a_step": d.fewest, "most_in_a_step": d.most,
                    })
                })
                .collect();
            json!({
                "name": stage.name, "first_step": stage.first_step, "steps": stage.steps,
                "worst_prefix": { "below": count.deviation.0, "above": count.deviation.1 }, "datasets": datasets,
            })
        })
        .collect();
    let totals: Vec<Value> = s
        .ledger
        .totals
        .iter()
        .map(|t| {
            let draws = s.walk.draws.get(t.dataset).copied().unwrap_or(0);
            json!({
                "dataset": name(t.dataset), "samples": draws, "tokens": draws.saturating_mul(window),
                "ledger_tokens": t.tokens, "size": t.size, "epochs": t.epochs,
                "measured": s.walk.sizes.get(t.dataset).map(|s| s.measured),
            })
        })
        .collect();
    let at = |at: &At| json!({ "step": at.step, "value": at.value });
    json!({
        "name": s.run.name,
        "steps": s.events.steps,
        "draws": s.walk.draws.iter().sum::<u64>(),
        "permutation": s.walk.slices.is_some(),
        "stages": stages,
        "datasets": totals,
        "learning_rate": {
            "min": at(&s.lr.min), "max": at(&s.lr.max), "largest_rise": at(&s.lr.rise), "largest_fall": at(&s.lr.fall),
            "zero": s.lr.zero, "interpreter": s.lr.interpreter,
        },
        "events": {
            "stages": s.events.stages.len(), "validations": s.events.validations, "checkpoints": s.events.checkpoints,
            "kept": s.events.kept,
        },
        "mismatches": s.mismatches.iter()
            .map(|m| json!({ "what": m.what, "planned": m.planned, "counted": m.counted }))
            .collect::<Vec<_>>(),
        "seconds": s.seconds,
    })
}
