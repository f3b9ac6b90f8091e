//! Evaluations: what is measured, by which protocol, and when.
//!
//! A score means something only with its protocol: SmolLM's own users could not reproduce published numbers without the
//! prompt, the shots and the normalization. All of it is data here.

use serde::{Deserialize, Serialize};

/// An evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// Name in the spec.
    pub name: String,
    /// How it is done.
    pub protocol: Protocol,
}

/// Where the items of a benchmark come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Items {
    /// Hub identifier, path or URL.
    pub data: String,
    /// Subsets; the score is the unweighted mean over them. Empty = the default subset.
    pub subsets: Vec<String>,
    /// Split.
    pub split: String,
    /// Examples put before each question.
    pub shots: u64,
    /// Split the examples are taken from; `None` when there are none.
    pub shots_from: Option<String>,
    /// How they are chosen.
    pub shots_order: ShotsOrder,
}

impl Items {
    /// Whether `data` names files and not a dataset of a hub.
    pub fn are_files(&self) -> bool {
        names_files(&self.data)
    }
}

/// Whether `data` of an evaluation is a pattern of files of JSON lines or Parquet; anything else is a dataset of a hub.
pub fn names_files(data: &str) -> bool {
    let name = data.trim_end_matches(".gz").trim_end_matches(".zst");
    [".jsonl", ".json", ".parquet"].iter().any(|ending| name.ends_with(ending)) && !data.contains("://")
}

/// How examples are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShotsOrder {
    /// The first ones, the same for every question.
    Sequential,
    /// A seeded choice for every question.
    Random,
}

/// What a choice's log-probability is divided by before choices are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normalize {
    /// Nothing.
    None,
    /// Its number of characters, one leading space not counted.
    Characters,
    /// Its number of tokens.
    Tokens,
    /// Its number of bytes of UTF-8.
    Bytes,
}

/// How an evaluation is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Protocol {
    /// The most likely of several continuations is the answer.
    Likelihood {
        /// Items.
        items: Items,
        /// Text before the continuation; `{column}` stands for a column of the item.
        prompt: String,
        /// One continuation; `{choice}`, `{letter}` and columns stand for their values.
        choice: String,
        /// Column that holds the choices.
        choices: String,
        /// Column that holds the right one: its index, its letter or its text.
        answer: String,
        /// Normalization.
        normalize: Normalize,
    },
    /// The model writes an answer that is compared with the right one.
    Generation {
        /// Items.
        items: Items,
        /// Text before the answer.
        prompt: String,
        /// Column that holds the right answer.
        answer: String,
        /// Tokens at most.
        tokens: u64,
        /// Texts that end the answer.
        stop: Vec<String>,
        /// Regular expression whose first group is the answer; `None` = all of it.
        extract: Option<String>,
        /// How it is compared.
        metric: Metric,
        /// Questions are put through the chat template.
        chat: bool,
    },
    /// The model writes a program that is run against tests.
    Execution {
        /// Items.
        items: Items,
        /// Text before the program.
        prompt: String,
        /// Column that holds the tests.
        tests: String,
        /// Language of the program.
        language: String,
        /// Tokens at most.
        tokens: u64,
        /// Texts that end the program.
        stop: Vec<String>,
        /// Programs written for each item.
        samples: u64,
        /// Sampling temperature; 0 = the most likely token.
        temperature: f64,
    },
    /// Perplexity of the validation split of a dataset of the plan.
    Perplexity {
        /// Index of the dataset.
        dataset: usize,
        /// Tokens evaluated at most.
        tokens: u64,
    },
    /// A sentence hidden in a long text has to be found again.
    Needle {
        /// Shortest and longest text, in tokens, and the distance between two lengths.
        lengths: (u64, u64, u64),
        /// Number of depths the sentence is hidden at, from the beginning to the end.
        depths: u64,
        /// Other sentences of the same form.
        distractors: u64,
        /// Seed.
        seed: u64,
    },
    /// Another model judges answers; carried out by a program the user names.
    Judge {
        /// Items.
        items: Items,
        /// The judge, and anything that tells its version.
        judge: String,
        /// Tokens of an answer at most.
        tokens: u64,
    },
}

impl Protocol {
    /// What is put before an answer, if there is such a text; `{column}` stands for a column of the item.
    pub fn prompt(&self) -> Option<&str> {
        match self {
            Protocol::Likelihood { prompt, .. }
            | Protocol::Generation { prompt, .. }
            | Protocol::Execution { prompt, .. } => Some(prompt),
            Protocol::Judge { .. } | Protocol::Perplexity { .. } | Protocol::Needle { .. } => None,
        }
    }

    /// The items of a benchmark, if it has some.
    pub fn items(&self) -> Option<&Items> {
        match self {
            Protocol::Likelihood { items, .. }
            | Protocol::Generation { items, .. }
            | Protocol::Execution { items, .. }
            | Protocol::Judge { items, .. } => Some(items),
            Protocol::Perplexity { .. } | Protocol::Needle { .. } => None,
        }
    }
}

/// How an answer is compared with the right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Equal text.
    Exact,
    /// Equal after lowering case and removing punctuation, articles and surplus space.
    QuasiExact,
    /// Equal numbers.
    Number,
    /// Equal mathematical expressions.
    Math,
    /// Overlap of words, F1.
    F1,
    /// Instructions that a program can verify (IFEval): the mean of prompt and instruction accuracy, strict and loose.
    Instructions,
}

/// When a run is evaluated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluationEvent {
    /// Indices into the plan's evaluations.
    pub evaluations: Vec<usize>,
    /// Every so many steps.
    pub every: Option<u64>,
    /// At each stage's end.
    pub stage_end: bool,
    /// At the run's end.
    pub end: bool,
}
