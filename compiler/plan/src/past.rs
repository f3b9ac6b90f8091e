//! From which step on two plans of one run differ.
//!
//! [`Plan::diff`] says what differs in the terms of the spec; here each difference gets the first step that it touches. A
//! run that has made `n` updates may go on under the new plan exactly when nothing touches a step below `n`: whoever
//! began anew under the new plan would then compute the same `n` updates, bit for bit.
//!
//! What touches which step is decided conservatively: a field that is not known to act later acts from the first step on.

use crate::diff::thousands;
use crate::{Difference, MixEntry, Plan, Run, SignalKind, Stage, Step};
use smolc_expr::{Evaluator, Expr, ExprError};
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
        if let Some(change) = pair.beginning()? {
            changes.push(change);
        }
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
        if let Some(rest) = path.strip_prefix("eval ") {
            let asks = |plan: &Plan, run: &Run| {
                let asked = run.evaluations.iter().flat_map(|e| &e.evaluations);
                asked.filter_map(|i| plan.evaluations.get(*i)).any(|e| named(rest, &e.name))
            };
            return Ok((asks(self.old, self.a) || asks(self.new, self.b)).then(|| self.scores()));
        }
        if let Some(rest) = path.strip_prefix("classifier ") {
            return Ok(self.classifier(rest));
        }
        if path.starts_with("sweep ") {
            // How runs came to be; they are there themselves.
            return Ok(None);
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
        if field == "optimizer.weight_decay" || field == "optimizer.weight_decay, exactly" {
            return self.decay();
        }
        // When something is written or evaluated, and on what it is meant to run: no step is made otherwise.
        if ["checkpoints", "validation", "target"].iter().any(|f| named(field, f)) {
            return Ok(None);
        }
        if named(field, "eval") {
            return Ok(self.scores());
        }
        if let Some(rest) = field.strip_prefix("stages.") {
            return Ok(self.stage(rest));
        }
        Ok(if field == "order of stages" { self.stages() } else { Some(0) })
    }

    /// A run that begins from another one is another run when that one is, before the place where it begins.
    fn beginning(&self) -> Result<Option<Change>, PastError> {
        let (Some(a), Some(b)) = (&self.a.parent, &self.b.parent) else { return Ok(None) };
        let (Some(old), Some(new)) = (self.old.runs.get(a.run), self.new.runs.get(b.run)) else {
            return Ok(None);
        };
        // Another parent, or another step of it, is a difference of its own.
        if old.name != new.name || a.step != b.step {
            return Ok(None);
        }
        let first = self.old.changes(self.new, &old.name)?.iter().filter_map(|c| c.from).min();
        let Some(step) = first.filter(|step| *step < a.step) else { return Ok(None) };
        let difference = Difference {
            path: format!("run {}.parent", self.a.name),
            old: Some(old.name.clone()),
            new: Some(format!("{}, which differs from step {} on", old.name, thousands(step + 1))),
        };
        Ok(Some(Change { from: Some(0), difference }))
    }

    /// First stage that ends by a score; scores are for people otherwise.
    fn scores(&self) -> Option<u64> {
        let by_score = |s: &&Stage| {
            s.until.iter().flat_map(|g| &g.signals).any(|s| match s.of {
                SignalKind::Score { .. } | SignalKind::Plateau { .. } => true,
                SignalKind::Loss | SignalKind::LossMean { .. } | SignalKind::GradientNorm => false,
            })
        };
        let stages = self.a.stages.iter().chain(&self.b.stages);
        stages.filter(by_score).map(|s| s.first_step).min()
    }

    /// A classifier matters from the first step that draws from a dataset it filters.
    fn classifier(&self, rest: &str) -> Option<Option<u64>> {
        let mut first: Option<u64> = None;
        for (plan, run) in [(self.old, self.a), (self.new, self.b)] {
            for (index, dataset) in plan.datasets.iter().enumerate() {
                let asks = dataset.steps.iter().any(|step| match step {
                    Step::Where { filter } | Step::Thin { filter, .. } => {
                        filter.scores.iter().any(|score| named(rest, &score.classifier))
                    }
                    Step::Dedup { .. } | Step::Decontaminate { .. } | Step::Sample { .. } => false,
                });
                let drawn = run.stages.iter().find(|s| s.mix.iter().any(|m| m.dataset == index));
                if let Some(stage) = drawn.filter(|_| asks) {
                    first = Some(first.map_or(stage.first_step, |f| f.min(stage.first_step)));
                }
            }
        }
        first.map(Some)
    }

    /// First update whose rates differ in a bit; of those that both plans make.
    fn rate(&self) -> Result<Option<u64>, PastError> {
        self.bits(&self.a.lr.expr, &self.b.lr.expr)
    }

    /// The same of the weight decay, a number or a schedule.
    fn decay(&self) -> Result<Option<u64>, PastError> {
        let of = |run: &Run| {
            run.weight_decay.as_ref().map_or(Expr::Const(run.optimizer.weight_decay), |s| s.expr.clone())
        };
        self.bits(&of(self.a), &of(self.b))
    }

    fn bits(&self, a: &Expr, b: &Expr) -> Result<Option<u64>, PastError> {
        let (a, b) = (Evaluator::new(a, &["t", "end"])?, Evaluator::new(b, &["t", "end"])?);
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
            // Before the least number of steps a guard is not asked.
            ".until" | ".until, exactly" => {
                let least = [&a, &b].iter().filter_map(|s| s.until.as_ref()).map(|g| g.least_steps).min();
                Some(begin + least.unwrap_or(0))
            }
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
    /// tokenizer of the run is trained on it. A stated size and a limit are for people.
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
        let stated = name
            .and_then(|n| rest.strip_prefix(n))
            .is_some_and(|f| f.starts_with(".stated_") || f == ".limit");
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
