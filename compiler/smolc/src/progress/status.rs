//! Where a run stands, kept up to date from its events; what both displays show.

use smolc_train::event::{Stage, Start, Step, Validation};
use std::collections::VecDeque;
use std::time::Duration;

/// Steps over which loss, speed and shares are averaged.
const WINDOW: usize = 20;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Status {
    pub run: String,
    pub steps: u64,
    pub total_tokens: u64,
    pub stages: Vec<String>,
    pub stage: String,
    pub last: Option<Step>,
    pub checkpoint: Option<u64>,
    recent: VecDeque<Step>,
    /// Wall time between the ends of steps, validation and checkpoints included.
    laps: VecDeque<(u64, Duration)>,
}

impl Status {
    /// For a run with the given stages.
    pub fn new(run: &smolc_plan::Run) -> Status {
        Status {
            run: run.name.clone(),
            steps: run.steps,
            total_tokens: run.steps.saturating_mul(run.batch.tokens()),
            stages: run.stages.iter().map(|s| s.name.clone()).collect(),
            stage: run.stages.first().map(|s| s.name.clone()).unwrap_or_default(),
            ..Status::default()
        }
    }

    pub fn start(&mut self, start: &Start) {
        self.steps = start.steps;
        self.total_tokens = start.total_tokens;
    }

    pub fn stage(&mut self, stage: &Stage) {
        self.stage.clone_from(&stage.stage);
    }

    pub fn step(&mut self, step: &Step, elapsed: Duration) {
        self.stage.clone_from(&step.stage);
        push(&mut self.recent, step.clone(), WINDOW);
        // Long enough to hold several validations.
        push(&mut self.laps, (step.step, elapsed), 20 * WINDOW);
        self.last = Some(step.clone());
    }

    pub fn steps_done(&self) -> u64 {
        self.last.as_ref().map_or(0, |s| s.step)
    }

    pub fn share(&self) -> f64 {
        self.steps_done() as f64 / self.steps.max(1) as f64
    }

    /// `2 of 3`, and the name.
    pub fn stage_number(&self) -> (usize, usize) {
        (self.stages.iter().position(|s| *s == self.stage).map_or(1, |i| i + 1), self.stages.len())
    }

    /// Mean training loss of the last steps.
    pub fn mean_loss(&self) -> Option<f64> {
        mean(self.recent.iter().map(|s| s.loss))
    }

    /// Tokens per second over the last steps: their tokens over their time.
    pub fn tokens_per_second(&self) -> Option<f64> {
        let seconds: f64 = self.recent.iter().map(|s| s.seconds).sum();
        let tokens: f64 = self.recent.iter().map(|s| s.tokens_per_second * s.seconds).sum();
        (seconds > 0.0).then(|| tokens / seconds)
    }

    /// Time left at the pace of late, validation and checkpoints included; `None` at the beginning and at the end.
    pub fn left(&self) -> Option<Duration> {
        let ((from, then), (to, now)) = (self.laps.front()?, self.laps.back()?);
        let done = to.checked_sub(*from).filter(|n| *n > 0)?;
        let pace = now.checked_sub(*then)?.as_secs_f64() / done as f64;
        let left = self.steps.checked_sub(*to).filter(|n| *n > 0)?;
        Duration::try_from_secs_f64(pace * left as f64).ok()
    }

    /// Share of the step in each kind of operator over the last steps, forward and backward together, largest first.
    pub fn shares(&self) -> Vec<(String, f64)> {
        let mut sums: Vec<(String, f64)> = Vec::new();
        for (kind, share) in self.recent.iter().flat_map(|s| &s.shares) {
            let name = family(kind);
            match sums.iter_mut().find(|(n, _)| n == name) {
                Some((_, sum)) => *sum += share,
                None => sums.push((name.to_string(), *share)),
            }
        }
        let n = self.recent.len().max(1) as f64;
        for (_, sum) in &mut sums {
            *sum /= n;
        }
        sums.sort_by(|a, b| b.1.total_cmp(&a.1));
        sums
    }
}

/// What a person would call an operator and its gradient.
fn family(kind: &str) -> &str {
    match kind {
        "head_cross_entropy" => "head",
        "embed" | "embed_backward" => "embedding",
        "rms_norm" | "rms_norm_backward" => "norm",
        "grad_norm" | "adamw" => "optimizer",
        "zero" | "inputs" => "host",
        other => other.strip_suffix("_backward").unwrap_or(other),
    }
}

/// `docs 5.321`.
pub(super) fn validation(v: &Validation) -> String {
    format!("{} {:.4} (perplexity {:.1})", v.dataset, v.loss, v.loss.exp())
}

fn push<T>(queue: &mut VecDeque<T>, item: T, most: usize) {
    queue.push_back(item);
    while queue.len() > most {
        queue.pop_front();
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (n, sum) = values.fold((0u64, 0.0), |(n, sum), v| (n + 1, sum + v));
    (n > 0).then(|| sum / n as f64)
}
