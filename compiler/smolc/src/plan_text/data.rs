//! Where text and tokens come from.

use super::{INDENT, dataset};
use crate::output::table::{Align, Table};
use crate::output::{Stream, Style, number};
use smolc_plan::{Amount, Dedup, Plan, Ratio, Source, Step, TokenizerSource};

pub(super) fn render(plan: &Plan, out: &Stream) -> String {
    use Align::{Left, Right};
    let mut table =
        Table::new(&[("dataset", Left), ("size", Right), ("validation", Right), ("source", Left)]);
    for (index, d) in plan.datasets.iter().enumerate() {
        let size = match (smolc_lower::ledger::size(plan, index), &d.measured) {
            (None, _) => "not measured".into(),
            (Some(n), Some(_)) => format!("{} measured", number::si(n as f64)),
            (Some(n), None) => format!("{} stated", number::si(n as f64)),
        };
        let validation = match d.validation_per_million {
            0 => "-".to_string(),
            n => Ratio::new(u64::from(n), 1_000_000).map_or_else(|| "?".into(), |r| r.to_string()),
        };
        let take = d
            .take
            .as_ref()
            .map_or_else(String::new, |t| format!(", a sample of {}B", number::si(t.bytes as f64)));
        table.row([
            d.name.clone(),
            size,
            validation,
            format!("{} {}{}{take}", kind(&d.source), source(&d.source), steps(&d.steps)),
        ]);
    }
    let mut text = format!("\n{}\n{}", out.style(Style::Dim, "data"), table.render(out, INDENT));

    text.push_str(&classifiers(plan, out));
    let mut table = Table::new(&[("tokenizer", Left), ("tokens", Right), ("source", Left)]);
    for t in &plan.tokenizers {
        let source = match &t.source {
            TokenizerSource::Hf { path } => path.clone(),
            TokenizerSource::Bpe { train, bytes, .. } => {
                let names: Vec<String> = train.iter().map(|d| dataset(plan, *d)).collect();
                format!(
                    "byte-level BPE, trained on {} (up to {} each)",
                    names.join(" + "),
                    number::bytes(*bytes)
                )
            }
        };
        table.row([
            t.name.clone(),
            number::thousands(t.vocab),
            format!("{source}, documents end with {}", t.eos),
        ]);
    }
    text.push_str(&format!("\n{}", table.render(out, INDENT)));
    text
}

/// The word that a source begins with.
pub(crate) fn kind(source: &Source) -> &'static str {
    match source {
        Source::Files { .. } => "files",
        Source::Text { .. } => "text",
        Source::Jsonl { .. } => "jsonl",
        Source::Parquet { .. } => "parquet",
        Source::Tokens { .. } => "tokens",
        Source::Hub { .. } => "hub",
    }
}

/// What a source reads: its patterns, or the repository.
pub(crate) fn source(source: &Source) -> String {
    match source {
        Source::Hub { repository, config, split, .. } => {
            let config = config.as_ref().map_or_else(String::new, |c| format!("/{c}"));
            format!("{repository}{config} ({split})")
        }
        Source::Files { .. }
        | Source::Text { .. }
        | Source::Jsonl { .. }
        | Source::Parquet { .. }
        | Source::Tokens { .. } => source.patterns().join(" "),
    }
}

/// What filters ask, and where it learns that.
fn classifiers(plan: &Plan, out: &Stream) -> String {
    use Align::{Left, Right};
    if plan.classifiers.is_empty() {
        return String::new();
    }
    let heads = [
        ("classifier", Left),
        ("trained on", Left),
        ("features", Right),
        ("epochs", Right),
        ("learns", Left),
    ];
    let mut table = Table::new(&heads);
    for c in &plan.classifiers {
        table.row([
            c.name.clone(),
            dataset(plan, c.train),
            number::thousands(c.buckets),
            number::thousands(c.epochs),
            format!(".{} from sequences of 1 to {} words of .{}", c.label, c.ngrams, c.text),
        ]);
    }
    format!("\n{}", table.render(out, INDENT))
}

/// What is done to the documents, briefly; each step begins with a comma.
pub(crate) fn steps(steps: &[Step]) -> String {
    let words = steps.iter().map(|step| match step {
        Step::Where { filter } => format!(", where {}", filter),
        Step::Thin { filter, .. } => format!(", thinned to {}", filter),
        Step::Dedup { by: Dedup::Exact } => ", exact duplicates dropped".into(),
        Step::Dedup { by: Dedup::MinHash { bands, hashes, ngram, .. } } => {
            format!(", near duplicates dropped ({bands}x{hashes} hashes of {ngram} words)")
        }
        Step::Decontaminate { against, ngram, .. } => {
            format!(", decontaminated against {} ({ngram} words)", against.join(", "))
        }
        Step::Sample { amount, .. } => match amount {
            Amount::Tokens { n } => format!(", a sample of {} tokens", number::si(*n as f64)),
            Amount::Documents { n } => format!(", a sample of {} documents", number::thousands(*n)),
            Amount::Share { of } => format!(", a sample of {of}"),
        },
    });
    words.collect()
}
