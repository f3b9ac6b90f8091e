//! A plan as one self-contained page: what a paper's appendix would say about a training, from the plan alone.
//!
//! Nothing is worked out here but sums, shares and units; the numbers are those of the plan and of the token ledger. The
//! page has no script and fetches nothing.

mod data;
mod drawings;
mod evaluations;
mod ledger;
mod tables;
mod target;

use crate::failure::Failure;
use crate::stored;
use smolc_figures::axis::count;
use smolc_figures::{escape, page as frame};
use smolc_lower::ledger::ledger as token_ledger;
use smolc_plan::{Objective, Plan, Recompute, Run};

/// The page about the runs of the given indices.
pub fn render(plan: &Plan, runs: &[usize]) -> Result<String, Failure> {
    let hash = stored::hash(plan)?;
    let runs: Vec<&Run> = runs.iter().filter_map(|i| plan.runs.get(*i)).collect();
    let mut body = format!(
        "<h1>{}</h1><p class=\"sub\">plan <code>{}</code> · format {} · language {} · smolc {}</p>",
        escape(&plan.spec),
        hash.get(..16).unwrap_or(&hash),
        plan.version,
        plan.language,
        escape(&plan.compiler),
    );
    if runs.len() > 1 {
        section(&mut body, "Runs", &target::overview(plan, &runs), "");
    }
    let mut figure = 0;
    for run in &runs {
        if runs.len() > 1 {
            body.push_str(&format!("<h1 class=\"run\">Run {}</h1>", escape(&run.name)));
        }
        one(plan, run, &runs, &mut figure, &mut body);
    }
    section(
        &mut body,
        "Data",
        &data::tables(plan),
        "Sizes in tokens, as measured by preparing the data, else as stated.",
    );
    if !plan.evaluations.is_empty() {
        section(
            &mut body,
            "Evaluations",
            &evaluations::table(plan),
            "When each is done is said with each run.",
        );
    }
    Ok(frame::page(&format!("{} – plan", plan.spec), &body))
}

fn one(plan: &Plan, run: &Run, page: &[&Run], figure: &mut usize, body: &mut String) {
    let ledger = token_ledger(plan, run);
    let colors = drawings::Colors::of(run, page);
    body.push_str(&key(run, ledger.tokens));
    for drawing in [drawings::mixture(plan, run, &colors), drawings::rate(run)] {
        *figure += 1;
        body.push_str(&frame::figure(*figure, &drawing));
    }
    section(
        body,
        "Stages",
        &tables::stages(plan, run, &colors),
        "First step and steps count optimizer updates; lengths are whole steps.",
    );
    if colors.others() > 0 {
        section(body, "Shares", &tables::weights(plan, run, &colors), "Of the tokens of each stage.");
    }
    section(
        body,
        "Tokens drawn",
        &format!("{}{}", ledger::bars(plan, &ledger, &colors), ledger::table(plan, run, &ledger, &colors)),
        "One bar a dataset, one part a stage. An epoch is one pass over the dataset; “?” where its size is not known yet.",
    );
    section(
        body,
        "Learning rate",
        &tables::rates(run),
        "The first update sees the schedule at 0, so a warm-up begins at a rate of 0.",
    );
    section(body, "Model", &tables::shape(run), "");
    section(body, "Training", &tables::training(plan, run), "");
    if let (Some(target), Some(cost), Some(device)) = (&run.target, target::cost(run), target::device(run)) {
        let name = escape(&target.name);
        let mut counted = String::new();
        if matches!(run.objective, Objective::Dpo { .. }) {
            counted.push_str(" The frozen model's forward pass is in the time.");
        }
        if target.recompute != Recompute::None {
            counted
                .push_str(" What is computed again is in the time, and not in FLOP, which are the model's.");
        }
        section(
            body,
            &format!("Time and cost on {name}"),
            &cost,
            &format!(
                "Estimates: the operations of matrix products and attention, forward and backward, at the assumed share of the \
                 devices' peak; evaluation, saving and restarts are not in them.{counted}"
            ),
        );
        section(
            body,
            &format!("Memory of a device of {name}"),
            &device,
            "What training, evaluation and saving need comes on top of what is held all the time, one after the other. \
             Activations are those of one micro-batch. A run has one model and one batch, so its stages hold the same.",
        );
    }
    section(
        body,
        "Memory of one process",
        &tables::memory(run),
        "As this compiler's own engine allocates it on one device: one arena that holds every tensor, the same in every stage.",
    );
}

fn section(body: &mut String, heading: &str, content: &str, note: &str) {
    body.push_str(&format!("<section><h2>{heading}</h2>{content}"));
    if !note.is_empty() {
        body.push_str(&format!("<p class=\"note\">{note}</p>"));
    }
    body.push_str("</section>");
}

/// The figures one wants first.
fn key(run: &Run, tokens: u64) -> String {
    let flops = run.flops_per_token() * tokens as f64;
    let mut items = vec![
        (run.model.parameters().map_or_else(|| "?".into(), count), "parameters".to_owned()),
        (count(tokens), "tokens".into()),
        (count(run.steps), "steps".into()),
        (count(run.batch.tokens()), "tokens a step".into()),
        (tables::power(flops), "FLOP".into()),
    ];
    if let (Some(target), Some(estimate)) = (&run.target, run.estimate(run.steps)) {
        let machine = format!("on {} × {}", target.count, escape(&target.device.name));
        items.push((target::time(estimate.seconds), machine));
        if let Some(cost) = estimate.cost {
            items.push((target::money(cost), "cost".into()));
        }
    }
    let items: String =
        items.iter().map(|(v, what)| format!("<div><b>{v}</b><span>{what}</span></div>")).collect();
    format!("<div class=\"key\">{items}</div>")
}

#[cfg(test)]
mod tests;
