//! One or several stage files to one spec.

use crate::config::Config;
use crate::stages::{Stage, add, agreement, lengths, read_stages};
use crate::{Finding, ImportError, Kind, model, schedule, spec};
use serde_json::Value;

/// A spec and what there is to say about where it comes from.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The text of the spec.
    pub spec: String,
    /// In the order of the files.
    pub findings: Vec<Finding>,
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
    beginning(&configs, &mut findings);
    seeds(last, &mut findings)?;
    let text = spec::write(last, &model, &stages, &lr, end, &mut findings)?;
    match smolc_syntax::format::format(&text) {
        Ok(spec) => Ok(Imported { spec, findings }),
        Err(diagnostics) => Err(ImportError::Unwritable {
            reason: diagnostics.iter().map(|d| d.message.clone()).collect::<Vec<_>>().join("; "),
        }),
    }
}

/// What the first file begins from, when that is not the past of its own run.
fn beginning(configs: &[Config], findings: &mut Vec<Finding>) {
    let Some(config) = configs.first() else { return };
    let key = "checkpoints.resume_checkpoint_path";
    let Some(path) = config.text(key) else { return };
    let off = |key: &str| config.get(key).and_then(Value::as_bool) == Some(false);
    let own = ["checkpoints.checkpoints_path", "s3_upload.upload_s3_path"];
    if off("checkpoints.load_optimizer") || off("checkpoints.load_lr_scheduler") {
        let what = if off("checkpoints.load_optimizer") { "the weights" } else { "weights and optimizer" };
        let text = format!(
            "begins with {what} of `{path}`; the spec begins anew, unless you say `run pretrain from …` the run that made them"
        );
        findings.push(config.finding(Kind::Lost, key, text));
    } else if !own.into_iter().filter_map(|k| config.text(k)).any(|p| path.starts_with(p)) {
        let text = format!(
            "goes on from `{path}` with its step and schedule; taken to be the past of this very run"
        );
        findings.push(config.finding(Kind::Assumed, key, text));
    }
}

/// nanotron seeds the order of data for each stage apart.
fn seeds(config: &Config, findings: &mut Vec<Finding>) -> Result<(), ImportError> {
    let seed = config.maybe_integer("general.seed")?.unwrap_or(spec::SEED);
    let stages = config.get("data_stages").and_then(Value::as_array).into_iter().flatten();
    let mut other: Vec<u64> = stages
        .map(|s| s.pointer("/data/seed").and_then(Value::as_u64).unwrap_or(spec::SEED))
        .filter(|s| *s != seed)
        .collect();
    other.dedup();
    if !other.is_empty() {
        let list: Vec<String> = other.iter().map(u64::to_string).collect();
        let text =
            format!("is {}, general.seed {seed}; a run of a spec has one seed, {seed}", list.join(" and "));
        findings.push(config.finding(Kind::Lost, "data_stages[…].data.seed", text));
    }
    Ok(())
}
