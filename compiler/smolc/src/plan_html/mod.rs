//! A plan as one self-contained page: what a paper's appendix would say about a training, from the plan alone.
//!
//! Nothing is worked out here but sums, shares and units; the numbers are those of the plan and of the token ledger. The
//! page has no script and fetches nothing.

mod drawings;
mod ledger;
mod tables;

use crate::failure::Failure;
use crate::stored;
use smolc_figures::axis::count;
use smolc_figures::{escape, page};
use smolc_lower::ledger::ledger as token_ledger;
use smolc_plan::{Plan, Run};

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
    let mut figure = 0;
    for run in &runs {
        if runs.len() > 1 {
            body.push_str(&format!("<h1 class=\"run\">Run {}</h1>", escape(&run.name)));
        }
        one(plan, run, &mut figure, &mut body);
    }
    section(
        &mut body,
        "Data",
        &tables::data(plan),
        "Sizes in tokens, as measured by preparing the data, else as stated.",
    );
    Ok(page::page(&format!("{} – plan", plan.spec), &body))
}

fn one(plan: &Plan, run: &Run, figure: &mut usize, body: &mut String) {
    let ledger = token_ledger(plan, run);
    let colors = drawings::Colors::of(run);
    body.push_str(&key(run, ledger.tokens));
    for drawing in [drawings::mixture(plan, run, &colors), drawings::rate(run)] {
        *figure += 1;
        body.push_str(&page::figure(*figure, &drawing));
    }
    section(
        body,
        "Stages",
        &tables::stages(plan, run, &colors),
        "First step and steps count optimizer updates; lengths are whole steps.",
    );
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
    section(body, "Model", &tables::model(run), "");
    section(body, "Training", &tables::training(plan, run), "");
    section(
        body,
        "Memory of the training process",
        &tables::memory(run),
        "f32, one process, as the engine allocates it: one arena that holds every tensor, the same in every stage of the run.",
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
    let flops = tables::flops_per_token(run) * tokens as f64;
    let items = [
        (run.model.parameters().map_or_else(|| "?".into(), count), "parameters"),
        (count(tokens), "tokens"),
        (count(run.steps), "steps"),
        (count(run.batch.tokens()), "tokens a step"),
        (tables::power(flops), "floating-point operations"),
    ];
    let items: String =
        items.iter().map(|(v, what)| format!("<div><b>{v}</b><span>{what}</span></div>")).collect();
    format!("<div class=\"key\">{items}</div>")
}

#[cfg(test)]
mod tests;
