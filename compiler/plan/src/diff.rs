//! What differs between two plans, said in the terms of the spec.
//!
//! A plan refers to datasets and tokenizers by index, writes weights as fractions and carries a derived step program.
//! A person changed a line of a spec. So both plans are first turned into a view that a reader of the spec would
//! recognize (names for indices, percentages for fractions, the schedule as it was written, nothing derived), and the
//! two views are compared as trees. What the [hash](Plan::hash) leaves out is left out here too.

use crate::Plan;
use crate::view::view;
use serde::Serialize;
use serde_json::Value;
use std::fmt;

/// Lines that [`listing`] shows before it counts the rest.
pub const SHOWN: usize = 20;

/// Longest value shown, in characters.
const VALUE_WIDTH: usize = 72;

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Where: `run pretrain.stages.prose.mix.docs`.
    pub path: String,
    /// Value in the old plan; `None` when the field is new, empty for a whole item.
    pub old: Option<String>,
    /// Value in the new plan; `None` when the field is gone, empty for a whole item.
    pub new: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.old, &self.new) {
            (Some(old), Some(new)) => write!(f, "{}: {old} → {new}", self.path),
            (None, Some(new)) if new.is_empty() => write!(f, "{}: added", self.path),
            (Some(old), None) if old.is_empty() => write!(f, "{}: removed", self.path),
            (None, Some(new)) => write!(f, "{}: added, {new}", self.path),
            (Some(old), None) => write!(f, "{}: removed, was {old}", self.path),
            (None, None) => write!(f, "{}: differs", self.path),
        }
    }
}

/// The differences one a line, at most [`SHOWN`] of them, then how many more there are.
pub fn listing(differences: &[Difference]) -> String {
    let mut lines: Vec<String> = differences.iter().take(SHOWN).map(|d| format!("  {d}")).collect();
    if differences.len() > SHOWN {
        lines.push(format!("  … and {} more", differences.len() - SHOWN));
    }
    lines.join("\n")
}

impl Plan {
    /// What differs from `self` (the old plan) to `new`, in the order of the old plan. Empty exactly when the
    /// [hashes](Plan::hash) are equal.
    pub fn diff(&self, new: &Plan) -> Result<Vec<Difference>, serde_json::Error> {
        // Only a schedule's expression counts: the same rate written in another way is not a difference.
        let mut rewritten = new.clone();
        for run in &mut rewritten.runs {
            if let Some(old) = self.runs.iter().find(|old| old.name == run.name && old.lr.expr == run.lr.expr)
            {
                run.lr.source.clone_from(&old.lr.source);
            }
        }
        let mut out = Vec::new();
        walk("", &view(self)?, &view(&rewritten)?, &mut out);
        for a in &self.runs {
            let Some(b) = new.runs.iter().find(|b| b.name == a.name) else { continue };
            // Written the same way, with another value of a parameter behind a name.
            if a.lr.source == b.lr.source && a.lr.expr != b.lr.expr {
                let (old, new) = pair(&a.lr.expr.to_string(), &b.lr.expr.to_string());
                out.push(Difference { path: format!("run {}.lr", a.name), old: Some(old), new: Some(new) });
            }
        }
        if out.is_empty() && self.hash()? != new.hash()? {
            // Same spec, another lowering: only derived parts are left to differ.
            for (a, b) in self.runs.iter().zip(&new.runs) {
                for (what, differs) in [
                    ("step program", a.program != b.program),
                    ("parameter table", a.parameters != b.parameters),
                ] {
                    if differs {
                        out.push(Difference { path: format!("run {}.{what}", a.name), old: None, new: None });
                    }
                }
            }
            if out.is_empty() {
                out.push(Difference { path: "plan".into(), old: None, new: None });
            }
        }
        Ok(out)
    }
}

