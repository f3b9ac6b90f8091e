//! Reading a plan from bytes nobody vouches for.
//!
//! Everything downstream indexes by what a plan says, so a plan that reads is a plan whose indices are in range, whose
//! stages tile their run, whose weights sum to exactly 1, and whose tensors lie inside its arena without overlapping
//! where they must not. Expressions are verified where they are bound.

use crate::program::{Op, Program, Slot, Space, Statement};
use crate::{Classifier, PLAN_VERSION, Plan, Protocol, Ratio, Run, SignalKind, Step};
use smolc_expr::row::Need;
use std::collections::HashSet;
use std::sync::Arc;
use thiserror::Error;

/// Why bytes are not a plan.
#[derive(Debug, Error)]
pub enum PlanError {
    /// Not JSON, or not of the plan's shape.
    #[error("not a plan: {0}")]
    Json(#[from] serde_json::Error),
    /// Another version of the format.
    #[error("the plan has format version {found}; this build reads version {PLAN_VERSION}")]
    Version {
        /// Version in the file.
        found: u64,
    },
    /// Well formed, but its parts contradict each other.
    #[error("the plan contradicts itself: {0}")]
    Inconsistent(String),
}

impl Plan {
    /// Reads and validates a plan.
    pub fn from_json(bytes: &[u8]) -> Result<Plan, PlanError> {
        // The version first: a newer format must be named as such, not reported as an unknown field.
        let value: serde_json::Value = serde_json::from_slice(bytes)?;
        match value.get("version").and_then(serde_json::Value::as_u64) {
            Some(v) if v == u64::from(PLAN_VERSION) => {}
            Some(found) => return Err(PlanError::Version { found }),
            None => return Err(PlanError::Inconsistent("it has no `version`".into())),
        }
        let plan: Plan = serde_json::from_value(value)?;
        plan.validate()?;
        Ok(plan)
    }

    /// The plan as indented JSON, one trailing newline.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(text)
    }

    /// Checks everything the runtime relies on.
    pub fn validate(&self) -> Result<(), PlanError> {
        let mut names = HashSet::new();
        let mut programs: Vec<&Run> = Vec::new();
        for (index, run) in self.runs.iter().enumerate() {
            let bad = |e| PlanError::Inconsistent(format!("run `{}`: {e}", run.name));
            if !names.insert(run.name.as_str()) {
                return Err(bad("another run has its name".to_string()));
            }
            self.validate_run(run).map_err(bad)?;
            if !programs.iter().any(|other| share_program(run, other)) {
                validate_program(&run.program, run.model.layers).map_err(bad)?;
                validate_parameters(run).map_err(bad)?;
                programs.push(run);
            }
            self.validate_relations(index, run).map_err(bad)?;
        }
        self.validate_data().map_err(PlanError::Inconsistent)
    }

    /// Indices of what a run refers to outside of itself.
    fn validate_relations(&self, index: usize, run: &Run) -> Result<(), String> {
        if let Some(parent) = &run.parent {
            let before = self.runs.get(parent.run).filter(|_| parent.run < index);
            let Some(before) = before else {
                return Err(format!("it begins from run {}, which does not stand before it", parent.run));
            };
            if parent.step > before.steps {
                return Err(format!("it begins at step {} of {}", parent.step, before.steps));
            }
        }
        let count = self.evaluations.len();
        let events = run.evaluations.iter().flat_map(|e| &e.evaluations);
        let signals = run.stages.iter().filter_map(|s| s.until.as_ref()).flat_map(|g| &g.signals);
        let read = signals.filter_map(|s| match &s.of {
            SignalKind::Score { evaluation } | SignalKind::Plateau { evaluation, .. } => Some(evaluation),
            SignalKind::Loss | SignalKind::LossMean { .. } | SignalKind::GradientNorm => None,
        });
        match events.chain(read).find(|e| **e >= count) {
            Some(e) => Err(format!("evaluation {e} of {count}")),
            None => Ok(()),
        }
    }

