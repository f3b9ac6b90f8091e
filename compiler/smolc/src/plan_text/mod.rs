//! A plan for people, one file a section. Every number comes from the plan or from the compiler's token ledger; nothing
//! is worked out here but sums, shares and units.

pub(crate) mod data;
mod ledger;
mod measured;
mod memory;
pub(crate) mod model;
pub(crate) mod schedule;
mod stages;

pub use measured::measured;
pub use model::moments;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::table::{Align, Table};
use crate::output::{Stream, Style, number};
use smolc_plan::{Plan, Run};

/// Columns every section is indented by.
const INDENT: usize = 2;

/// The plan as text for a stream, with the runs of the given indices.
pub fn render(plan: &Plan, runs: &[usize], out: &Stream) -> Result<String, Failure> {
    let hash =
        plan.hash().map_err(|e| Failure::new(Exit::Spec, format!("the plan cannot be hashed: {e}")))?;
    let mut text = format!(
        "{} {}   {}\n",
        out.style(Style::Dim, "plan"),
        out.style(Style::Name, &plan.spec),
        out.style(
            Style::Dim,
            &format!("{}, format {}, language {}", hash.short(), plan.version, plan.language)
        ),
    );
    for run in runs.iter().filter_map(|i| plan.runs.get(*i)) {
        text.push_str(&one(plan, run, out));
    }
    text.push_str(&data::render(plan, out));
    Ok(text)
}

fn one(plan: &Plan, run: &Run, out: &Stream) -> String {
    let ledger = smolc_lower::ledger::ledger(plan, run);
    let facts = model::facts(plan, run, out);
    let mut text =
        format!("\n{} {}\n{facts}", out.style(Style::Dim, "run"), out.style(Style::Name, &run.name));
    let size = |d: usize| smolc_lower::ledger::size(plan, d);
    for (title, section) in [
        ("stages", stages::render(plan, run, out)),
        ("tokens drawn", ledger::render(plan, run, &ledger, &size, out)),
        ("learning rate", schedule::render(run, out)),
        ("memory of the training process", memory::render(run, out)),
    ] {
        text.push_str(&heading(title, out));
        text.push_str(&section);
    }
    text
}

fn heading(title: &str, out: &Stream) -> String {
    format!("\n{}{}\n", " ".repeat(INDENT), out.style(Style::Heading, title))
}

/// Name and value, one a line; values wrap.
fn list(rows: Vec<(&str, String)>, out: &Stream) -> String {
    let mut table = Table::new(&[("", Align::Left), ("", Align::Left)]);
    for (name, value) in rows {
        table.row([name.to_string(), value]);
    }
    table.render(out, INDENT)
}

/// Name of a dataset of the plan.
fn dataset(plan: &Plan, index: usize) -> String {
    plan.datasets.get(index).map_or_else(|| format!("dataset {index}"), |d| d.name.clone())
}

/// A number of passes over a dataset: two decimals, `?` when its size is not known.
fn epochs(value: Option<f64>) -> String {
    match value {
        None => "?".into(),
        Some(v) if v > 0.0 && v < 0.005 => "<0.01".into(),
        Some(v) => format!("{v:.2}"),
    }
}

/// `1,234,567 (1.23M)`; the short form only where it is shorter to read.
fn exact_and_short(n: u64) -> String {
    match n {
        0..100_000 => number::thousands(n),
        _ => format!("{} ({})", number::thousands(n), number::si(n as f64)),
    }
}

#[cfg(test)]
mod tests;