fn walk(path: &str, old: &Value, new: &Value, out: &mut Vec<Difference>) {
    if old == new {
        return;
    }
    let (Value::Object(a), Value::Object(b)) = (old, new) else {
        let (old, new) = pair(&text(old), &text(new));
        out.push(Difference { path: path.to_owned(), old: Some(old), new: Some(new) });
        return;
    };
    // Of a whole item its name says enough.
    let alone = |value: &Value| if path.is_empty() { String::new() } else { short(&text(value)) };
    let before = out.len();
    for (key, value) in a {
        let here = join(path, key);
        match b.get(key) {
            // Orders and exact weights matter only where the fields they summarize say nothing.
            _ if key.starts_with("order of ") || key.ends_with(", exactly") => {}
            Some(other) => walk(&here, value, other, out),
            None => out.push(Difference { path: here, old: Some(alone(value)), new: None }),
        }
    }
    for (key, value) in b.iter().filter(|(key, _)| !a.contains_key(*key) && !key.ends_with(", exactly")) {
        out.push(Difference { path: join(path, key), old: None, new: Some(alone(value)) });
    }
    if out.len() == before {
        for (key, value) in a {
            if let Some(other) = b.get(key).filter(|other| *other != value) {
                let (old, new) = pair(&text(value), &text(other));
                out.push(Difference { path: join(path, key), old: Some(old), new: Some(new) });
            }
        }
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "none".into(),
        Value::String(text) => text.clone(),
        Value::Object(map) => match map.get("kind").and_then(Value::as_str) {
            Some(kind) => kind.to_owned(),
            None => String::new(),
        },
        Value::Number(number) => number.as_u64().map_or_else(|| number.to_string(), thousands),
        Value::Array(list) => list.iter().map(text).collect::<Vec<_>>().join(", "),
        Value::Bool(_) => value.to_string(),
    }
}

/// `2,097,152`; four digits stay together.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    if digits.len() < 5 {
        return digits;
    }
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Two values, short enough to be read side by side, and not where they are alike.
fn pair(old: &str, new: &str) -> (String, String) {
    if old.chars().count() <= VALUE_WIDTH && new.chars().count() <= VALUE_WIDTH {
        return (old.to_owned(), new.to_owned());
    }
    let alike = old.chars().zip(new.chars()).take_while(|(a, b)| a == b).count();
    let skip = if alike > VALUE_WIDTH / 2 { alike - VALUE_WIDTH / 4 } else { 0 };
    let from = |text: &str| {
        let rest: String = text.chars().skip(skip).collect();
        let rest = short(&rest);
        if skip > 0 { format!("…{rest}") } else { rest }
    };
    (from(old), from(new))
}

