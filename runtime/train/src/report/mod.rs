//! `report.html`: what a run did, on one self-contained page, made from its ledger and its plan alone.

mod data;
mod figures;
mod tables;

use crate::durable::write_whole;
use crate::error::TrainError;
use crate::ledger;
use crate::samples::Samples;
use data::Data;
use smolc_figures::{axis, escape, page};
use smolc_plan::{Plan, Run};
use std::path::Path;

/// Writes `report.html` of `run` into its directory. Figures show how far the run has come.
pub fn write(plan: &Plan, run: &Run, samples: &dyn Samples, directory: &Path) -> Result<(), TrainError> {
    let data = Data::of(ledger::read(&directory.join("ledger.jsonl"))?);
    let html = render(plan, run, samples, &data)?;
    write_whole(&directory.join("report.html"), html.as_bytes())
}

fn render(plan: &Plan, run: &Run, samples: &dyn Samples, data: &Data) -> Result<String, TrainError> {
    let hash = plan.hash()?.to_string();
    let (status, class) = tables::status(data);
    let mut body = format!(
        "<h1>{}<span class=\"badge {class}\">{status}</span></h1><p class=\"sub\">{} · {} parameters · {} tokens · plan \
         <code>{}</code></p>",
        escape(&run.name),
        escape(&plan.spec),
        axis::count(run.model.parameters().unwrap_or(0)),
        axis::count(run.steps * run.batch.tokens()),
        hash.get(..16).unwrap_or(&hash),
    );
    body.push_str(&key(data));
    if let Some(reason) = data.end.as_ref().and_then(|e| e.reason.as_ref()) {
        body.push_str(&format!("<section><p class=\"bad\">{}</p></section>", escape(reason)));
    }
    for (i, figure) in figures::all(plan, run, samples, data).iter().enumerate() {
        body.push_str(&page::figure(i + 1, figure));
    }
    let mut section = |heading: &str, content: String, note: &str| {
        body.push_str(&format!("<section><h2>{heading}</h2>{content}<p class=\"note\">{note}</p></section>"));
    };
    if let Some(table) = tables::validation(plan, run, data) {
        section(
            "Validation",
            table,
            "Mean negative log-likelihood per token in nats, always over the same windows of each validation split.",
        );
    }
    section(
        "Data drawn",
        tables::drawn(plan, run, samples, data),
        "Epochs are tokens drawn over the tokens of the training split.",
    );
    if let Some(table) = tables::pipelines(data) {
        section("Pipelines", table, "Documents before and after each step, in the order of the spec.");
    }
    if let Some(table) = tables::classifiers(data) {
        section(
            "Classifiers",
            table,
            "Judged on the documents that were held out. RMSE: root of the mean squared error, and that of saying the mean of the \
             labels of every document. Classes: the label nearest to the score.",
        );
    }
    if let Some(tables) = tables::confusions(data) {
        section(
            "Confusion of classifiers",
            tables,
            "Documents held out, by label (rows) and by what was said (columns).",
        );
    }
    if let Some(bars) = tables::shares(data) {
        section("Time by operator", bars, "Share of the steps' wall time.");
    }
    section("Run", tables::facts(plan, run, data, &hash), "");
    if !data.warnings.is_empty() {
        let items: String = data.warnings.iter().map(|w| format!("<li>{}</li>", escape(w))).collect();
        section("Warnings", format!("<ul>{items}</ul>"), "");
    }
    Ok(page::page(&format!("{} – {}", run.name, plan.spec), &body))
}

/// The figures one wants first.
fn key(data: &Data) -> String {
    let mut items: Vec<(String, String)> = Vec::new();
    if let Some(end) = &data.end {
        if let Some(loss) = end.final_loss {
            items.push((
                format!("{loss:.3}"),
                format!("final loss, mean of {} steps (nats)", end.final_loss_steps),
            ));
        }
        if let Some(entropy) = end.unigram_entropy {
            items.push((format!("{entropy:.3}"), "unigram entropy (nats)".into()));
        }
        items.push((axis::duration(end.seconds), "time".into()));
    }
    items.push((axis::grouped(data.throughput().round() as u64), "tokens per second".into()));
    let items: String =
        items.iter().map(|(value, what)| format!("<div><b>{value}</b><span>{what}</span></div>")).collect();
    format!("<div class=\"key\">{items}</div>")
}

#[cfg(test)]
mod tests;
