//! Where text and tokens come from, and what is done to them: datasets, classifiers, tokenizers.

use super::drawings::name;
use crate::output::number;
use crate::plan_text::data::{kind, source, steps};
use smolc_figures::axis::{count, grouped};
use smolc_figures::{escape, table, words};
use smolc_plan::{Dataset, Plan, Ratio, TokenizerSource};

/// A row a dataset, then classifiers and tokenizers.
pub fn tables(plan: &Plan) -> String {
    datasets(plan) + &classifiers(plan) + &tokenizers(plan)
}

fn datasets(plan: &Plan) -> String {
    // Most plans clean nothing; a column of dashes says nothing.
    let cleaned = plan.datasets.iter().any(|d| !pipeline(d).is_empty());
    let (source_head, kept_head) = (words("Source"), words("Documents"));
    let mut head = vec!["Dataset", "Size", "Validation", &source_head];
    if cleaned {
        head.push(&kept_head);
    }
    let rows: Vec<Vec<String>> = plan
        .datasets
        .iter()
        .enumerate()
        .map(|(index, d)| {
            let size = match (smolc_lower::ledger::size(plan, index), &d.measured) {
                (None, _) => "?".into(),
                (Some(n), Some(_)) => format!("{} measured", count(n)),
                (Some(n), None) => format!("{} stated", count(n)),
            };
            let validation = match d.validation_per_million {
                0 => "–".into(),
                n => Ratio::new(u64::from(n), 1_000_000).map_or_else(|| "?".into(), |r| r.to_string()),
            };
            let from = format!("<code>{} {}</code>", kind(&d.source), escape(&source(&d.source)));
            let mut row = vec![escape(&d.name), size, validation, words(&from)];
            if cleaned {
                let said = pipeline(d);
                row.push(words(&if said.is_empty() { "all".into() } else { escape(&said) }));
            }
            row
        })
        .collect();
    table(&head, &rows)
}

/// What is kept of a dataset, in words; empty when everything is.
fn pipeline(dataset: &Dataset) -> String {
    let take = dataset
        .take
        .as_ref()
        .map_or_else(String::new, |t| format!(", a sample of {}", number::bytes(t.bytes)));
    let all = steps(&dataset.steps) + &take;
    all.trim_start_matches(", ").to_owned()
}

fn classifiers(plan: &Plan) -> String {
    if plan.classifiers.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<String>> = plan
        .classifiers
        .iter()
        .map(|c| {
            vec![
                escape(&c.name),
                escape(&name(plan, c.train)),
                grouped(c.buckets),
                grouped(c.epochs),
                words(&format!(
                    "<code>.{}</code> from sequences of 1 to {} words of <code>.{}</code>",
                    escape(&c.label),
                    c.ngrams,
                    escape(&c.text)
                )),
            ]
        })
        .collect();
    table(&["Classifier", "Trained on", "Features", "Epochs", &words("Learns")], &rows)
}

fn tokenizers(plan: &Plan) -> String {
    let rows: Vec<Vec<String>> = plan
        .tokenizers
        .iter()
        .map(|t| {
            let source = match &t.source {
                TokenizerSource::Hf { path } => path.clone(),
                TokenizerSource::Bpe { train, .. } => {
                    let names: Vec<String> = train.iter().map(|d| name(plan, *d)).collect();
                    format!("byte-level BPE trained on {}", names.join(", "))
                }
            };
            vec![
                escape(&t.name),
                grouped(t.vocab),
                format!("<code>{}</code>", escape(&t.eos)),
                escape(&source),
            ]
        })
        .collect();
    table(&["Tokenizer", "Tokens", "Ends a document", "Source"], &rows)
}
