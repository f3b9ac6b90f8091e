//! One or several stage files to one spec.

use crate::config::Config;
use crate::mix::{self, Part};
use crate::model::{self, Model};
use crate::schedule::{self, rate};
use crate::{Finding, ImportError, Kind};
use serde_json::Value;
use std::fmt::Write;

/// A spec and what there is to say about where it comes from.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The text of the spec.
    pub spec: String,
    /// In the order of the files.
    pub findings: Vec<Finding>,
}

struct Stage {
    name: String,
    /// First step, 1-based as nanotron counts.
    start: u64,
    parts: Vec<Part>,
    file: String,
}

/// Reads files, given as name and text, in the order of the run. A file may hold the stages of those before it too, as
/// SmolLM3's do; what the last file says holds.
pub fn import(files: &[(String, String)]) -> Result<Imported, ImportError> {
    let configs =
        files.iter().map(|(name, text)| Config::read(name, text)).collect::<Result<Vec<Config>, _>>()?;
    let Some(last) = configs.iter().max_by_key(|c| c.integer("tokens.train_steps").unwrap_or(0)) else {
        return Err(ImportError::Nothing);
    };
    let mut findings = Vec::new();
    for config in &configs {
        for key in config.unknown() {
            findings.push(config.finding(
                Kind::Lost,
                &key,
                "is not a key of nanotron that is known here".into(),
            ));
        }
    }
    let mut stages: Vec<Stage> = Vec::new();
    for config in &configs {
        for stage in read_stages(config, &mut findings)? {
            add(&mut stages, stage, &mut findings);
        }
    }
    stages.sort_by_key(|s| s.start);
    agreement(&configs, last, &mut findings);
    let end = last.integer("tokens.train_steps")?;
    lengths(last, &mut stages, end, &mut findings);
    let model = model::model(last, &mut findings)?;
    if let Some((name, claim)) = last.text("general.run").and_then(|n| Some((n, model::claimed(n)?)))
        && (claim / model.parameters as f64 - 1.0).abs() > 0.25
    {
        findings.push(last.finding(
            Kind::Wrong,
            "general.run",
            format!("is `{name}`, the model has {} parameters", model.parameters),
        ));
    }
    let lr = schedule::expression(last, end, &mut findings)?;
    let spec = write(last, &model, &stages, &lr, end, &mut findings)?;
    Ok(Imported { spec, findings })
}

