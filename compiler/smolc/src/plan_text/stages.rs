//! Stages: how long, and what they mix.

use super::{INDENT, dataset};
use crate::output::table::{Align, Table};
use crate::output::{Stream, number};
use smolc_plan::{Plan, Run};

pub(super) fn render(plan: &Plan, run: &Run, out: &Stream) -> String {
    use Align::{Left, Right};
    let mut table = Table::new(&[
        ("stage", Left),
        ("first step", Right),
        ("steps", Right),
        ("tokens", Right),
        ("of asked", Right),
        ("mixture", Left),
    ]);
    for stage in &run.stages {
        let tokens = stage.steps.saturating_mul(run.batch.tokens());
        let mix: Vec<String> =
            stage.mix.iter().map(|m| format!("{}\u{a0}{}", m.weight, dataset(plan, m.dataset))).collect();
        table.row([
            stage.name.clone(),
            number::thousands(stage.first_step.saturating_add(1)),
            number::thousands(stage.steps),
            number::thousands(tokens),
            deviation(tokens, stage.asked_tokens),
            // A weight, its dataset and the plus stay on one line.
            mix.join("\u{a0}+ "),
        ]);
    }
    table.render(out, INDENT).replace('\u{a0}', " ")
}

/// How far whole steps are from the length asked for.
fn deviation(tokens: u64, asked: u64) -> String {
    match tokens.cmp(&asked) {
        std::cmp::Ordering::Equal => "exact".into(),
        std::cmp::Ordering::Greater => format!("+{}", number::thousands(tokens - asked)),
        std::cmp::Ordering::Less => format!("-{}", number::thousands(asked - tokens)),
    }
}
