//! A plan in the terms of its spec: names for indices, percentages for fractions, expressions as they were written, nothing
//! derived.

use crate::{Amount, Dataset, Dedup, EvaluationEvent, Objective, Plan, Run, Step, Tokenizer};
use serde_json::{Map, Value, json};

/// A plan as a reader of its spec would recognize it; see [`crate::diff`].
pub(crate) fn view(plan: &Plan) -> Result<Value, serde_json::Error> {
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
    remove(&mut value, &["name", "measured", "steps"]);
    if let Value::Object(map) = &mut value {
        let steps: Vec<String> = dataset.steps.iter().map(step).collect();
        map.insert("pipeline".into(), if steps.is_empty() { Value::Null } else { json!(steps.join(" |> ")) });
        if let Some(limit) = dataset.limit {
            map.insert("limit".into(), json!(format!("{} epochs", limit.to_f64())));
        }
    }
    Ok(value)
}

/// A step of a pipeline, about as a spec writes it.
fn step(step: &Step) -> String {
    match step {
        Step::Where { filter } => format!("where({})", filter.expr),
        Step::Thin { filter, seed } => format!("sample({}, seed: {seed})", filter.expr),
        Step::Dedup { by: Dedup::Exact } => "dedup(exact)".into(),
        Step::Dedup { by: Dedup::MinHash { bands, hashes, ngram, seed } } => {
            format!("dedup(minhash(bands: {bands}, hashes: {hashes}, ngram: {ngram}, seed: {seed}))")
        }
        Step::Decontaminate { against, ngram, overlap } => {
            let overlap = overlap.map_or_else(String::new, |o| format!(", overlap: {o}"));
            format!("decontaminate({}, ngram: {ngram}{overlap})", against.join(", "))
        }
        Step::Sample { amount, seed } => {
            let amount = match amount {
                Amount::Tokens { n } => format!("{n} tokens"),
                Amount::Documents { n } => format!("{n} documents"),
                Amount::Share { of } => of.to_string(),
            };
            format!("sample({amount}, seed: {seed})")
        }
    }
}

fn run_view(plan: &Plan, run: &Run) -> Result<Value, serde_json::Error> {
    let mut value = serde_json::to_value(run)?;
    remove(
        &mut value,
        &["name", "tokenizer", "lr", "weight_decay", "evaluations", "stages", "parameters", "program"],
    );
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
                    "until": stage.until.as_ref().map(|g| &g.source),
                    "until, exactly": stage.until.as_ref().map(|g| g.expr.to_string()), "mix": mix, "mix, exactly": exact.join(" + ") }),
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
        let mut evaluations = Map::new();
        for event in &run.evaluations {
            for e in event.evaluations.iter().filter_map(|i| plan.evaluations.get(*i)) {
                evaluations.insert(e.name.clone(), json!(when(event)));
            }
        }
        map.insert("eval".into(), Value::Object(evaluations));
        if let (Some(decay), Some(Value::Object(optimizer))) = (&run.weight_decay, map.get_mut("optimizer")) {
            optimizer.insert("weight_decay".into(), json!(decay.source));
            optimizer.insert("weight_decay, exactly".into(), json!(decay.expr.to_string()));
        }
        if let (Objective::Dpo { beta, .. }, Some(Value::Object(objective))) =
            (&run.objective, map.get_mut("objective"))
        {
            objective.insert("beta".into(), json!(beta.source));
            objective.insert("beta, exactly".into(), json!(beta.expr.to_string()));
        }
        map.insert("lr".into(), json!(lr));
        map.insert("order of stages".into(), names(run.stages.iter().map(|s| s.name.as_str())));
        map.insert("stages".into(), Value::Object(stages));
    }
    Ok(value)
}

fn when(event: &EvaluationEvent) -> String {
    let mut parts = Vec::new();
    if let Some(every) = event.every {
        parts.push(format!("every {every} steps"));
    }
    if event.stage_end {
        parts.push("at stage end".into());
    }
    if event.end {
        parts.push("at end".into());
    }
    parts.join(" and ")
}

fn remove(value: &mut Value, keys: &[&str]) {
    if let Value::Object(map) = value {
        for key in keys {
            map.shift_remove(*key);
        }
    }
}
