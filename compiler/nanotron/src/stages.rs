//! Stages: what is read when, and whether the files of a run agree on it.

use crate::config::Config;
use crate::mix::{self, Part};
use crate::{Finding, ImportError, Kind};
use serde_json::Value;

/// A stage as a configuration has it.
pub struct Stage {
    /// As the configuration calls it.
    pub name: String,
    /// First step, 1-based as nanotron counts.
    pub start: u64,
    /// What is read, in what shares.
    pub parts: Vec<Part>,
    /// Where it stands.
    pub file: String,
}

/// The stages of a file.
pub fn read_stages(config: &Config, findings: &mut Vec<Finding>) -> Result<Vec<Stage>, ImportError> {
    let bad = |key: String, reason: &str| ImportError::Key {
        file: config.file.clone(),
        key,
        reason: reason.into(),
    };
    let Some(list) = config.get("data_stages").and_then(Value::as_array) else {
        return Err(bad("data_stages".into(), "is missing"));
    };
    let mut stages = Vec::new();
    for (i, stage) in list.iter().enumerate() {
        let at = format!("data_stages[{i}]");
        let start = stage.get("start_training_step").and_then(Value::as_u64);
        let start = start.ok_or_else(|| bad(format!("{at}.start_training_step"), "is missing"))?;
        let dataset = stage.pointer("/data/dataset").filter(|v| v.is_object());
        let dataset = dataset.ok_or_else(|| {
            bad(
                format!("{at}.data.dataset"),
                "is missing: nanotron then makes tokens up, and a spec reads data",
            )
        })?;
        let parts = mix::parts(config, dataset, &format!("{at}.data.dataset"), findings)?;
        shards(config, dataset, &format!("{at}.data.dataset"), findings)?;
        if let (Some(own), Some(run)) = (stage.get("sequence_length"), config.get("tokens.sequence_length"))
            && !own.is_null()
            && own != run
        {
            findings.push(config.finding(
                Kind::Lost,
                &format!("{at}.sequence_length"),
                format!("is {own}; the window of a run of a spec is one, {run}"),
            ));
        }
        let name = stage.get("name").and_then(Value::as_str).unwrap_or("stage").to_owned();
        if stages.iter().any(|s: &Stage| s.name == name) {
            findings.push(config.finding(
                Kind::Wrong,
                "data_stages",
                format!("two stages are called `{name}`, which nanotron refuses; the spec numbers them"),
            ));
        }
        stages.push(Stage { name, start, parts, file: config.file.clone() });
    }
    let order = stages.windows(2).find_map(|w| match w {
        [a, b] if b.start <= a.start => Some((a.name.clone(), a.start, b.name.clone(), b.start)),
        _ => None,
    });
    if let Some((a, x, b, y)) = order {
        findings.push(config.finding(
            Kind::Wrong,
            "data_stages",
            format!("stage `{b}` begins at step {y}, not after stage `{a}`, which begins at step {x}"),
        ));
    }
    Ok(stages)
}

/// What is said of the shards, held against what is said of the model.
fn shards(
    config: &Config,
    dataset: &Value,
    at: &str,
    findings: &mut Vec<Finding>,
) -> Result<(), ImportError> {
    let vocab = config.integer("model.model_config.vocab_size")?;
    if let Some(own) = dataset.get("vocab_size").and_then(Value::as_u64).filter(|own| *own > vocab) {
        let text = format!("is {own}, the model has {vocab} rows: an id beyond them has no embedding");
        findings.push(config.finding(Kind::Wrong, &format!("{at}.vocab_size"), text));
    }
    let width = dataset.get("token_size_in_bytes").and_then(Value::as_u64);
    if let Some(width) = width.filter(|w| *w < 4 && vocab > 1 << (8 * w)) {
        let text = format!("is {width}, too few for {vocab} ids");
        findings.push(config.finding(Kind::Wrong, &format!("{at}.token_size_in_bytes"), text));
    }
    let tokenizer = config.text("tokenizer.tokenizer_name_or_path");
    if let (Some(own), Some(run)) = (dataset.get("tokenizer_name").and_then(Value::as_str), tokenizer)
        && own != run
    {
        let text = format!("is `{own}`, the run's is `{run}`; taken to have the same ids");
        findings.push(config.finding(Kind::Assumed, &format!("{at}.tokenizer_name"), text));
    }
    Ok(())
}

/// A stage that an earlier file had too must be the same; the later one holds.
pub fn add(stages: &mut Vec<Stage>, stage: Stage, findings: &mut Vec<Finding>) {
    match stages.iter_mut().find(|s| s.start == stage.start) {
        None => stages.push(stage),
        Some(known) => {
            if known.parts != stage.parts {
                let differ = stage.parts.iter().filter(|p| !known.parts.contains(p)).count()
                    + known.parts.iter().filter(|p| !stage.parts.contains(p)).count();
                findings.push(Finding {
                    kind: Kind::Wrong,
                    at: format!("{}: data_stages", stage.file),
                    text: format!(
                        "stage `{}` (step {}) differs in {differ} entries from the one of `{}`: the past of the run is \
                         told in two ways; the later file's is taken",
                        stage.name, stage.start, known.file
                    ),
                });
            }
            *known = stage;
        }
    }
}

/// What must not change from file to file of one run.
pub fn agreement(configs: &[Config], last: &Config, findings: &mut Vec<Finding>) {
    for config in configs.iter().filter(|c| !std::ptr::eq(*c, last)) {
        for key in ["model.model_config", "tokens.sequence_length", "general.seed", "optimizer.weight_decay"]
        {
            let differ: Vec<String> = match (config.get(key), last.get(key)) {
                (Some(Value::Object(a)), Some(Value::Object(b))) => a
                    .iter()
                    .filter(|(k, v)| b.get(*k) != Some(*v))
                    .map(|(k, v)| format!("{k} is {v}, later {}", b.get(k).unwrap_or(&Value::Null)))
                    .collect(),
                (a, b) if a != b => {
                    vec![format!("is {}, later {}", a.unwrap_or(&Value::Null), b.unwrap_or(&Value::Null))]
                }
                _ => Vec::new(),
            };
            for text in differ {
                let text = format!("{text}; one run of a spec has one, that of `{}`", last.file);
                findings.push(config.finding(Kind::Lost, key, text));
            }
        }
        let steps = |c: &Config| c.integer("tokens.train_steps").unwrap_or(0);
        if steps(config) != steps(last) {
            findings.push(config.finding(
                Kind::Wrong,
                "tokens.train_steps",
                format!(
                    "is {}, in `{}` {}: the decay of one file is not that of the other",
                    steps(config),
                    last.file,
                    steps(last)
                ),
            ));
        }
    }
}

/// Drops stages that never begin, and sees that the first one begins at the beginning.
pub fn lengths(config: &Config, stages: &mut Vec<Stage>, end: u64, findings: &mut Vec<Finding>) {
    for stage in stages.iter().filter(|s| s.start > end) {
        findings.push(config.finding(
            Kind::Wrong,
            "data_stages",
            format!(
                "stage `{}` begins at step {}, the run has {end}: it never happens; left out",
                stage.name, stage.start
            ),
        ));
    }
    stages.retain(|s| s.start <= end);
    if let Some(first) = stages.first_mut().filter(|s| s.start != 1) {
        findings.push(config.finding(
            Kind::Wrong,
            "data_stages",
            format!("the first stage begins at step {}, not at step 1; the spec begins with it", first.start),
        ));
        first.start = 1;
    }
}
