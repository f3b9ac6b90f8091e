//! A run of a plan as a nanotron configuration, or what such a configuration cannot say.
//!
//! What would change what is learned stands against the export; what only happens beside it (evaluations, validation)
//! or has to be brought about elsewhere (tokens in folders) is left out or assumed, and named.

mod decay;
mod yaml;

use crate::Kind;
use smolc_plan::{
    Dataset, Objective, Plan, Precision, Recompute, Run, Source, Target, TokenFormat, TokenizerSource,
};
use std::fmt;

/// Something a configuration cannot say, or says only if something else is so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// [`Kind::Wrong`] stands against the export; [`Kind::Lost`] is left out; [`Kind::Assumed`] must be seen to.
    pub kind: Kind,
    /// The field of the spec: `run pretrain.lr`.
    pub at: String,
    /// Why, and what would do.
    pub reason: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.reason)
    }
}

/// A configuration.
#[derive(Clone, Debug)]
pub struct Exported {
    /// The YAML.
    pub text: String,
    /// What it leaves out and what it relies on; none stands against it.
    pub notes: Vec<Note>,
}

/// What a configuration says that stands in no single field of a run.
struct Division {
    data: u64,
    tensor: u64,
    pipeline: u64,
    accumulation: u64,
    zero: u64,
    recompute: bool,
    precision: Precision,
}

/// Notes about a run.
struct Notes<'a> {
    run: &'a str,
    list: Vec<Note>,
}

impl Notes<'_> {
    fn add(&mut self, kind: Kind, field: &str, reason: String) {
        let note = Note { kind, at: format!("run {}.{field}", self.run), reason };
        if !self.list.contains(&note) {
            self.list.push(note);
        }
    }
}

/// The configuration of a run, or everything that stands against it.
pub fn export(plan: &Plan, run: &Run) -> Result<Exported, Vec<Note>> {
    let mut notes = Notes { run: &run.name, list: Vec::new() };
    learning(run, &mut notes);
    beside(plan, run, &mut notes);
    data(plan, run, &mut notes);
    let tokenizer = tokenizer(plan, run, &mut notes);
    let division = division(run, &mut notes);
    let decay = decay::decay(run).map_err(|reason| notes.add(Kind::Wrong, "lr", reason)).ok();
    let (against, notes): (Vec<Note>, Vec<Note>) =
        notes.list.into_iter().partition(|n| n.kind == Kind::Wrong);
    match decay {
        Some(decay) if against.is_empty() => {
            Ok(Exported { text: yaml::yaml(plan, run, &tokenizer, &decay, &division), notes })
        }
        _ => Err(against),
    }
}

/// What would change what is learned.
fn learning(run: &Run, notes: &mut Notes<'_>) {
    let mut no = |field: &str, reason: String| notes.add(Kind::Wrong, field, reason);
    let m = &run.model;
    if m.heads.checked_mul(m.head_dim) != Some(m.hidden) {
        no(
            "model.head_dim",
            format!("is {}; nanotron has hidden / heads, {}/{}", m.head_dim, m.hidden, m.heads),
        );
    }
    if !run.batch.sequences.is_multiple_of(run.batch.micro.max(1)) {
        no(
            "micro_batch",
            format!("of {} does not divide {} sequences", run.batch.micro, run.batch.sequences),
        );
    }
    match run.objective {
        Objective::NextToken => {}
        Objective::Sft { .. } | Objective::Dpo { .. } => {
            no("objective", "is fine-tuning; nanotron pretrains, on the next token".into());
        }
    }
    if run.weight_decay.is_some() {
        no("optimizer.weight_decay", "changes over the run; nanotron's is one number".into());
    }
    let kept = run.parameters.iter().filter(|p| !p.decay).count();
    if run.optimizer.weight_decay != 0.0 && kept > 0 && !embedding_alone(run) {
        no(
            "optimizer.decay",
            format!(
                "leaves out {kept} of {} tensors; of nanotron's names for them only the embedding's is known here: say \
                 `decay: all` or `decay: no_embedding`",
                run.parameters.len()
            ),
        );
    }
    for stage in &run.stages {
        if let Some(guard) = &stage.until {
            no(
                &format!("stages.{}.until", stage.stage_name()),
                format!("ends the stage when `{}`; nanotron's stages end at steps", guard.source),
            );
        }
    }
}

/// The embedding is the one parameter that weight decay leaves out.
fn embedding_alone(run: &Run) -> bool {
    let mut kept = run.parameters.iter().filter(|p| !p.decay);
    kept.next().is_some_and(|p| p.name.contains("embed_tokens")) && kept.next().is_none()
}

