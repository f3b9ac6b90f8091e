//! The token ledger: bars and a table.

use super::drawings::{Colors, name};
use crate::output::number;
use smolc_figures::axis::{count, grouped};
use smolc_figures::{Bar, escape};
use smolc_lower::ledger::Ledger;
use smolc_plan::{Plan, Run};

/// One bar a dataset, one part a stage, in tokens.
pub fn bars(plan: &Plan, ledger: &Ledger, colors: &Colors) -> String {
    let bar = |dataset: &usize| {
        let rows = ledger.rows.iter().filter(|r| r.dataset == *dataset);
        let total = ledger.totals.iter().find(|t| t.dataset == *dataset);
        let parts = rows.map(|r| (format!("part {}", colors.class(*dataset)), r.tokens as f64)).collect();
        Bar {
            name: name(plan, *dataset),
            parts,
            value: total.map_or_else(String::new, |t| {
                let epochs = t.epochs.map_or_else(|| "? epochs".into(), |e| format!("{} epochs", passes(e)));
                format!("{} · {epochs}", number::si(t.tokens as f64))
            }),
        }
    };
    smolc_figures::bars(&colors.datasets().iter().map(bar).collect::<Vec<_>>())
}

/// A row a dataset: size, then tokens of every stage, the sum, and the passes over it.
pub fn table(plan: &Plan, run: &Run, ledger: &Ledger, colors: &Colors) -> String {
    let stages: Vec<String> = run.stages.iter().map(|s| escape(&s.name)).collect();
    let mut head = vec!["Dataset", "Size"];
    head.extend(stages.iter().map(String::as_str));
    head.extend(["Tokens", "Epochs"]);
    let mut rows = Vec::new();
    let mut sums = vec![0u64; run.stages.len()];
    for &dataset in colors.datasets() {
        let Some(total) = ledger.totals.iter().find(|t| t.dataset == dataset) else { continue };
        let mut row = vec![
            format!(r#"<i class="swatch {}"></i>{}"#, colors.class(dataset), escape(&name(plan, dataset))),
            total.size.map_or_else(|| "?".into(), count),
        ];
        for (stage, sum) in sums.iter_mut().enumerate() {
            let found = ledger.rows.iter().find(|r| (r.stage, r.dataset) == (stage, dataset));
            *sum += found.map_or(0, |r| r.tokens);
            row.push(found.map_or_else(|| "–".into(), |r| count(r.tokens)));
        }
        row.push(grouped(total.tokens));
        row.push(escape(&total.epochs.map_or_else(|| "?".into(), passes)));
        rows.push(row);
    }
    let mut last = vec!["<b>all</b>".to_owned(), String::new()];
    last.extend(sums.iter().map(|n| count(*n)));
    last.extend([grouped(ledger.tokens), String::new()]);
    rows.push(last);
    smolc_figures::table(&head, &rows)
}

/// A number of passes.
fn passes(value: f64) -> String {
    if value > 0.0 && value < 0.005 { "< 0.01".into() } else { format!("{value:.2}") }
}
