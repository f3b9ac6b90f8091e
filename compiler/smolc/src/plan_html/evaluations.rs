//! How each evaluation is done: what a score means is in its protocol.

use super::drawings::name;
use smolc_figures::axis::{count, grouped};
use smolc_figures::{escape, words};
use smolc_plan::{Metric, Normalize, Plan, Protocol, ShotsOrder};

/// A row an evaluation.
pub fn table(plan: &Plan) -> String {
    let rows: Vec<Vec<String>> = plan
        .evaluations
        .iter()
        .map(|e| {
            let (items, examples) = match e.protocol.items() {
                Some(items) => {
                    let subsets = match items.subsets.len() {
                        0 => String::new(),
                        1 => format!(" {}", items.subsets.join("")),
                        n => format!(" {n} subsets"),
                    };
                    let examples = match items.shots {
                        0 => "none".to_owned(),
                        n => format!(
                            "{n}, {}",
                            match items.shots_order {
                                ShotsOrder::Sequential => "the first ones",
                                ShotsOrder::Random => "chosen for every question",
                            }
                        ),
                    };
                    (
                        format!(
                            "<code>{}</code>{} ({})",
                            escape(&items.data),
                            escape(&subsets),
                            escape(&items.split)
                        ),
                        examples,
                    )
                }
                None => ("–".to_owned(), "–".to_owned()),
            };
            vec![escape(&e.name), words(&items), examples, words(&escape(&score(plan, &e.protocol)))]
        })
        .collect();
    smolc_figures::table(&["Evaluation", &words("Items"), "Examples", &words("Score")], &rows)
}

/// What is measured, in words.
fn score(plan: &Plan, protocol: &Protocol) -> String {
    match protocol {
        Protocol::Likelihood { normalize, .. } => {
            let by = match normalize {
                Normalize::None => "",
                Normalize::Characters => " a character",
                Normalize::Tokens => " a token",
                Normalize::Bytes => " a byte",
            };
            format!("share of questions whose right choice has the highest log-probability{by}")
        }
        Protocol::Generation { tokens, metric, chat, .. } => {
            let metric = match metric {
                Metric::Exact => "equal text",
                Metric::QuasiExact => "equal text but for case, punctuation and articles",
                Metric::Number => "equal numbers",
                Metric::Math => "equal mathematical expressions",
                Metric::F1 => "overlap of words (F1)",
                Metric::Instructions => "instructions followed (IFEval)",
            };
            let chat = if *chat { ", through the chat template" } else { "" };
            format!("{metric}, answers of {} tokens at most{chat}", grouped(*tokens))
        }
        Protocol::Execution { language, samples, temperature, tokens, .. } => {
            let samples = if *samples == 1 { String::new() } else { format!(", {samples} samples") };
            format!(
                "share of {language} programs that pass their tests, {} tokens at most, temperature {temperature}{samples}",
                grouped(*tokens)
            )
        }
        Protocol::Perplexity { dataset, tokens } => {
            format!("perplexity of {} tokens of {} set aside", count(*tokens), name(plan, *dataset))
        }
        Protocol::Needle { lengths: (least, most, step), depths, distractors, .. } => {
            let others =
                if *distractors > 0 { format!(", {distractors} distractors") } else { String::new() };
            format!(
                "share of sentences found again in texts of {} to {} tokens, {} apart, at {depths} depths{others}",
                grouped(*least),
                grouped(*most),
                grouped(*step)
            )
        }
        Protocol::Judge { judge, tokens, .. } => {
            format!("verdict of {judge}, answers of {} tokens at most", grouped(*tokens))
        }
    }
}
