//! Where what was counted differs from what the plan says.

use super::events::Events;
use super::walk::Counted;
use smolc_data::order::{Order, SliceSums};
use smolc_lower::ledger::Ledger;
use smolc_plan::{Plan, Ratio, Run};

/// One difference between the two accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// What of: `stage prose, dataset docs, samples`.
    pub what: String,
    /// What the plan says.
    pub planned: String,
    /// What was counted.
    pub counted: String,
}

/// Every difference, in the order of the run.
pub fn compare(
    plan: &Plan,
    run: &Run,
    ledger: &Ledger,
    walk: &Counted,
    order: &Order,
    events: &Events,
) -> Vec<Mismatch> {
    let mut found = Vec::new();
    let mut differ = |what: String, planned: String, counted: String| {
        if planned != counted {
            found.push(Mismatch { what, planned, counted });
        }
    };
    let name = |d: usize| plan.datasets.get(d).map_or_else(|| format!("dataset {d}"), |d| d.name.clone());
    let rounded = order.deviations();
    for (index, (stage, count)) in run.stages.iter().zip(&walk.stages).enumerate() {
        let samples = stage.steps.saturating_mul(run.batch.sequences);
        let total: u64 = count.datasets.iter().map(|d| d.draws).sum();
        differ(format!("stage {}, samples", stage.name), samples.to_string(), total.to_string());
        differ(
            format!("stage {}, draws that contradict the order's table", stage.name),
            "0".into(),
            count.disagreements.to_string(),
        );
        let worst = count.deviation.1.max(-count.deviation.0);
        if worst >= 1.0 {
            differ(
                format!("stage {}, worst prefix", stage.name),
                "within 1 sample of the mixture".into(),
                format!("{worst:.3} samples off"),
            );
        }
        // A mixture without a common period is drawn by rounded weights; the order says by how much.
        let slack = match rounded.get(index) {
            Some(Some(d)) => {
                d.drawn.checked_sub(d.asked).or_else(|| d.asked.checked_sub(d.drawn)).unwrap_or(Ratio::ONE)
            }
            _ => Ratio::ZERO,
        };
        let slack = slack.floor_of(samples).unwrap_or(u64::MAX).saturating_add(1);
        for row in ledger.rows.iter().filter(|r| r.stage == index) {
            let counted = count.datasets.iter().find(|d| d.dataset == row.dataset).map_or(0, |d| d.draws);
            // The ledger rounds down, the table is within one sample of the exact share.
            if counted.abs_diff(row.samples) > slack {
                differ(
                    format!("stage {}, dataset {}, samples", stage.name, name(row.dataset)),
                    row.samples.to_string(),
                    counted.to_string(),
                );
            }
        }
        for d in &count.datasets {
            if !ledger.rows.iter().any(|r| r.stage == index && r.dataset == d.dataset) {
                differ(
                    format!("stage {}, dataset {}, samples", stage.name, name(d.dataset)),
                    "not in the ledger".into(),
                    d.draws.to_string(),
                );
            }
        }
    }
    differ("steps".into(), ledger.steps.to_string(), events.steps.to_string());
    let tokens: u64 = walk.draws.iter().sum::<u64>().saturating_mul(run.batch.window);
    differ("tokens".into(), ledger.tokens.to_string(), tokens.to_string());
    for total in &ledger.totals {
        let counted = walk.draws.get(total.dataset).copied().unwrap_or(0);
        let size = walk.sizes.get(total.dataset).and_then(|s| s.atoms);
        if let (Some(size), Some(planned), Some(atoms)) = (total.size, total.epochs, size) {
            // Passes by windows against passes by tokens: a window's worth of tail belongs to neither.
            let passes = counted as f64 / atoms as f64;
            let window = run.batch.window as f64;
            let stages = run.stages.len() as f64;
            let slack = (stages * window + planned * 2.0 * window) / size as f64 + 1e-9;
            let by_slack = order.deviations().iter().flatten().map(|d| d.relative()).fold(0.0, f64::max);
            if (passes - planned).abs() > slack + planned * by_slack {
                differ(
                    format!("dataset {}, epochs", name(total.dataset)),
                    format!("{planned:.6}"),
                    format!("{passes:.6}"),
                );
            }
        }
    }
    // The order's own count, which jumps, against the walk, which does not.
    for (dataset, (jumped, walked)) in order.counts(order.total()).iter().zip(&walk.draws).enumerate() {
        differ(format!("dataset {}, draws", name(dataset)), jumped.to_string(), walked.to_string());
    }
    if let Some(slices) = &walk.slices {
        for (dataset, (sums, size)) in slices.iter().zip(&walk.sizes).enumerate() {
            let Some(atoms) = size.atoms else { continue };
            let drawn = walk.draws.get(dataset).copied().unwrap_or(0);
            let expected = SliceSums::of_epochs(drawn / atoms, atoms);
            differ(
                format!("dataset {}, slices of whole epochs: number, sum, sum of squares", name(dataset)),
                format!("{}, {}, {}", expected.visited, expected.sum, expected.squares),
                format!("{}, {}, {}", sums.visited, sums.sum, sums.squares),
            );
        }
    }
    let (validations, checkpoints) = Events::expected(run);
    differ("validations".into(), validations.to_string(), events.validations.to_string());
    differ("checkpoints".into(), checkpoints.to_string(), events.checkpoints.to_string());
    let begun: Vec<String> = events.stages.iter().map(|(i, step)| format!("{i} at {step}")).collect();
    let planned: Vec<String> =
        run.stages.iter().enumerate().map(|(i, s)| format!("{i} at {}", s.first_step)).collect();
    differ("stages begun".into(), planned.join(", "), begun.join(", "));
    found
}
