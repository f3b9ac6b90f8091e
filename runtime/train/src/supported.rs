//! What of a plan this build carries out. A plan may say more than that; a run that does is refused whole, before any
//! work, because a run that leaves out what its spec says is another run.

use crate::error::TrainError;
use smolc_plan::{Columns, Objective, Plan, Run, Source, TokenizerSource};

/// Refuses a run that asks for what this build does not do.
pub fn supported(plan: &Plan, run: &Run) -> Result<(), TrainError> {
    match unsupported(plan, run) {
        None => Ok(()),
        Some(reason) => Err(TrainError::Plan { run: run.name.clone(), reason }),
    }
}

fn unsupported(plan: &Plan, run: &Run) -> Option<String> {
    let no = |what: &str| Some(format!("{what} is not carried out by this build of smolc"));
    if let Some(parent) = &run.parent {
        let name = plan.runs.get(parent.run).map_or("?", |r| r.name.as_str());
        return no(&format!("beginning from run `{name}` at step {}", parent.step));
    }
    match &run.objective {
        Objective::NextToken => {}
        Objective::Sft { .. } => return no("the objective `Sft`"),
        Objective::Dpo { .. } => return no("the objective `Dpo`"),
    }
    if let Some(event) = run.evaluations.first() {
        let names: Vec<&str> = event
            .evaluations
            .iter()
            .filter_map(|e| plan.evaluations.get(*e))
            .map(|e| e.name.as_str())
            .take(3)
            .collect();
        return no(&format!("`eval:` ({}…)", names.join(", ")));
    }
    if let Some(every) = run.model.rope.skip_every {
        return no(&format!(
            "a model without RoPE in each layer {every}, {}, … (`rope.skip_every`)",
            2 * every
        ));
    }
    if run.weight_decay.is_some() {
        return no("a weight decay that changes over the run");
    }
    if let Some(stage) = run.stages.iter().find(|s| s.until.is_some()) {
        return no(&format!("the guard of stage `{}` (`until`)", stage.stage_name()));
    }
    let learned: &[usize] = match plan.tokenizers.get(run.tokenizer).map(|t| &t.source) {
        Some(TokenizerSource::Bpe { train, .. }) => train,
        Some(TokenizerSource::Hf { .. }) | None => &[],
    };
    for dataset in learned.iter().filter_map(|i| plan.datasets.get(*i)) {
        if matches!(dataset.source, Source::Tokens { .. }) {
            let name = &dataset.name;
            return no(&format!(
                "a tokenizer that is trained on dataset `{name}`, which is tokenized already,"
            ));
        }
    }
    let read = run.stages.iter().flat_map(|s| &s.mix).map(|m| &m.dataset).chain(learned);
    let read = read.filter_map(|i| plan.datasets.get(*i));
    for dataset in read {
        let name = &dataset.name;
        match &dataset.columns {
            Some(Columns::Messages { .. }) => {
                return no(&format!("dataset `{name}`, which holds conversations,"));
            }
            Some(Columns::Preference { .. }) => {
                return no(&format!("dataset `{name}`, which holds preferences,"));
            }
            None => {}
        }
        if let Some((what, instead)) = smolc_data::pipeline::unsupported(plan, dataset) {
            return Some(format!(
                "{what} of dataset `{name}` is not carried out by this build of smolc; {instead}"
            ));
        }
        match &dataset.source {
            Source::Tokens { .. } if !dataset.steps.is_empty() || dataset.take.is_some() => {
                return no(&format!("a step other than `split` behind `tokens`, in dataset `{name}`,"));
            }
            Source::Hub { .. }
            | Source::Files { .. }
            | Source::Text { .. }
            | Source::Jsonl { .. }
            | Source::Parquet { .. }
            | Source::Tokens { .. } => {
                if let Some(url) = dataset.source.patterns().iter().find(|p| p.contains("://")) {
                    return no(&format!("reading `{url}` of dataset `{name}`"));
                }
            }
        }
    }
    None
}
