//! Another plan for a run that is under way.
//!
//! [`examine`] says, for every run of a directory, what the new plan changes and from which step on; it refuses nothing
//! and writes nothing. [`apply`] puts the new plan in the place of the old one where no change touches a step that was
//! made. What was made is what the newest checkpoint holds: later steps of a killed process will be made again.
//!
//! ```text
//! DIR/NAME/amendments.json   the plan the run began with, by hash, and every amendment since
//! ```
//!
//! Checkpoints go on carrying the hash of the plan that the run began with, so those that exist stay valid, and a process
//! killed in the middle leaves a directory that either plan continues.

use crate::checkpoint;
use crate::directory::{self, SpecDirectory};
use crate::durable::write_whole;
use crate::error::TrainError;
use crate::event::{Amendment, Event};
use crate::ledger::{self, Ledger};
use serde::{Deserialize, Serialize};
use smolc_data::order::{DatasetOrder, Order, StageOrder};
use smolc_plan::diff::thousands;
use smolc_plan::{Change, Plan, Run};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// Name of the file.
const FILE: &str = "amendments.json";

/// Past draws compared one by one, at most; beyond them, that many spread evenly.
const COMPARED: u64 = 1 << 22;

/// The history of a run's plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// 1.
    pub format: u32,
    /// Hash of the plan the run began with; its checkpoints carry it.
    pub origin: String,
    /// In order.
    pub amendments: Vec<Amendment>,
}

/// What a new plan means for one run of a directory.
#[derive(Clone, Debug)]
pub struct Examined {
    /// The run.
    pub run: String,
    /// Updates made.
    pub done: u64,
    /// Tokens of a step, by the old plan.
    pub step_tokens: u64,
    /// Steps of the whole run, before and after.
    pub steps: (u64, u64),
    /// Hash of the stored plan.
    pub from: String,
    /// Everything that differs for the run.
    pub changes: Vec<Change>,
    /// Draws of the past that were compared one by one under both plans; `None` where the data are not measured.
    pub compared: Option<u64>,
    stored: Plan,
}

impl Examined {
    /// Changes that touch steps that were made: any of them forbids the amendment.
    pub fn past(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|c| c.from.is_some_and(|from| from < self.done))
    }

    /// Changes that touch later steps, or none.
    pub fn future(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|c| c.from.is_none_or(|from| from >= self.done))
    }
}

/// The hash that checkpoints of the run in `path` carry: that of the plan it began with, `plan` unless it was amended.
pub fn origin(path: &Path, plan: &str) -> Result<String, TrainError> {
    Ok(history(path)?.map_or_else(|| plan.to_owned(), |h| h.origin))
}

/// The history of a run's plan; `None` for one that was never amended.
pub fn history(path: &Path) -> Result<Option<History>, TrainError> {
    let file = path.join(FILE);
    match fs::read(&file) {
        Ok(bytes) => {
            let bad = |reason: String| TrainError::BadPlanFile { path: file.clone(), reason };
            let history: History = serde_json::from_slice(&bytes).map_err(|e| bad(e.to_string()))?;
            if history.format == 1 {
                Ok(Some(history))
            } else {
                Err(bad(format!("it has format {}, this build reads format 1", history.format)))
            }
        }
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(TrainError::Io { action: "read", path: file, source }),
    }
}