    fn validate_data(&self) -> Result<(), String> {
        let sets = self.datasets.len();
        for (index, classifier) in self.classifiers.iter().enumerate() {
            if classifier.train >= sets {
                return Err(format!(
                    "classifier `{}` learns from dataset {}",
                    classifier.name, classifier.train
                ));
            }
            let features = 1..=Classifier::MAX_BUCKETS;
            let length = 1..=Classifier::MAX_NGRAMS;
            if !features.contains(&classifier.buckets) || !length.contains(&classifier.ngrams) {
                return Err(format!(
                    "classifier `{}` has {} features of up to {} words",
                    classifier.name, classifier.buckets, classifier.ngrams
                ));
            }
            // What a classifier learns from is filtered by those that stand before it, so that none waits for itself.
            let train = self.datasets.get(classifier.train).map_or(&[][..], |d| &d.steps);
            let later = self.classifiers.iter().skip(index).find(|c| asks(train, &c.name));
            if let Some(later) = later {
                let name = &classifier.name;
                return Err(format!(
                    "classifier `{name}` learns from what classifier `{}` filters, which does not stand before it",
                    later.name
                ));
            }
        }
        for evaluation in &self.evaluations {
            if let Protocol::Perplexity { dataset, .. } = &evaluation.protocol
                && *dataset >= sets
            {
                return Err(format!("evaluation `{}` reads dataset {dataset}", evaluation.name));
            }
        }
        for dataset in &self.datasets {
            for step in &dataset.steps {
                let (filter, yields) = match step {
                    Step::Where { filter } => (filter, Need::Truth),
                    Step::Thin { filter, .. } => (filter, Need::Number),
                    Step::Dedup { .. } | Step::Decontaminate { .. } | Step::Sample { .. } => continue,
                };
                filter.needs(yields).map_err(|e| format!("a filter of dataset `{}`: {e}", dataset.name))?;
                for score in &filter.scores {
                    if !self.classifiers.iter().any(|c| c.name == score.classifier) {
                        let name = &score.classifier;
                        return Err(format!("dataset `{}` asks classifier `{name}`", dataset.name));
                    }
                }
            }
        }
        for sweep in &self.sweeps {
            let runs = sweep.values.iter().flat_map(|v| &v.runs).all(|r| *r < self.runs.len());
            if !runs || sweep.compare.iter().any(|e| *e >= self.evaluations.len()) {
                return Err(format!("sweep `{}` names what is not there", sweep.name));
            }
        }
        Ok(())
    }

    fn validate_run(&self, run: &Run) -> Result<(), String> {
        let b = &run.batch;
        if run.tokenizer >= self.tokenizers.len() {
            return Err(format!("tokenizer {} of {}", run.tokenizer, self.tokenizers.len()));
        }
        if b.micro == 0 || b.window == 0 || b.sequences == 0 || !b.sequences.is_multiple_of(b.micro) {
            return Err(format!("{} sequences do not divide into micro-batches of {}", b.sequences, b.micro));
        }
        if b.sequences.checked_mul(b.window).and_then(|t| t.checked_mul(run.steps)).is_none() {
            return Err("its number of tokens exceeds 2^64".into());
        }
        if (run.program.batch, run.program.window) != (b.micro, b.window) {
            return Err("its step program has another batch shape".into());
        }
        let mut next = 0u64;
        for stage in &run.stages {
            if stage.first_step != next || stage.steps == 0 {
                return Err(format!("stage `{}` does not begin where the one before it ends", stage.name));
            }
            next = next.checked_add(stage.steps).ok_or("its steps exceed 2^64")?;
            let mut sum = Ratio::ZERO;
            let mut seen = HashSet::new();
            for entry in &stage.mix {
                if entry.dataset >= self.datasets.len()
                    || !seen.insert(entry.dataset)
                    || entry.weight.is_zero()
                {
                    return Err(format!(
                        "stage `{}` has a bad entry for dataset {}",
                        stage.name, entry.dataset
                    ));
                }
                sum = sum.checked_add(entry.weight).ok_or("a mixture's weights overflow")?;
            }
            if sum != Ratio::ONE {
                return Err(format!("the weights of stage `{}` sum to {sum}", stage.name));
            }
        }
        if next != run.steps {
            return Err(format!("its stages have {next} steps, the run {}", run.steps));
        }
        Ok(())
    }
}

/// Whether what holds of the program and the parameters of one run holds of the other's.
fn share_program(a: &Run, b: &Run) -> bool {
    Arc::ptr_eq(&a.program, &b.program)
        && Arc::ptr_eq(&a.parameters, &b.parameters)
        && a.model.layers == b.model.layers
}