/// What happens beside training, or before it.
fn beside(plan: &Plan, run: &Run, notes: &mut Notes<'_>) {
    if run.validation.every.is_some() || run.validation.stage_end || run.validation.end {
        notes.add(
            Kind::Lost,
            "validate",
            "is left out: nanotron evaluates no validation split while it trains".into(),
        );
    }
    if !run.evaluations.is_empty() {
        notes.add(Kind::Lost, "eval", "is left out: evaluate nanotron's checkpoints with `lighteval`".into());
    }
    if !run.checkpoints.pinned.is_empty() {
        notes.add(Kind::Lost, "checkpoint", "keeps all: nanotron deletes none of its checkpoints".into());
    }
    if run.document_mask {
        notes.add(
            Kind::Assumed,
            "document_mask",
            "needs a nanotron whose Qwen2 has `_use_doc_masking` (2025); there, predictions across a document's end still \
             count for the loss"
                .into(),
        );
    }
    if let Some((parent, from)) = run.parent.as_ref().and_then(|p| Some((p, plan.runs.get(p.run)?))) {
        notes.add(
            Kind::Assumed,
            "from",
            format!(
                "`{}` after {} steps lies at `{}`",
                from.name,
                parent.step,
                parent_path(&from.name, parent.step)
            ),
        );
    }
}

/// Where the configuration looks for a checkpoint of another run.
fn parent_path(run: &str, step: u64) -> String {
    format!("checkpoints/{run}/{step}")
}

/// nanotron reads folders of tokens; whatever else a dataset is, it has to become one.
fn data(plan: &Plan, run: &Run, notes: &mut Notes<'_>) {
    let mut raw: Vec<&str> = Vec::new();
    let mut seen: Vec<usize> = Vec::new();
    for entry in run.stages.iter().flat_map(|s| &s.mix) {
        let Some(dataset) = plan.datasets.get(entry.dataset).filter(|_| !seen.contains(&entry.dataset))
        else {
            continue;
        };
        seen.push(entry.dataset);
        if folder(dataset).is_none() {
            raw.push(&dataset.name);
        }
    }
    if !raw.is_empty() {
        let reason = format!(
            "read {}, which nanotron does not prepare: `datasets/NAME` must hold each after its pipeline, as datatrove's \
             token shards with the end of a document after every document",
            raw.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")
        );
        notes.add(Kind::Assumed, "stages", reason);
    }
}

/// The folder of a dataset that nanotron reads as it is.
fn folder(dataset: &Dataset) -> Option<&str> {
    let plain = dataset.steps.is_empty() && dataset.take.is_none() && dataset.validation_per_million == 0;
    match &dataset.source {
        Source::Tokens { patterns, format: TokenFormat::Datatrove } if plain => match patterns.as_slice() {
            [one] => one.strip_suffix("/*.ds").filter(|folder| !folder.contains(['*', '?', '['])),
            _ => None,
        },
        Source::Tokens { .. }
        | Source::Files { .. }
        | Source::Text { .. }
        | Source::Jsonl { .. }
        | Source::Parquet { .. }
        | Source::Hub { .. } => None,
    }
}

fn tokenizer(plan: &Plan, run: &Run, notes: &mut Notes<'_>) -> String {
    match plan.tokenizers.get(run.tokenizer).map(|t| &t.source) {
        Some(TokenizerSource::Hf { path }) => {
            let reason = "has ids that stand in its file and not in the spec: set `bos_token_id` and `eos_token_id`, which \
                          training does not read and conversion copies"
                .into();
            notes.add(Kind::Assumed, "tokenizer", reason);
            path.strip_suffix("/tokenizer.json").unwrap_or(path).to_owned()
        }
        Some(TokenizerSource::Bpe { .. }) => {
            let reason = "is trained by smolc; name the `tokenizer.json` it wrote with `hf(…)`".into();
            notes.add(Kind::Wrong, "tokenizer", reason);
            String::new()
        }
        None => String::new(),
    }
}

/// The target's division of work, one device without a target.
fn division(run: &Run, notes: &mut Notes<'_>) -> Division {
    let b = &run.batch;
    let micros = b.sequences / b.micro.max(1);
    let Some(target) = &run.target else {
        return Division {
            data: 1,
            tensor: 1,
            pipeline: 1,
            accumulation: micros,
            zero: 0,
            recompute: false,
            precision: run.precision,
        };
    };
    let Target { data_parallel, tensor_parallel, pipeline_parallel, zero, precision, recompute, .. } = target;
    let mut data = (*data_parallel).max(1);
    if !micros.is_multiple_of(data) {
        notes.add(
            Kind::Lost,
            "target",
            format!("has {data} replicas for {micros} micro-batches a step, which do not divide; written for one replica"),
        );
        data = 1;
    }
    if *zero > 1 {
        notes.add(
            Kind::Lost,
            "target",
            format!("divides as ZeRO-{zero} does; nanotron has ZeRO-0 and ZeRO-1, written as 1"),
        );
    }
    if *recompute == Recompute::Elementwise {
        let reason = "computes norms and SwiGLU again; nanotron computes whole layers again or nothing, written as nothing";
        notes.add(Kind::Lost, "target", reason.into());
    }
    Division {
        data,
        tensor: *tensor_parallel,
        pipeline: *pipeline_parallel,
        accumulation: micros / data,
        zero: (*zero).min(1),
        recompute: *recompute == Recompute::Layers,
        precision: *precision,
    }
}
