//! From which step on two plans of one run differ.
//!
//! [`Plan::diff`] says what differs in the terms of the spec; here each difference gets the first step that it touches. A
//! run that has made `n` updates may go on under the new plan exactly when nothing touches a step below `n`: whoever
//! began anew under the new plan would then compute the same `n` updates, bit for bit.
//!
//! What touches which step is decided conservatively: a field that is not known to act later acts from the first step on.

use crate::{Difference, MixEntry, Plan, Run, Stage};
use smolc_expr::{Evaluator, ExprError};
use thiserror::Error;

/// A difference and where it begins to matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// First step (0-based) that differs; `None` for what changes no step: when checkpoints are written, how a file is
    /// called.
    pub from: Option<u64>,
    /// What differs.
    pub difference: Difference,
}

/// Why two plans cannot be compared step by step.
#[derive(Debug, Error)]
pub enum PastError {
    /// A plan that JSON cannot say.
    #[error("the plan cannot be compared: {0}")]
    Json(#[from] serde_json::Error),
    /// A schedule that does not evaluate.
    #[error("the learning rate cannot be evaluated: {0}")]
    Schedule(#[from] ExprError),
}

impl Plan {
    /// What differs for run `name` from `self` (the old plan) to `new`, with the first step each difference touches.
    /// Differences of other runs, and of what this run does not use, are left out. Empty when neither plan has the run.
    pub fn changes(&self, new: &Plan, name: &str) -> Result<Vec<Change>, PastError> {
        let find = |plan: &Plan| plan.runs.iter().position(|r| r.name == name);
        let (a, b) = match (find(self), find(new)) {
            (Some(a), Some(b)) => (a, b),
            (None, None) => return Ok(Vec::new()),
            (a, _) => {
                let (old, new) =
                    if a.is_some() { (Some(String::new()), None) } else { (None, Some(String::new())) };
                let difference = Difference { path: format!("run {name}"), old, new };
                return Ok(vec![Change { from: Some(0), difference }]);
            }
        };
        let (Some(old_run), Some(new_run)) = (self.runs.get(a), new.runs.get(b)) else {
            return Ok(Vec::new());
        };
        let pair = Pair { old: self, new, a: old_run, b: new_run };
        let mut changes = Vec::new();
        for difference in self.diff(new)? {
            if let Some(from) = pair.touches(&difference.path)? {
                changes.push(Change { from, difference });
            }
        }
        Ok(changes)
    }
}

struct Pair<'a> {
    old: &'a Plan,
    new: &'a Plan,
    a: &'a Run,
    b: &'a Run,
}

impl Pair<'_> {
    /// `None`: the difference has nothing to do with this run. `Some(None)`: it touches no step.
    fn touches(&self, path: &str) -> Result<Option<Option<u64>>, PastError> {
        if let Some(rest) = path.strip_prefix("run ") {
            let Some(field) = rest.strip_prefix(self.a.name.as_str()) else { return Ok(None) };
            return match field.strip_prefix('.') {
                Some(field) => self.field(field).map(Some),
                // Another run whose name begins alike.
                None if !field.is_empty() => Ok(None),
                None => Ok(Some(Some(0))),
            };
        }
        if let Some(rest) = path.strip_prefix("dataset ") {
            return Ok(self.dataset(rest));
        }
        if let Some(rest) = path.strip_prefix("tokenizer ") {
            let own = [(self.old, self.a), (self.new, self.b)]
                .iter()
                .filter_map(|(plan, run)| plan.tokenizers.get(run.tokenizer))
                .any(|t| named(rest, &t.name));
            return Ok(own.then_some(Some(0)));
        }
        Ok(match path {
            // Names of files and places in lists: nothing is computed from them.
            "spec" | "order of tokenizers" | "order of datasets" | "order of runs" => Some(None),
            _ => Some(Some(0)),
        })
    }

    fn field(&self, field: &str) -> Result<Option<u64>, PastError> {
        if field == "lr" {
            return self.rate();
        }
        if field == "steps" {
            return Ok(Some(self.a.steps.min(self.b.steps)));
        }
        if field.starts_with("checkpoints") || field.starts_with("validation") {
            return Ok(None);
        }
        if let Some(rest) = field.strip_prefix("stages.") {
            return Ok(self.stage(rest));
        }
        Ok(if field == "order of stages" { self.stages() } else { Some(0) })
    }