fn short(text: &str) -> String {
    if text.chars().count() <= VALUE_WIDTH {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(VALUE_WIDTH - 1).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        AdamW, Batch, Block, Checkpoints, Dataset, Family, Init, Measured, MixEntry, Model, Objective,
        Program, Ratio, Rope, Run, Schedule, Source, Stage, Tokenizer, TokenizerSource, Validation,
    };
    use smolc_expr::Expr;
    use std::sync::Arc;

    fn dataset(name: &str) -> Dataset {
        Dataset {
            name: name.into(),
            source: Source::Text { patterns: vec![format!("{name}.txt")] },
            take: None,
            validation_per_million: 0,
            stated_tokens: None,
            stated_documents: None,
            columns: None,
            steps: Vec::new(),
            limit: None,
            measured: None,
        }
    }

    fn plan() -> Plan {
        let mix = |a: u64| {
            vec![
                MixEntry { dataset: 0, weight: Ratio::new(a, 10).unwrap() },
                MixEntry { dataset: 1, weight: Ratio::new(10 - a, 10).unwrap() },
            ]
        };
        let stage = |name: &str, first_step, a| Stage {
            name: name.into(),
            first_step,
            steps: 5,
            asked_tokens: 40,
            mix: mix(a),
            part: None,
            until: None,
        };
        Plan {
            version: 1,
            spec: "tiny".into(),
            language: 1,
            compiler: "0".into(),
            tokenizers: vec![Tokenizer {
                name: "words".into(),
                source: TokenizerSource::Bpe { train: vec![0, 1], bytes: 10, seed: 1, split_digits: false },
                eos: "<|endoftext|>".into(),
                bos: None,
                vocab: 32,
            }],
            datasets: vec![dataset("docs"), dataset("code")],
            classifiers: vec![],
            evaluations: vec![],
            sweeps: vec![],
            runs: vec![Run {
                name: "pretrain".into(),
                model: Model {
                    name: "small".into(),
                    family: Family::Llama,
                    layers: 1,
                    hidden: 8,
                    ffn: 8,
                    heads: 1,
                    kv_heads: 1,
                    head_dim: 8,
                    vocab: 32,
                    context: 4,
                    tied: true,
                    norm_eps: 1e-5,
                    rope: Rope { theta: 1e4, scaling: None, skip_every: None },
                    init: Init { std: 0.02 },
                },
                tokenizer: 0,
                batch: Batch { sequences: 2, window: 4, micro: 1 },
                steps: 10,
                seed: 1,
                optimizer: AdamW { beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.1, clip: Some(1.0) },
                lr: Schedule { expr: Expr::Const(1e-3), source: "1e-3".into() },
                stages: vec![stage("prose", 0, 8), stage("programs", 5, 3)],
                checkpoints: Checkpoints { every: 5, keep: 2, pinned: Vec::new() },
                validation: Validation { every: None, stage_end: true, end: false, tokens: 100 },
                document_mask: true,
                precision: Default::default(),
                parent: None,
                objective: Objective::NextToken,
                evaluations: vec![],
                target: None,
                weight_decay: None,
                parameters: [].into(),
                program: Arc::new(Program {
                    batch: 1,
                    window: 4,
                    tensors: vec![],
                    evaluate: Block::default(),
                    forward: Block::default(),
                    backward: Block::default(),
                    arena_bytes: 0,
                    parameter_bytes: 0,
                    gradient_bytes: 0,
                    optimizer_bytes: 0,
                    activation_bytes: 0,
                    flops: 0,
                    recomputed_flops: 0,
                }),
            }],
        }
    }

    fn lines(old: &Plan, new: &Plan) -> Vec<String> {
        let differences = old.diff(new).unwrap();
        assert_eq!(differences.is_empty(), old.hash().unwrap() == new.hash().unwrap());
        differences.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn equal_plans_do_not_differ_and_what_the_hash_leaves_out_does_not_count() {
        let (old, mut new) = (plan(), plan());
        new.compiler = "another".into();
        new.runs[0].lr.source = "0.001".into();
        new.datasets[0].measured = Some(Measured {
            uid: 1,
            tokens: 1,
            documents: 1,
            validation_tokens: 0,
            validation_documents: 0,
            bytes: 1,
            validation_bytes: 0,
        });
        assert_eq!(lines(&old, &new), Vec::<String>::new());
    }

    #[test]
    fn fields_are_named_as_the_spec_names_them() {
        let (old, mut new) = (plan(), plan());
        new.runs[0].batch.sequences = 4;
        new.runs[0].lr = Schedule { expr: Expr::Const(2e-3), source: "2e-3".into() };
        new.runs[0].stages[0].mix[0].weight = Ratio::new(7, 10).unwrap();
        new.runs[0].stages[0].mix[1].weight = Ratio::new(3, 10).unwrap();
        new.datasets[1].source = Source::Files { patterns: vec!["src/*.rs".into()] };
        assert_eq!(
            lines(&old, &new),
            [
                "dataset code.source.kind: text → files",
                "dataset code.source.patterns: code.txt → src/*.rs",
                "run pretrain.batch.sequences: 2 → 4",
                "run pretrain.lr: 1e-3 → 2e-3",
                "run pretrain.stages.prose.mix.docs: 80% → 70%",
                "run pretrain.stages.prose.mix.code: 20% → 30%",
            ]
        );
    }

    #[test]
    fn order_exact_weights_and_derived_parts_are_named_when_nothing_else_differs() {
        let (old, mut new) = (plan(), plan());
        new.runs[0].stages[0].mix.reverse();
        assert_eq!(lines(&old, &new).len(), 1);
        assert!(lines(&old, &new)[0].starts_with("run pretrain.stages.prose.mix, exactly: docs 4/5"));
        let mut new = plan();
        Arc::make_mut(&mut new.runs[0].program).arena_bytes = 64;
        assert_eq!(lines(&old, &new), ["run pretrain.step program: differs"]);
        let mut new = plan();
        new.datasets.push(dataset("more"));
        assert_eq!(lines(&old, &new), ["dataset more: added"]);
    }

    #[test]
    fn long_values_are_shown_where_they_differ() {
        let (a, b) = (format!("{}a tail", "x".repeat(200)), format!("{}b tail", "x".repeat(200)));
        let (old, new) = pair(&a, &b);
        assert!(old.starts_with("…xxx") && old.ends_with("a tail") && new.ends_with("b tail"), "{old} {new}");
        assert_eq!(pair("a", "b"), ("a".into(), "b".into()));
        let ended = pair(&"x".repeat(200), &"x".repeat(201));
        assert_ne!(ended.0, ended.1);
        assert_eq!((thousands(9999), thousands(2_097_152)), ("9999".into(), "2,097,152".into()));
    }

    #[test]
    fn long_listings_are_counted() {
        let many: Vec<Difference> =
            (0..25).map(|i| Difference { path: format!("p{i}"), old: None, new: Some("1".into()) }).collect();
        let text = listing(&many);
        assert_eq!(text.lines().count(), SHOWN + 1);
        assert!(text.ends_with("… and 5 more"));
    }
}