fn read_stages(config: &Config, findings: &mut Vec<Finding>) -> Result<Vec<Stage>, ImportError> {
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
        let dataset = dataset.ok_or_else(|| bad(format!("{at}.data.dataset"), "is missing"))?;
        let parts = mix::parts(config, dataset, &format!("{at}.data.dataset"), findings)?;
        let name = stage.get("name").and_then(Value::as_str).unwrap_or("stage").to_owned();
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

/// A stage that an earlier file had too must be the same; the later one holds.
fn add(stages: &mut Vec<Stage>, stage: Stage, findings: &mut Vec<Finding>) {
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
fn agreement(configs: &[Config], last: &Config, findings: &mut Vec<Finding>) {
    for config in configs.iter().filter(|c| c.file != last.file) {
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
fn lengths(config: &Config, stages: &mut Vec<Stage>, end: u64, findings: &mut Vec<Finding>) {
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

fn write(
    config: &Config,
    model: &Model,
    stages: &[Stage],
    lr: &str,
    end: u64,
    findings: &mut Vec<Finding>,
) -> Result<String, ImportError> {
    let parallel = |key: &str| -> Result<u64, ImportError> { Ok(config.maybe_integer(key)?.unwrap_or(1)) };
    let (dp, tp, pp) =
        (parallel("parallelism.dp")?, parallel("parallelism.tp")?, parallel("parallelism.pp")?);
    let (micro, accumulation) =
        (config.integer("tokens.micro_batch_size")?, parallel("tokens.batch_accumulation_per_replica")?);
    let window = config.integer("tokens.sequence_length")?;
    let sequences = dp.saturating_mul(micro).saturating_mul(accumulation);
    let mut names: Vec<(String, String)> = Vec::new();
    for part in stages.iter().flat_map(|s| &s.parts) {
        if !names.iter().any(|(folder, _)| *folder == part.folder) {
            let taken: Vec<&str> = names.iter().map(|(_, n)| n.as_str()).collect();
            let name = unique(&folder_name(&part.folder), &taken);
            names.push((part.folder.clone(), name));
        }
    }
    findings.push(config.finding(
        Kind::Assumed,
        "data_stages",
        "names folders of tokens and not the texts they come from: the spec looks for texts under `root`, and states no \
         sizes, so that epochs are not known before the data are prepared"
            .into(),
    ));
    let mut s = String::from("smol 1\n");
    let project = config.text("general.project").unwrap_or("?");
    let run = config.text("general.run").unwrap_or("?");
    let _ = writeln!(
        s,
        "//! {project}/{run}, imported from nanotron. {end} steps on {dp} · {tp} · {pp} devices (data, tensor, pipeline)."
    );
    let family = if model.text.starts_with("Qwen2") { "Qwen2" } else { "Llama" };
    let _ = writeln!(s, "use std.models.{{{family}}}");
    if let Some((function, _)) = lr.split_once('(').filter(|_| !lr.starts_with("at ")) {
        let _ = writeln!(s, "use std.schedules.{{{function}}}");
    }
    s.push_str("\n/// Where texts and tokenizer lie.\nparam root: Path = \"corpora\"\n\n");
    for (folder, name) in &names {
        let _ = writeln!(
            s,
            "/// {folder}\ndataset {name} = parquet(\"{{root}}/{name}/**/*.parquet\") {{ text: .text }}"
        );
    }
    let tokenizer = config.text("tokenizer.tokenizer_name_or_path").unwrap_or("tokenizer");
    let eos = if tokenizer.to_lowercase().contains("llama-3") { "<|end_of_text|>" } else { "<|endoftext|>" };
    findings.push(config.finding(
        Kind::Assumed,
        "tokenizer.tokenizer_name_or_path",
        format!("does not say which text ends a document; taken to be `{eos}`"),
    ));
    let vocab = config.integer("model.model_config.vocab_size")?;
    let _ = writeln!(
        s,
        "\ntokenizer words = hf(\"{{root}}/{}/tokenizer.json\") {{ vocab: {vocab}, eos: \"{eos}\" }}\n\nmodel network = {}",
        tokenizer.rsplit('/').next().unwrap_or(tokenizer),
        model.text
    );
    let _ = write!(
        s,
        "\nrun pretrain {{\n  model: network\n  tokenizer: words\n  window: {window} tokens\n  batch: {sequences} sequences\n  \
         micro_batch: {micro} sequences\n  optimizer: {}\n  lr: {lr}\n  document_mask: {}\n",
        optimizer(config, findings)?,
        model.document_mask
    );
    let every = config.maybe_integer("checkpoints.checkpoint_interval")?.unwrap_or(1000);
    let _ = writeln!(
        s,
        "  checkpoint: every {every} steps, keep 5\n  seed: {}\n",
        config.maybe_integer("general.seed")?.unwrap_or(0)
    );
    let mut used: Vec<String> = Vec::new();
    for (i, stage) in stages.iter().enumerate() {
        let next = stages.get(i + 1).map_or(end + 1, |n| n.start);
        let refs: Vec<&str> = used.iter().map(String::as_str).collect();
        let name = unique(&identifier(&stage.name), &refs);
        let parts: Vec<String> = stage
            .parts
            .iter()
            .filter_map(|p| Some(format!("{} {}", p.weight, names.iter().find(|(f, _)| *f == p.folder)?.1)))
            .collect();
        let _ = writeln!(
            s,
            "  /// {}\n  stage {name} for {} steps {{\n    mix: {}\n  }}",
            stage.name.replace('\n', " "),
            next - stage.start,
            parts.join("\n       + ")
        );
        used.push(name);
    }
    s.push_str("}\n");
    Ok(s)
}

fn optimizer(config: &Config, findings: &mut Vec<Finding>) -> Result<String, ImportError> {
    let factory = |name: &str| config.number(&format!("optimizer.optimizer_factory.{name}"));
    if let Some(name) =
        config.text("optimizer.optimizer_factory.name").filter(|n| !n.eq_ignore_ascii_case("adamw"))
    {
        findings.push(config.finding(
            Kind::Lost,
            "optimizer.optimizer_factory.name",
            format!("is `{name}`; written as AdamW"),
        ));
    }
    let decay = match config.get("optimizer.weight_decay_exclude_named_params").and_then(Value::as_array) {
        None => "",
        Some(list) if list.is_empty() => "",
        Some(list) if list.iter().all(|v| v.as_str().is_some_and(|t| t.contains("token_embedding"))) => {
            findings.push(config.finding(
                Kind::Lost,
                "optimizer.weight_decay_exclude_named_params",
                "leaves the embedding out; `no_embedding` leaves the norms out too".into(),
            ));
            ", decay: no_embedding"
        }
        Some(list) => {
            let text = format!("leaves out {}; the spec decays everything", Value::Array(list.clone()));
            findings.push(config.finding(Kind::Lost, "optimizer.weight_decay_exclude_named_params", text));
            ""
        }
    };
    let clip =
        config.number("optimizer.clip_grad")?.map_or_else(String::new, |c| format!(", clip: {}", rate(c)));
    Ok(format!(
        "AdamW {{ betas: [{}, {}], eps: {}, weight_decay: {}{decay}{clip} }}",
        factory("adam_beta1")?.unwrap_or(0.9),
        factory("adam_beta2")?.unwrap_or(0.95),
        rate(factory("adam_eps")?.unwrap_or(1e-8)),
        rate(config.number("optimizer.weight_decay")?.unwrap_or(0.0)),
    ))
}

/// The last part of a path that says something.
fn folder_name(folder: &str) -> String {
    let parts: Vec<&str> = folder.split('/').filter(|p| !p.is_empty()).collect();
    let telling = parts.iter().rev().find(|p| !["standard", "tokenized", "data", "train"].contains(*p));
    identifier(telling.copied().unwrap_or("data"))
}

/// A name of the language: letters, digits and underscores, not beginning with a digit, no keyword.
fn identifier(text: &str) -> String {
    let mut name: String =
        text.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    while name.contains("__") {
        name = name.replace("__", "_");
    }
    let name = name.trim_matches('_').to_owned();
    match name.chars().next() {
        None => "data".into(),
        Some(c) if c.is_ascii_digit() => format!("d_{name}"),
        Some(_)
            if [
                "t",
                "end",
                "at",
                "rest",
                "drop",
                "if",
                "then",
                "else",
                "and",
                "or",
                "not",
                "with",
                "run",
                "mix",
                "stage",
                "model",
                "words",
                "network",
                "root",
                "over",
                "from",
                "none",
                "true",
                "false",
                "every",
                "keep",
                "eval",
                "use",
                "fn",
                "let",
                "param",
                "dataset",
                "tokenizer",
                "suite",
                "sweep",
                "target",
                "schedule",
                "classifier",
                "for",
                "until",
            ]
            .contains(&name.as_str()) =>
        {
            format!("{name}_set")
        }
        Some(_) => name,
    }
}

fn unique(name: &str, taken: &[&str]) -> String {
    if !taken.contains(&name) {
        return name.to_owned();
    }
    (2u32..)
        .map(|n| format!("{name}_{n}"))
        .find(|n| !taken.contains(&n.as_str()))
        .unwrap_or_else(|| name.to_owned())
}
