//! Walks every step of a run without training it: every draw of every dataset, the learning rate of every update, every
//! event. What it finds is compared with what the plan's token ledger says in closed form.
//!
//! [`walk`] counts, [`schedule`] evaluates, [`events`] replays the rules of the training loop, [`compare`] says where the
//! two accounts differ, and [`text`] and [`json`] show it all.

pub mod compare;
pub mod events;
pub mod json;
pub mod schedule;
pub mod text;
pub mod walk;

use crate::exit::Exit;
use crate::failure::Failure;
use smolc_data::order::{DatasetOrder, Order, StageOrder};
use smolc_lower::ledger::{self, Ledger};
use smolc_plan::{Plan, Run};
use std::time::Instant;

/// What was found out about one run.
#[derive(Debug)]
pub struct Simulated<'a> {
    /// The run.
    pub run: &'a Run,
    /// What the plan says.
    pub ledger: Ledger,
    /// What was counted.
    pub walk: walk::Counted,
    /// Learning rates.
    pub lr: schedule::Rates,
    /// Events.
    pub events: events::Events,
    /// Where the accounts differ.
    pub mismatches: Vec<compare::Mismatch>,
    /// Wall time in seconds.
    pub seconds: f64,
}

/// Samples and slices of a dataset as the walk sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Windows in one epoch; `None` when neither measured nor stated.
    pub atoms: Option<u64>,
    /// The identity is that of the prepared data, so the order is the very one a run would have.
    pub measured: bool,
}

/// The order of the run's data, built as the loader builds it.
fn order(plan: &Plan, run: &Run, sizes: &[Size]) -> Result<Order, Failure> {
    let datasets: Vec<DatasetOrder> = sizes
        .iter()
        .enumerate()
        .map(|(index, size)| DatasetOrder {
            uid: match plan.datasets.get(index).and_then(|d| d.measured.as_ref()) {
                Some(m) => m.uid,
                // Unprepared data have no identity yet. Any will do for counting; it must only be one of its own.
                None => index as u64 + 1,
            },
            // Of unknown size: one epoch that no run exhausts.
            atoms: size.atoms.unwrap_or(smolc_data::order::MAX_SAMPLES),
        })
        .collect();
    Order::new(run.seed, &StageOrder::of_run(run), &datasets).map_err(|e| {
        let names: Vec<String> =
            plan.datasets.iter().enumerate().map(|(i, d)| format!("dataset {i} is `{}`", d.name)).collect();
        Failure::new(Exit::Spec, format!("run `{}` has no order of data: {e}", run.name))
            .help(names.join(", "))
    })
}

/// Simulates a run of the plan on `threads` threads; `full` evaluates the permutation of every draw as well.
pub fn of_run<'a>(plan: &Plan, run: &'a Run, threads: usize, full: bool) -> Result<Simulated<'a>, Failure> {
    let began = Instant::now();
    let sizes = sizes(plan, run);
    let order = order(plan, run, &sizes)?;
    let ledger = ledger::ledger(plan, run);
    let (walk, lr, events) = walk::walk(run, &order, &sizes, threads, full)?;
    let mismatches = compare::compare(plan, run, &ledger, &walk, &order, &events);
    Ok(Simulated { run, ledger, walk, lr, events, mismatches, seconds: began.elapsed().as_secs_f64() })
}

/// Windows of each dataset of the plan, as the loader cuts them: each window has the target of its last token.
fn sizes(plan: &Plan, run: &Run) -> Vec<Size> {
    (0..plan.datasets.len())
        .map(|index| Size {
            atoms: ledger::size(plan, index)
                .map(|tokens| tokens.saturating_sub(1) / run.batch.window.max(1))
                .filter(|n| *n > 0),
            measured: plan.datasets.get(index).is_some_and(|d| d.measured.is_some()),
        })
        .collect()
}

#[cfg(test)]
mod tests;
