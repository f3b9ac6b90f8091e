//! The token ledger of a run: what every stage draws from every dataset, in samples, tokens and epochs.
//!
//! Facts for `smolc plan` and for whoever wants to know before the run what it will read. The size of a dataset is what
//! it measured when it was prepared, else what the spec states; of one that has neither, epochs are not known.

use smolc_plan::{Plan, Ratio, Run};

/// What one run draws.
#[derive(Clone, Debug, PartialEq)]
pub struct Ledger {
    /// One row a stage and dataset, in the order of the run.
    pub rows: Vec<Row>,
    /// One row a dataset, in the plan's order, for those the run reads.
    pub totals: Vec<Total>,
    /// Optimizer steps.
    pub steps: u64,
    /// Tokens of the whole run.
    pub tokens: u64,
}

/// What a stage draws from a dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Index of the stage.
    pub stage: usize,
    /// Index of the dataset in the plan.
    pub dataset: usize,
    /// Share of the stage.
    pub weight: Ratio,
    /// Samples drawn: weight · samples of the stage, rounded down. The order function keeps every prefix of a stage within
    /// one sample of the exact share.
    pub samples: u64,
    /// Tokens of those samples.
    pub tokens: u64,
    /// Passes over the dataset in this stage.
    pub epochs: Option<f64>,
    /// Passes from the run's start to this stage's end.
    pub cumulative_epochs: Option<f64>,
}

/// What the run draws from a dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct Total {
    /// Index of the dataset in the plan.
    pub dataset: usize,
    /// Samples over all stages.
    pub samples: u64,
    /// Tokens over all stages.
    pub tokens: u64,
    /// Size, measured or stated.
    pub size: Option<u64>,
    /// Passes over all stages.
    pub epochs: Option<f64>,
    /// Tokens that the runs it begins from had drawn by then.
    pub inherited: u64,
    /// Passes over all stages and those before.
    pub lineage_epochs: Option<f64>,
    /// Tokens that the run it begins from draws too, behind the place where this one begins: both go on at the same place
    /// of the dataset, so what both draw are the same documents.
    pub overlap: u64,
}

/// Size of a dataset in tokens: measured, else stated.
pub fn size(plan: &Plan, dataset: usize) -> Option<u64> {
    let d = plan.datasets.get(dataset)?;
    d.measured.as_ref().map(|m| m.tokens).or(d.stated_tokens)
}

/// The ledger of a run of the plan.
pub fn ledger(plan: &Plan, run: &Run) -> Ledger {
    let mut rows = Vec::new();
    let mut totals: Vec<Total> = Vec::new();
    let lineage = Lineage::of(plan, run);
    let epochs = |tokens: u64, size: Option<u64>| size.filter(|s| *s > 0).map(|s| tokens as f64 / s as f64);
    for (index, stage) in run.stages.iter().enumerate() {
        // The plan's own validation bounds steps · batch by 2^64.
        let stage_samples = stage.steps.saturating_mul(run.batch.sequences);
        for entry in &stage.mix {
            let size = size(plan, entry.dataset);
            let samples = entry.weight.floor_of(stage_samples).unwrap_or(u64::MAX);
            let tokens = samples.saturating_mul(run.batch.window);
            let at = match totals.iter().position(|t| t.dataset == entry.dataset) {
                Some(at) => at,
                None => {
                    totals.push(Total {
                        dataset: entry.dataset,
                        samples: 0,
                        tokens: 0,
                        size,
                        epochs: None,
                        inherited: lineage.before(entry.dataset),
                        lineage_epochs: None,
                        overlap: 0,
                    });
                    totals.len() - 1
                }
            };
            let Some(total) = totals.get_mut(at) else { continue };
            total.samples = total.samples.saturating_add(samples);
            total.tokens = total.tokens.saturating_add(tokens);
            total.epochs = epochs(total.tokens, size);
            total.lineage_epochs = epochs(total.tokens.saturating_add(total.inherited), size);
            total.overlap = total.tokens.min(lineage.after(entry.dataset));
            rows.push(Row {
                stage: index,
                dataset: entry.dataset,
                weight: entry.weight,
                samples,
                tokens,
                epochs: epochs(tokens, size),
                cumulative_epochs: total.epochs,
            });
        }
    }
    totals.sort_by_key(|t| t.dataset);
    Ledger { rows, totals, steps: run.steps, tokens: run.steps.saturating_mul(run.batch.tokens()) }
}

/// What the runs a run begins from draw, before and behind the place where it begins.
struct Lineage {
    before: Vec<u64>,
    after: Vec<u64>,
}

impl Lineage {
    fn of(plan: &Plan, run: &Run) -> Lineage {
        let none = || vec![0u64; plan.datasets.len()];
        let (mut before, mut after) = (none(), none());
        let mut parent = run.parent.as_ref();
        let mut direct = true;
        // Runs stand behind the ones they begin from, so this ends.
        while let Some((p, base)) = parent.and_then(|p| Some((p, plan.runs.get(p.run)?))) {
            for (dataset, sum) in before.iter_mut().enumerate() {
                *sum = sum.saturating_add(drawn(base, dataset, 0, p.step));
            }
            if direct {
                for (dataset, sum) in after.iter_mut().enumerate() {
                    *sum = drawn(base, dataset, p.step, base.steps);
                }
            }
            (parent, direct) = (base.parent.as_ref(), false);
        }
        Lineage { before, after }
    }

    fn before(&self, dataset: usize) -> u64 {
        self.before.get(dataset).copied().unwrap_or(0)
    }

    fn after(&self, dataset: usize) -> u64 {
        self.after.get(dataset).copied().unwrap_or(0)
    }
}

/// Tokens a run draws from a dataset between two of its steps.
fn drawn(run: &Run, dataset: usize, from: u64, to: u64) -> u64 {
    let mut sum = 0u64;
    for stage in &run.stages {
        let Some(entry) = stage.mix.iter().find(|m| m.dataset == dataset) else { continue };
        let end = stage.first_step.saturating_add(stage.steps).min(to);
        let steps = end.saturating_sub(stage.first_step.max(from));
        let samples = entry.weight.floor_of(steps.saturating_mul(run.batch.sequences)).unwrap_or(u64::MAX);
        sum = sum.saturating_add(samples.saturating_mul(run.batch.window));
    }
    sum
}
