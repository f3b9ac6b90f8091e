//! The token ledger: what each stage draws from each dataset, and how often that goes through it.

use super::{INDENT, dataset, epochs};
use crate::output::table::{Align, Table};
use crate::output::{Stream, number};
use smolc_lower::ledger::Ledger;
use smolc_plan::{Plan, Run};

/// What a run that begins from another one shares with it.
fn lineage(plan: &Plan, run: &Run, ledger: &Ledger, out: &Stream) -> String {
    use Align::{Left, Right};
    let Some(parent) = run.parent.as_ref().and_then(|p| plan.runs.get(p.run)) else { return String::new() };
    let mut table = Table::new(&[
        ("dataset", Left),
        ("drawn before", Right),
        ("epochs with it", Right),
        (format!("also drawn by {}", parent.name).as_str(), Right),
    ]);
    let shared = ledger.totals.iter().filter(|t| t.inherited > 0 || t.overlap > 0);
    let mut any = false;
    for total in shared {
        any = true;
        table.row([
            dataset(plan, total.dataset),
            number::thousands(total.inherited),
            epochs(total.lineage_epochs),
            number::thousands(total.overlap),
        ]);
    }
    if any { format!("\n{}", table.render(out, INDENT)) } else { String::new() }
}

pub(super) fn render(
    plan: &Plan,
    run: &Run,
    ledger: &Ledger,
    size: &dyn Fn(usize) -> Option<u64>,
    out: &Stream,
) -> String {
    use Align::{Left, Right};
    let mut table = Table::new(&[
        ("dataset", Left),
        ("size", Right),
        ("stage", Left),
        ("share", Right),
        ("tokens", Right),
        ("epochs", Right),
        ("so far", Right),
    ]);
    let mut unknown = false;
    for total in &ledger.totals {
        let known = size(total.dataset);
        unknown |= known.is_none();
        let mut name = dataset(plan, total.dataset);
        let mut shown = known.map_or_else(|| "?".into(), |s| number::si(s as f64));
        let rows: Vec<_> = ledger.rows.iter().filter(|r| r.dataset == total.dataset).collect();
        for row in &rows {
            table.row([
                std::mem::take(&mut name),
                std::mem::take(&mut shown),
                run.stages.get(row.stage).map_or_else(String::new, |s| s.name.clone()),
                row.weight.to_string(),
                number::thousands(row.tokens),
                epochs(row.epochs),
                epochs(row.cumulative_epochs),
            ]);
        }
        if rows.len() > 1 {
            table.row([
                String::new(),
                String::new(),
                "total".into(),
                String::new(),
                number::thousands(total.tokens),
                epochs(total.epochs),
                String::new(),
            ]);
        }
    }
    let mut text = table.render(out, INDENT);
    text.push_str(&lineage(plan, run, ledger, out));
    if unknown {
        let note = "?: the size is measured when the data are prepared; a spec may state it as `tokens:`";
        text.push_str(&format!("{}{note}\n", " ".repeat(INDENT)));
    }
    text
}