    /// First update whose rates differ in a bit; of those that both plans make.
    fn rate(&self) -> Result<Option<u64>, PastError> {
        let bind = |run: &Run| Evaluator::new(&run.lr.expr, &["t", "end"]);
        let (a, b) = (bind(self.a)?, bind(self.b)?);
        let (end_a, end_b) = (self.a.steps as f64, self.b.steps as f64);
        let both = self.a.steps.min(self.b.steps);
        let differs = |t: &u64| {
            let t = *t as f64;
            a.eval(&[t, end_a]).to_bits() != b.eval(&[t, end_b]).to_bits()
        };
        Ok(Some((0..both).find(differs).unwrap_or(both)))
    }

    /// A difference inside of a stage, `NAME.mix.docs`.
    fn stage(&self, rest: &str) -> Option<u64> {
        let find = |run: &'_ Run| -> Option<Stage> {
            run.stages.iter().filter(|s| named(rest, &s.name)).max_by_key(|s| s.name.len()).cloned()
        };
        let (a, b) = match (find(self.a), find(self.b)) {
            (Some(a), Some(b)) => (a, b),
            (Some(one), None) | (None, Some(one)) => return Some(one.first_step),
            (None, None) => return Some(0),
        };
        let field = rest.strip_prefix(a.name.as_str()).unwrap_or("");
        let begin = a.first_step.min(b.first_step);
        match field {
            ".first_step" => Some(begin),
            // What was asked for before it was rounded to steps: only the steps are made.
            ".tokens" if a.steps == b.steps => None,
            ".tokens" | ".steps" => Some((a.first_step + a.steps).min(b.first_step + b.steps).max(begin)),
            // The order in which a mixture is written is no part of the order of data.
            ".mix, exactly" if same_mix((self.old, &a.mix), (self.new, &b.mix)) => None,
            _ => Some(begin),
        }
    }

    /// First step at which the sequences of stages differ.
    fn stages(&self) -> Option<u64> {
        let differs = |(a, b): &(&Stage, &Stage)| a.name != b.name || a.first_step != b.first_step;
        let pairs = || self.a.stages.iter().zip(&self.b.stages);
        pairs()
            .find(differs)
            .map(|(a, b)| a.first_step.min(b.first_step))
            .or_else(|| Some(self.a.steps.min(self.b.steps)))
    }

    /// A difference of a dataset: it matters where the run first draws from it, and from the first step on when a
    /// tokenizer of the run is trained on it. A stated size is for people.
    fn dataset(&self, rest: &str) -> Option<Option<u64>> {
        let mut first: Option<u64> = None;
        let mut name = None;
        for (plan, run) in [(self.old, self.a), (self.new, self.b)] {
            let Some(index) = plan.datasets.iter().position(|d| named(rest, &d.name)) else { continue };
            name = plan.datasets.get(index).map(|d| d.name.as_str());
            let trained = plan.tokenizers.get(run.tokenizer).is_some_and(|t| match &t.source {
                crate::TokenizerSource::Bpe { train, .. } => train.contains(&index),
                crate::TokenizerSource::Hf { .. } => false,
            });
            let drawn =
                run.stages.iter().find(|s| s.mix.iter().any(|m| m.dataset == index)).map(|s| s.first_step);
            let here = if trained { Some(0) } else { drawn };
            first = match (first, here) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
        // Not used by this run at all.
        let first = first?;
        let stated = name.and_then(|n| rest.strip_prefix(n)).is_some_and(|f| f.starts_with(".stated_"));
        Some(if stated { None } else { Some(first) })
    }
}

/// Whether a path below an item, `docs.source.kind`, belongs to the item of that name. Names of imported datasets have
/// points in them, so the name must end where the path ends or goes down.
fn named(rest: &str, name: &str) -> bool {
    rest.strip_prefix(name).is_some_and(|r| r.is_empty() || r.starts_with('.') || r.starts_with(", "))
}

fn same_mix(a: (&Plan, &[MixEntry]), b: (&Plan, &[MixEntry])) -> bool {
    let by_name = |(plan, mix): (&Plan, &[MixEntry])| {
        let mut entries: Vec<(String, crate::Ratio)> = mix
            .iter()
            .map(|m| (plan.datasets.get(m.dataset).map_or_else(String::new, |d| d.name.clone()), m.weight))
            .collect();
        entries.sort();
        entries
    };
    by_name(a) == by_name(b)
}
