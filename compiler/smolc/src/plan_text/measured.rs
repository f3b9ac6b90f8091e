//! What preparing the data found, and how much of it a run draws.

use super::{INDENT, dataset, epochs};
use crate::output::table::{Align, Table};
use crate::output::{Stream, number};
use smolc_plan::{Plan, Run};

/// One row a dataset of the run, from a plan whose datasets are measured.
pub fn measured(plan: &Plan, run: &Run, out: &Stream) -> String {
    use Align::{Left, Right};
    let mut table = Table::new(&[
        ("dataset", Left),
        ("documents", Right),
        ("tokens", Right),
        ("bytes/token", Right),
        ("validation", Right),
        ("drawn", Right),
        ("epochs", Right),
    ]);
    for total in smolc_lower::ledger::ledger(plan, run).totals {
        let Some(m) = plan.datasets.get(total.dataset).and_then(|d| d.measured.as_ref()) else { continue };
        table.row([
            dataset(plan, total.dataset),
            number::thousands(m.documents),
            number::thousands(m.tokens),
            format!("{:.2}", m.bytes as f64 / m.tokens.max(1) as f64),
            number::thousands(m.validation_tokens),
            number::thousands(total.tokens),
            epochs(total.epochs),
        ]);
    }
    table.render(out, INDENT)
}
