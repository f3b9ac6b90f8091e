//! A simulation for people.

use super::Simulated;
use super::schedule::At;
use crate::output::table::{Align, Table};
use crate::output::{Stream, Style, number};
use smolc_plan::Plan;

const INDENT: usize = 2;

/// What was counted, beside what was planned.
pub fn render(plan: &Plan, s: &Simulated<'_>, threads: usize, out: &Stream) -> String {
    use Align::{Left, Right};
    let run = s.run;
    let draws: u64 = s.walk.draws.iter().sum();
    let mut text = format!(
        "{} {}: {} steps, {} draws, walked in {:.1} s on {}\n",
        out.style(Style::Dim, "run"),
        out.style(Style::Name, &run.name),
        number::thousands(s.events.steps),
        number::thousands(draws),
        s.seconds,
        number::count(threads as u64, "thread", "threads"),
    );
    let mut table = Table::new(&[
        ("stage", Left),
        ("dataset", Left),
        ("share", Right),
        ("tokens counted", Right),
        ("ledger", Right),
        ("a step", Right),
        ("epochs", Right),
    ]);
    let name = |d: usize| plan.datasets.get(d).map_or_else(|| format!("dataset {d}"), |d| d.name.clone());
    let mut exact = true;
    for (index, (stage, count)) in run.stages.iter().zip(&s.walk.stages).enumerate() {
        let mut first = stage.name.clone();
        for d in &count.datasets {
            let row = s.ledger.rows.iter().find(|r| r.stage == index && r.dataset == d.dataset);
            let tokens = d.draws.saturating_mul(run.batch.window);
            exact &= row.is_none_or(|r| r.tokens == tokens);
            table.row([
                std::mem::take(&mut first),
                name(d.dataset),
                row.map_or_else(String::new, |r| r.weight.to_string()),
                number::thousands(tokens),
                row.map_or_else(|| "-".into(), |r| difference(tokens, r.tokens)),
                if d.fewest == d.most { d.fewest.to_string() } else { format!("{} to {}", d.fewest, d.most) },
                epochs(row.and_then(|r| r.epochs)),
            ]);
        }
    }
    text.push_str(&table.render(out, INDENT));
    let mut facts = Table::new(&[("", Left), ("", Left)]);
    let worst = s.walk.stages.iter().map(|c| c.deviation.1.max(-c.deviation.0)).fold(0.0, f64::max);
    facts.row(["worst prefix".into(), format!("{worst:.3} samples from the exact mixture (below 1)")]);
    let r = &s.lr;
    facts.row([
        "learning rate".into(),
        format!(
            "{} (update {}) to {} (update {}); {}, {}; {}",
            number::rate(r.min.value),
            number::thousands(r.min.step + 1),
            number::rate(r.max.value),
            number::thousands(r.max.step + 1),
            jump("rise", &r.rise),
            jump("fall", &r.fall),
            match r.zero {
                0 => "never 0".into(),
                n => format!("exactly 0 at {}", number::count(n, "update", "updates")),
            },
        ),
    ]);
    facts.row([
        "evaluated".into(),
        match &r.interpreter {
            None => "by machine code and by the interpreter".into(),
            Some(reason) => format!("by the interpreter ({reason})"),
        },
    ]);
    facts.row([
        "events".into(),
        format!(
            "{}, {}, {}; kept at the end: {}",
            number::count(s.events.stages.len() as u64, "stage", "stages"),
            number::count(s.events.validations, "validation", "validations"),
            number::count(s.events.checkpoints, "checkpoint", "checkpoints"),
            s.events.kept.iter().map(|k| number::thousands(*k)).collect::<Vec<_>>().join(", "),
        ),
    ]);
    let unmeasured =
        s.ledger.totals.iter().any(|t| s.walk.sizes.get(t.dataset).is_some_and(|size| !size.measured));
    facts.row([
        "data".into(),
        if unmeasured {
            "not prepared: sizes as stated, identities made up, so the counts are those of a run and the order is not".into()
        } else {
            "prepared: the order is that of the run".into()
        },
    ]);
    facts.row([
        "permutation".into(),
        if s.walk.slices.is_some() { "evaluated at every draw" } else { "not evaluated (--full does)" }
            .into(),
    ]);
    text.push('\n');
    text.push_str(&facts.render(out, INDENT));
    let verdict = if s.mismatches.is_empty() {
        // A stage's share of a dataset is no whole number of sequences; the ledger rounds it, a run draws one more or less.
        let how = if exact { "to the token" } else { "to one sequence a dataset and stage" };
        out.style(Style::Good, &format!("the counts agree with the plan's token ledger, {how}"))
    } else {
        out.style(
            Style::Error,
            &number::count(
                s.mismatches.len() as u64,
                "count differs from the plan",
                "counts differ from the plan",
            ),
        )
    };
    text.push_str(&format!("{}{verdict}\n", " ".repeat(INDENT)));
    text
}

/// `largest rise 2.5e-7 into update 980`, or that there is none.
fn jump(what: &str, at: &At) -> String {
    if at.value == 0.0 {
        return format!("no {what}");
    }
    format!("largest {what} {} into update {}", number::rate(at.value.abs()), number::thousands(at.step + 1))
}

fn difference(counted: u64, planned: u64) -> String {
    match counted.cmp(&planned) {
        std::cmp::Ordering::Equal => "same".into(),
        std::cmp::Ordering::Greater => format!("+{}", number::thousands(counted - planned)),
        std::cmp::Ordering::Less => format!("-{}", number::thousands(planned - counted)),
    }
}

fn epochs(value: Option<f64>) -> String {
    value
        .map_or_else(|| "?".into(), |v| if v > 0.0 && v < 0.005 { "<0.01".into() } else { format!("{v:.2}") })
}