fn validate_parameters(run: &Run) -> Result<(), String> {
    for parameter in run.parameters.iter() {
        let tensor = run
            .program
            .tensors
            .get(parameter.tensor.0 as usize)
            .filter(|t| t.space == Space::Parameter)
            .ok_or_else(|| format!("parameter `{}` names no parameter tensor", parameter.name))?;
        let (rows, width) = (tensor.shape.first().copied().unwrap_or(1), elements(tensor.shape.get(1..))?);
        let own = (parameter.shape.first().copied().unwrap_or(1), elements(parameter.shape.get(1..))?);
        let end = parameter.row.checked_add(own.0).ok_or("a row number overflows")?;
        if own.1 != width || end > rows || parameter.layer.unwrap_or(0) >= tensor.slots {
            return Err(format!("parameter `{}` does not fit into `{}`", parameter.name, tensor.name));
        }
    }
    Ok(())
}

/// Whether some filter of a pipeline asks a classifier.
fn asks(steps: &[Step], classifier: &str) -> bool {
    steps.iter().any(|step| match step {
        Step::Where { filter } | Step::Thin { filter, .. } => {
            filter.scores.iter().any(|score| score.classifier == classifier)
        }
        Step::Dedup { .. } | Step::Decontaminate { .. } | Step::Sample { .. } => false,
    })
}

fn elements(shape: Option<&[u64]>) -> Result<u64, String> {
    shape
        .unwrap_or_default()
        .iter()
        .try_fold(1u64, |n, d| n.checked_mul(*d))
        .ok_or_else(|| "a shape exceeds 2^64 elements".to_string())
}

fn validate_program(program: &Program, layers: u64) -> Result<(), String> {
    let mut names = HashSet::new();
    for tensor in &program.tensors {
        let bytes = elements(Some(&tensor.shape))?
            .checked_mul(tensor.dtype.bytes())
            .ok_or("a tensor exceeds 2^64 bytes")?;
        let span = tensor
            .slots
            .checked_sub(1)
            .and_then(|n| n.checked_mul(tensor.stride))
            .and_then(|n| n.checked_add(bytes))
            .and_then(|n| n.checked_add(tensor.offset));
        if span.is_none_or(|end| end > program.arena_bytes)
            || !tensor.offset.is_multiple_of(4)
            || !tensor.stride.is_multiple_of(4)
        {
            return Err(format!("tensor `{}` does not lie inside the arena", tensor.name));
        }
        if tensor.slots > 1 && tensor.stride < bytes {
            return Err(format!("the slots of tensor `{}` overlap", tensor.name));
        }
        if !names.insert(tensor.name.as_str()) {
            return Err(format!("two tensors are called `{}`", tensor.name));
        }
    }
    for block in [&program.evaluate, &program.forward, &program.backward] {
        for statement in &block.statements {
            match statement {
                Statement::Op(op) => validate_op(program, op, None)?,
                Statement::Repeat { layers: n, body, .. } => {
                    if *n != layers {
                        return Err(format!("a repeat of {n} layers in a model of {layers}"));
                    }
                    body.iter().try_for_each(|op| validate_op(program, op, Some(*n)))?;
                }
            }
        }
    }
    Ok(())
}

fn validate_op(program: &Program, op: &Op, layers: Option<u64>) -> Result<(), String> {
    for r in op.refs() {
        let tensor = program
            .tensors
            .get(r.tensor.0 as usize)
            .ok_or_else(|| format!("an operator names tensor {} of {}", r.tensor.0, program.tensors.len()))?;
        let last = match (r.slot, layers) {
            (Slot::At(n), _) => n,
            (Slot::Layer, Some(n)) => n.saturating_sub(1),
            (Slot::NextLayer, Some(n)) => n,
            (Slot::Layer | Slot::NextLayer, None) => return Err(format!("`{}` needs a layer", tensor.name)),
        };
        // A tensor of one slot may be named by `Layer`: every layer then uses the same bytes.
        if last >= tensor.slots && !(tensor.slots == 1 && r.slot != Slot::At(last)) {
            return Err(format!("slot {last} of `{}`, which has {}", tensor.name, tensor.slots));
        }
    }
    Ok(())
}