/// Looks at every run that has a directory in `dir`, in the order of their names.
pub fn examine(dir: &Path, new: &Plan) -> Result<Vec<Examined>, TrainError> {
    let mut names: Vec<String> = Vec::new();
    for entry in fs::read_dir(dir).map_err(TrainError::io("read", dir))? {
        let entry = entry.map_err(TrainError::io("read", dir))?;
        if entry.path().join("plan.json").exists() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    names.iter().map(|name| one(&dir.join(name), name, new)).collect()
}

fn one(path: &Path, name: &str, new: &Plan) -> Result<Examined, TrainError> {
    let damaged = |reason: String| TrainError::BadPlanFile { path: path.join("plan.json"), reason };
    let Some(stored) = directory::stored(path)? else { return Err(damaged("it is gone".into())) };
    let Some(run) = stored.runs.iter().find(|r| r.name == name) else {
        return Err(damaged(format!("it has no run `{name}`")));
    };
    let done = checkpoint::list(&path.join("checkpoints"))?.last().copied().unwrap_or(0);
    let changes = stored
        .changes(new, name)
        .map_err(|e| TrainError::Plan { run: name.to_owned(), reason: e.to_string() })?;
    let mut examined = Examined {
        run: name.to_owned(),
        done,
        step_tokens: run.batch.tokens(),
        steps: (run.steps, new.runs.iter().find(|r| r.name == name).map_or(0, |r| r.steps)),
        from: stored.hash()?.to_string(),
        changes,
        compared: None,
        stored: stored.clone(),
    };
    if examined.past().next().is_none()
        && let Some(after) = new.runs.iter().find(|r| r.name == name)
    {
        let merged = with_measurements(new, &stored);
        examined.compared = compare_draws((&stored, run), (&merged, after), done)?;
    }
    Ok(examined)
}

/// The second look: the draws themselves under both plans, wherever both have an order.
fn compare_draws(
    (old, a): (&Plan, &Run),
    (new, b): (&Plan, &Run),
    done: u64,
) -> Result<Option<u64>, TrainError> {
    let samples = done.saturating_mul(a.batch.sequences);
    let (Some(first), Some(second)) = (order(old, a, samples), order(new, b, samples)) else {
        return Ok(None);
    };
    let name = |plan: &Plan, d: usize| plan.datasets.get(d).map(|d| d.name.clone());
    let n = samples.min(COMPARED);
    for i in 0..n {
        let g = u64::try_from(u128::from(i) * u128::from(samples) / u128::from(n)).unwrap_or(i);
        let (x, y) = (first.at(g), second.at(g));
        if (name(old, x.dataset), x.epoch, x.slice) != (name(new, y.dataset), y.epoch, y.slice) {
            let reason = format!(
                "the new plan draws sample {g} from `{}`, the run drew it from `{}`, although nothing that differs touches \
                 it: this is a bug in smolc, please report it with both specs",
                name(new, y.dataset).unwrap_or_default(),
                name(old, x.dataset).unwrap_or_default()
            );
            return Err(TrainError::Plan { run: a.name.clone(), reason });
        }
    }
    Ok(Some(n))
}

/// The order of the first `samples` samples of a run; `None` when a dataset it needs is not measured.
fn order(plan: &Plan, run: &Run, samples: u64) -> Option<Order> {
    let mut stages = StageOrder::of_run(run);
    // Later stages may draw from data that nobody has prepared yet.
    let mut first = 0u64;
    stages.retain(|s| {
        let keep = first < samples;
        first = first.saturating_add(s.samples);
        keep
    });
    let used: Vec<usize> = stages.iter().flat_map(|s| s.mix.iter().map(|m| m.0)).collect();
    let datasets = plan.datasets.iter().enumerate().map(|(index, d)| match &d.measured {
        Some(m) => {
            Some(DatasetOrder { uid: m.uid, atoms: m.tokens.saturating_sub(1) / run.batch.window.max(1) })
        }
        None if used.contains(&index) => None,
        None => Some(DatasetOrder { uid: 0, atoms: 0 }),
    });
    Order::new(run.seed, &stages, &datasets.collect::<Option<Vec<_>>>()?).ok()
}

/// The new plan with the measurements of the datasets it shares with the old one.
fn with_measurements(new: &Plan, old: &Plan) -> Plan {
    let mut plan = new.clone();
    for dataset in plan.datasets.iter_mut().filter(|d| d.measured.is_none()) {
        let same = old.datasets.iter().find(|d| {
            let mut bare = (*d).clone();
            bare.measured = None;
            bare.stated_tokens = dataset.stated_tokens;
            bare == *dataset
        });
        dataset.measured = same.and_then(|d| d.measured.clone());
    }
    plan
}

/// Makes `new` the plan of every run that was examined. Refuses when a change touches a step that was made; the caller
/// has shown them. The directory and each run are locked meanwhile. Doing it again after a crash completes it.
pub fn apply(dir: &Path, new: &Plan) -> Result<Vec<Examined>, TrainError> {
    let _spec = SpecDirectory::open(dir)?;
    let locks = examine(dir, new)?
        .iter()
        .map(|e| directory::lock(&dir.join(&e.run), ".lock"))
        .collect::<Result<Vec<_>, _>>()?;
    // Again, now that nobody can make another step.
    let examined = examine(dir, new)?;
    if let Some(bad) = examined.iter().find(|e| e.past().next().is_some()) {
        let differences = bad.past().map(|c| c.difference.clone()).collect();
        return Err(TrainError::OtherPlan {
            path: dir.join(&bad.run),
            old: bad.from.chars().take(16).collect(),
            new: new.hash()?.short(),
            differences,
        });
    }
    let to = new.hash()?.to_string();
    for e in &examined {
        commit(&dir.join(&e.run), e, new, &to)?;
    }
    drop(locks);
    Ok(examined)
}

fn commit(path: &Path, e: &Examined, new: &Plan, to: &str) -> Result<(), TrainError> {
    let mut history = history(path)?.unwrap_or_else(|| History {
        format: 1,
        origin: e.from.clone(),
        amendments: Vec::new(),
    });
    if e.from != to {
        let amendment = Amendment {
            step: e.done,
            tokens: e.done.saturating_mul(e.step_tokens),
            from: e.from.clone(),
            to: to.to_owned(),
            changes: e.changes.iter().map(|c| line(c, e.step_tokens)).collect(),
        };
        // One that was written down and not made, because the process was killed in between, is written anew.
        history
            .amendments
            .retain(|a| a.from != amendment.from || a.to != amendment.to || a.step != amendment.step);
        history.amendments.push(amendment);
        let mut text = serde_json::to_vec_pretty(&history)?;
        text.push(b'\n');
        write_whole(&path.join(FILE), &text)?;
        // From here on the new plan holds.
        write_whole(&path.join("plan.json"), with_measurements(new, &e.stored).to_json()?.as_bytes())?;
    }
    let recorded = ledger::read(&path.join("ledger.jsonl"))?;
    let mut ledger = Ledger::open(&path.join("ledger.jsonl"))?;
    for amendment in &history.amendments {
        let event = Event::Amendment(amendment.clone());
        if !recorded.iter().any(|line| line.event == event) {
            ledger.append(&event)?;
        }
    }
    ledger.sync()
}

/// A change in one line: `from step 41 (token 10,240) on: run pretrain.stages.second.mix.tales: 30% → 50%`.
pub fn line(change: &Change, step_tokens: u64) -> String {
    match change.from {
        None => format!("no step: {}", change.difference),
        Some(from) => format!(
            "from step {} (token {}) on: {}",
            thousands(from.saturating_add(1)),
            thousands(from.saturating_mul(step_tokens)),
            change.difference
        ),
    }
}
