//! What differs between two plans, said in the terms of the spec.
//!
//! A plan refers to datasets and tokenizers by index, writes weights as fractions and carries a derived step program.
//! A person changed a line of a spec. So both plans are first turned into a view that a reader of the spec would
//! recognize (names for indices, percentages for fractions, the schedule as it was written, nothing derived), and the
//! two views are compared as trees. What the [hash](Plan::hash) leaves out is left out here too.

use crate::{Dataset, EvaluationEvent, Plan, Run, Tokenizer};
use serde::Serialize;
use serde_json::{Map, Value, json};
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
                let (old, new) = (a.lr.expr.to_string(), b.lr.expr.to_string());
                let cut = short(&old) != short(&new);
                let text = |t: String| Some(if cut { short(&t) } else { t });
                out.push(Difference { path: format!("run {}.lr", a.name), old: text(old), new: text(new) });
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

fn view(plan: &Plan) -> Result<Value, serde_json::Error> {
    let mut top = Map::new();
    top.insert("format version".into(), json!(plan.version));
    top.insert("spec".into(), json!(plan.spec));
    top.insert("language".into(), json!(plan.language));
    top.insert("order of tokenizers".into(), names(plan.tokenizers.iter().map(|t| t.name.as_str())));
    top.insert("order of datasets".into(), names(plan.datasets.iter().map(|d| d.name.as_str())));
    top.insert("order of runs".into(), names(plan.runs.iter().map(|r| r.name.as_str())));
    for tokenizer in &plan.tokenizers {
        top.insert(format!("tokenizer {}", tokenizer.name), tokenizer_view(plan, tokenizer)?);
    }
    for dataset in &plan.datasets {
        top.insert(format!("dataset {}", dataset.name), dataset_view(dataset)?);
    }
    for classifier in &plan.classifiers {
        let mut value = serde_json::to_value(classifier)?;
        remove(&mut value, &["name", "train"]);
        if let Value::Object(map) = &mut value {
            map.insert("train".into(), json!(dataset_name(plan, classifier.train)));
        }
        top.insert(format!("classifier {}", classifier.name), value);
    }
    for evaluation in &plan.evaluations {
        top.insert(format!("eval {}", evaluation.name), serde_json::to_value(&evaluation.protocol)?);
    }
    for sweep in &plan.sweeps {
        top.insert(format!("sweep {}", sweep.name), serde_json::to_value(sweep)?);
    }
    for run in &plan.runs {
        top.insert(format!("run {}", run.name), run_view(plan, run)?);
    }
    Ok(Value::Object(top))
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> Value {
    Value::String(names.collect::<Vec<_>>().join(", "))
}

fn dataset_name(plan: &Plan, index: usize) -> String {
    plan.datasets.get(index).map_or_else(|| format!("dataset {index}"), |d| d.name.clone())
}

fn tokenizer_view(plan: &Plan, tokenizer: &Tokenizer) -> Result<Value, serde_json::Error> {
    let mut value = serde_json::to_value(tokenizer)?;
    if let Some(train) = value.pointer_mut("/source/train") {
        let indices = train.as_array().cloned().unwrap_or_default();
        let named = indices
            .iter()
            .map(|i| dataset_name(plan, i.as_u64().unwrap_or(u64::MAX) as usize))
            .collect::<Vec<_>>();
        *train = json!(named);
    }
    remove(&mut value, &["name"]);
    Ok(value)
}

fn dataset_view(dataset: &Dataset) -> Result<Value, serde_json::Error> {
    let mut value = serde_json::to_value(dataset)?;
    remove(&mut value, &["name", "measured"]);
    Ok(value)
}

fn run_view(plan: &Plan, run: &Run) -> Result<Value, serde_json::Error> {
    let mut value = serde_json::to_value(run)?;
    remove(&mut value, &["name", "tokenizer", "lr", "stages", "parameters", "program"]);
    let mut stages = Map::new();
    for stage in &run.stages {
        let mix: Map<String, Value> = stage
            .mix
            .iter()
            .map(|entry| (dataset_name(plan, entry.dataset), json!(entry.weight.to_string())))
            .collect();
        // A weight that prints alike may differ in its last digits, and the order of a mixture is part of the plan.
        let exact: Vec<String> = stage
            .mix
            .iter()
            .map(|e| format!("{} {}/{}", dataset_name(plan, e.dataset), e.weight.num, e.weight.den))
            .collect();
        stages.insert(
            stage.name.clone(),
            json!({ "tokens": stage.asked_tokens, "first_step": stage.first_step, "steps": stage.steps,
                    "until": stage.until.as_ref().map(|g| &g.source), "mix": mix, "mix, exactly": exact.join(" + ") }),
        );
    }
    let lr =
        if run.lr.source.is_empty() { serde_json::to_string(&run.lr.expr)? } else { run.lr.source.clone() };
    if let Value::Object(map) = &mut value {
        let tokenizer = plan.tokenizers.get(run.tokenizer).map(|t| t.name.clone());
        map.insert("tokenizer".into(), json!(tokenizer));
        if let Some(parent) = &run.parent {
            let name = plan.runs.get(parent.run).map(|r| r.name.clone());
            map.insert("parent".into(), json!({ "run": name, "step": parent.step, "carry": parent.carry }));
        }
        if !run.evaluations.is_empty() {
            let named = |e: &EvaluationEvent| {
                let names: Vec<&str> = e
                    .evaluations
                    .iter()
                    .filter_map(|i| plan.evaluations.get(*i))
                    .map(|e| e.name.as_str())
                    .collect();
                format!("{} every {:?}, stage ends {}, end {}", names.join(", "), e.every, e.stage_end, e.end)
            };
            map.insert("evaluations".into(), json!(run.evaluations.iter().map(named).collect::<Vec<_>>()));
        }
        map.insert("lr".into(), json!(lr));
        map.insert("order of stages".into(), names(run.stages.iter().map(|s| s.name.as_str())));
        map.insert("stages".into(), Value::Object(stages));
    }
    Ok(value)
}

fn remove(value: &mut Value, keys: &[&str]) {
    if let Value::Object(map) = value {
        for key in keys {
            map.shift_remove(*key);
        }
    }
}

fn walk(path: &str, old: &Value, new: &Value, out: &mut Vec<Difference>) {
    if old == new {
        return;
    }
    let (Value::Object(a), Value::Object(b)) = (old, new) else {
        out.push(Difference { path: path.to_owned(), old: Some(shown(old)), new: Some(shown(new)) });
        return;
    };
    let before = out.len();
    for (key, value) in a {
        let here = join(path, key);
        match b.get(key) {
            // Orders and exact weights matter only where the fields they summarize say nothing.
            _ if key.starts_with("order of ") || key == "mix, exactly" => {}
            Some(other) => walk(&here, value, other, out),
            None => out.push(Difference { path: here, old: Some(shown(value)), new: None }),
        }
    }
    for (key, value) in b.iter().filter(|(key, _)| !a.contains_key(*key)) {
        out.push(Difference { path: join(path, key), old: None, new: Some(shown(value)) });
    }
    if out.len() == before {
        for (key, value) in a {
            if let Some(other) = b.get(key).filter(|other| *other != value) {
                out.push(Difference {
                    path: join(path, key),
                    old: Some(shown(value)),
                    new: Some(shown(other)),
                });
            }
        }
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".into(),
        Value::String(text) => short(text),
        Value::Object(map) if map.contains_key("kind") => short(&value.to_string()),
        Value::Object(_) => String::new(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) => short(&value.to_string()),
    }
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
        AdamW, Batch, Block, Checkpoints, Family, Init, Measured, MixEntry, Model, Objective, Program, Ratio,
        Rope, Schedule, Source, Stage, TokenizerSource, Validation,
    };
    use smolc_expr::Expr;

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
                parameters: vec![],
                program: Program {
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
                },
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
                r#"dataset code.source.kind: text → files"#,
                r#"dataset code.source.patterns: ["code.txt"] → ["src/*.rs"]"#,
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
        new.runs[0].program.arena_bytes = 64;
        assert_eq!(lines(&old, &new), ["run pretrain.step program: differs"]);
        let mut new = plan();
        new.datasets.push(dataset("more"));
        assert_eq!(lines(&old, &new), ["dataset more: added"]);
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
