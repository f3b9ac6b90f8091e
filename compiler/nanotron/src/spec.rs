//! The text of a spec.

use crate::config::Config;
use crate::mix::escaped;
use crate::model::Model;
use crate::names::{folder_name, identifier, unique};
use crate::schedule::rate;
use crate::stages::Stage;
use crate::{Finding, ImportError, Kind};
use serde_json::Value;
use std::fmt::Write;

/// nanotron's, where a configuration names none.
pub const SEED: u64 = 42;

/// nanotron's pattern for the embedding's name.
pub const EMBEDDING: &str = ".*token_embedding.*";

/// The text; not laid out, the formatter does that.
pub fn write(
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
    let mut datasets = String::new();
    for part in stages.iter().flat_map(|s| &s.parts) {
        if !names.iter().any(|(folder, _)| *folder == part.folder) {
            let taken: Vec<&str> = names.iter().map(|(_, n)| n.as_str()).collect();
            let name = unique(&folder_name(&part.folder), &taken);
            let _ = writeln!(datasets, "/// {}\ndataset {name} = {}\n", line(&part.folder), part.source);
            names.push((part.folder.clone(), name));
        }
    }
    findings.push(config.finding(
        Kind::Assumed,
        "data_stages",
        "says where tokens lie and not how many: the spec reads the folders under `root`, and knows epochs once they are \
         prepared"
            .into(),
    ));
    let mut s = String::from("smol 1\n");
    let project = config.text("general.project").unwrap_or("?");
    let run = config.text("general.run").unwrap_or("?");
    let _ = writeln!(
        s,
        "//! {}/{}, imported from nanotron.\n//!\n//! Its configuration divides the work among {dp} · {tp} · {pp} devices (data, \
         tensor, pipeline).",
        line(project),
        line(run)
    );
    let family = if model.text.starts_with("Qwen2") { "Qwen2" } else { "Llama" };
    let _ = writeln!(s, "use std.models.{{{family}}}");
    if let Some((function, _)) = lr.split_once('(').filter(|_| !lr.starts_with("at ")) {
        let _ = writeln!(s, "use std.schedules.{{{function}}}");
    }
    s.push_str("\n/// Where data and tokenizer lie.\nparam root: Path = \".\"\n\n");
    s.push_str(&datasets);
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
        escaped(tokenizer.trim_matches('/')),
        model.text
    );
    let _ = write!(
        s,
        "\nrun pretrain {{\n  model: network\n  tokenizer: words\n  window: {window} tokens\n  batch: {sequences} sequences\n  \
         micro_batch: {micro} sequences\n  optimizer: {}\n  lr: {lr}\n  document_mask: {}\n  precision: {}\n",
        optimizer(config, findings)?,
        model.document_mask,
        precision(config, findings)
    );
    let every = config.maybe_integer("checkpoints.checkpoint_interval")?.unwrap_or(1000).max(1);
    let _ = writeln!(
        s,
        "  checkpoint: every {every} steps, keep 5\n  seed: {}\n",
        config.maybe_integer("general.seed")?.unwrap_or(SEED)
    );
    let mut used: Vec<String> = Vec::new();
    for (i, stage) in stages.iter().enumerate() {
        let next = stages.get(i + 1).map_or(end.saturating_add(1), |n| n.start);
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
            line(&stage.name),
            next.saturating_sub(stage.start),
            parts.join("\n       + ")
        );
        used.push(name);
    }
    s.push_str("}\n");
    Ok(s)
}

/// A text that stays on its line.
fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn precision(config: &Config, findings: &mut Vec<Finding>) -> &'static str {
    match config.text("model.dtype") {
        None | Some("bfloat16") => "bf16",
        Some("float32" | "float") => "f32",
        Some(other) => {
            let text = format!("is `{other}`; written as bf16");
            findings.push(config.finding(Kind::Lost, "model.dtype", text));
            "bf16"
        }
    }
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
        // SmolLM3's; the pattern is nanotron's name of the embedding.
        Some(list) if list.iter().all(|v| v.as_str() == Some(EMBEDDING)) => ", decay: no_embedding",
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
