//! The loop of one process over one run.

use crate::checkpoint::{self, FORMAT, Found, State};
use crate::directory::RunDirectory;
use crate::error::{Fault, FaultSample, TrainError};
use crate::event::{self, End, Event, Observer, Status};
use crate::ledger::Ledger;
use crate::samples::{Batch, Samples, datasets_of, rows};
use crate::schedule::LearningRate;
use crate::train::{AnyEngine, EngineSpaces};
use smolc_engine::{Micro, hf};
use smolc_plan::{Plan, Run, Stage};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Instant;

/// Why the loop ended without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Every step is done.
    Finished,
    /// Somebody asked.
    Asked,
}

/// A run under way.
pub struct Session<'a> {
    plan: &'a Plan,
    run: &'a Run,
    hash: &'a str,
    lr: LearningRate,
    directory: &'a RunDirectory,
    ledger: Ledger,
    engine: AnyEngine,
    samples: &'a dyn Samples,
    observer: &'a mut dyn Observer,
    /// Updates done.
    step: u64,
    /// Step of the newest checkpoint.
    saved: Option<u64>,
    counts: Vec<u64>,
    recent: Vec<f64>,
    /// Seconds of earlier processes.
    before: f64,
    began: Instant,
    model_written: bool,
}

/// Steps that the final loss is the mean of: a twentieth of the run, between 1 and 100.
pub fn final_loss_steps(steps: u64) -> u64 {
    (steps / 20).clamp(1, 100)
}

impl<'a> Session<'a> {
    #[allow(clippy::too_many_arguments)] // everything a run needs, named once
    pub fn new(
        plan: &'a Plan,
        run: &'a Run,
        hash: &'a str,
        lr: LearningRate,
        directory: &'a RunDirectory,
        ledger: Ledger,
        engine: AnyEngine,
        samples: &'a dyn Samples,
        observer: &'a mut dyn Observer,
        found: Option<Found>,
    ) -> Session<'a> {
        let vocab = usize::try_from(run.model.vocab).unwrap_or(0);
        let (state, counts) = match found {
            Some(found) => (Some(found.state), found.counts),
            None => (None, vec![0; vocab]),
        };
        Session {
            plan,
            run,
            hash,
            lr,
            directory,
            ledger,
            engine,
            samples,
            observer,
            step: state.as_ref().map_or(0, |s| s.step),
            saved: state.as_ref().map(|s| s.step),
            counts,
            before: state.as_ref().map_or(0.0, |s| s.seconds),
            recent: state.map(|s| s.recent_losses).unwrap_or_default(),
            began: Instant::now(),
            model_written: false,
        }
    }

    /// Writes an event to the ledger, then shows it.
    pub fn tell(&mut self, event: Event) -> Result<(), TrainError> {
        self.ledger.append(&event)?;
        self.observer.event(&event);
        Ok(())
    }

    /// Makes the ledger durable.
    pub fn sync(&self) -> Result<(), TrainError> {
        self.ledger.sync()
    }

    /// Runs until the last step, a request to stop, or an error.
    pub fn run(&mut self, stop: &AtomicBool) -> Result<Stopped, TrainError> {
        let (first, last, sequences) = (self.step, self.run.steps, self.run.batch.sequences);
        let samples = self.samples;
        std::thread::scope(|scope| {
            // The next batch is drawn while this one is worked on. Two buffers go round.
            let (full, batches) = mpsc::sync_channel::<Result<Batch, TrainError>>(1);
            let (empty, used) = mpsc::channel::<Batch>();
            std::thread::Builder::new()
                .name("smolc-loader".into())
                .spawn_scoped(scope, move || {
                    for step in first..last {
                        let mut batch = used.try_recv().unwrap_or_default();
                        let n = usize::try_from(sequences).unwrap_or(usize::MAX);
                        let filled = samples.fill(step * sequences, n, &mut batch);
                        let failed = filled.is_err();
                        if full.send(filled.map(|()| batch)).is_err() || failed {
                            return;
                        }
                    }
                })
                .map_err(TrainError::io("start the loader's thread for", self.directory.path()))?;
            while self.step < last {
                if stop.load(Ordering::Relaxed) {
                    self.checkpoint()?;
                    return Ok(Stopped::Asked);
                }
                self.announce_stage()?;
                let begin = Instant::now();
                let Ok(batch) = batches.recv() else {
                    return Err(self.cannot("the loader's thread ended early"));
                };
                let batch = batch?;
                self.one(&batch, begin)?;
                // Nobody waits for the buffer once the loader is done.
                let _ = empty.send(batch);
                self.after_step()?;
            }
            self.checkpoint()?;
            Ok(Stopped::Finished)
        })
    }

    /// What is due after a step: validation, then a checkpoint.
    fn after_step(&mut self) -> Result<(), TrainError> {
        let due = self.run.due(self.step);
        if due.validation {
            self.validate()?;
        }
        if due.checkpoint {
            self.checkpoint()?;
        }
        Ok(())
    }

    fn stage(&self, step: u64) -> Option<&'a Stage> {
        self.run.stages.iter().rev().find(|s| s.first_step <= step)
    }

    fn announce_stage(&mut self) -> Result<(), TrainError> {
        match self.stage(self.step) {
            Some(stage) if stage.first_step == self.step => {
                let name = |i: usize| self.plan.datasets.get(i).map_or_else(String::new, |d| d.name.clone());
                let event = event::Stage {
                    stage: stage.name.clone(),
                    step: self.step,
                    tokens: self.tokens(),
                    steps: stage.steps,
                    mix: stage.mix.iter().map(|m| (name(m.dataset), m.weight.to_f64())).collect(),
                };
                self.tell(Event::Stage(event))
            }
            _ => Ok(()),
        }
    }

    fn tokens(&self) -> u64 {
        self.step.saturating_mul(self.run.batch.tokens())
    }

    /// One optimizer step.
    fn one(&mut self, batch: &Batch, begin: Instant) -> Result<(), TrainError> {
        let lr = self.lr.at(self.step)?;
        let (sequences, micro, window) = self.shape()?;
        let first_sample = self.step * self.run.batch.sequences;
        let targets: f64 = batch.weights.iter().map(|w| f64::from(*w)).sum();
        if targets <= 0.0 {
            return Err(TrainError::NoTargets {
                step: self.step + 1,
                first: first_sample,
                end: first_sample + self.run.batch.sequences,
            });
        }
        self.engine.reset_times();
        for from in (0..sequences).step_by(micro) {
            let part = rows(batch, from, micro, window).ok_or_else(|| self.cannot("a batch is too short"))?;
            self.engine.accumulate(&part, (1.0 / targets) as f32, from == 0)?;
        }
        // The one place where the host waits for the device. Nothing has changed if one of the sums is not finite.
        let sums = self.engine.update(&self.run.optimizer, lr, self.step + 1)?;
        let (loss, grad_norm) = (sums.loss / targets, sums.norm);
        if !loss.is_finite() {
            let suspects = self.suspects(batch, first_sample)?;
            return Err(self.fault(format!("the loss is {loss}"), lr, suspects));
        }
        if !grad_norm.is_finite() {
            return Err(self.fault(format!("the norm of the gradient is {grad_norm}"), lr, Vec::new()));
        }
        for (target, weight) in batch.targets.iter().zip(&batch.weights) {
            if *weight != 0.0
                && let Some(count) = self.counts.get_mut(*target as usize)
            {
                *count += 1;
            }
        }
        let stage = self.stage(self.step).map_or_else(String::new, |s| s.name.clone());
        self.step += 1;
        let keep = final_loss_steps(self.run.steps) as usize;
        self.recent.push(loss);
        self.recent.drain(..self.recent.len().saturating_sub(keep));
        let seconds = begin.elapsed().as_secs_f64();
        let shares = self
            .engine
            .times()
            .iter()
            .map(|(name, spent)| ((*name).to_owned(), (spent.as_secs_f64() / seconds * 1e4).round() / 1e4))
            .filter(|(_, share)| *share > 0.0)
            .collect();
        let event = event::Step {
            step: self.step,
            tokens: self.tokens(),
            loss,
            lr,
            grad_norm,
            tokens_per_second: (self.run.batch.tokens() as f64 / seconds * 10.0).round() / 10.0,
            stage,
            seconds: (seconds * 1e6).round() / 1e6,
            targets,
            shares,
        };
        self.tell(Event::Step(event))
    }

    /// Samples of a batch whose loss is not finite, by evaluating it again: nothing has changed since.
    fn suspects(&mut self, batch: &Batch, first_sample: u64) -> Result<Vec<u64>, TrainError> {
        let (sequences, micro, window) = self.shape()?;
        let mut suspects = Vec::new();
        for from in (0..sequences).step_by(micro) {
            let part: Micro<'_> =
                rows(batch, from, micro, window).ok_or_else(|| self.cannot("a batch is too short"))?;
            if self.engine.evaluate(&part)?.is_finite() {
                continue;
            }
            let nll = self.engine.read_nll()?;
            let bad =
                nll.chunks(window).enumerate().filter(|(_, row)| row.iter().any(|nll| !nll.is_finite()));
            suspects.extend(bad.map(|(row, _)| first_sample + (from + row) as u64));
        }
        Ok(suspects)
    }

    fn shape(&self) -> Result<(usize, usize, usize), TrainError> {
        let b = &self.run.batch;
        let small =
            |n: u64| usize::try_from(n).map_err(|_| self.cannot("its batch exceeds the address space"));
        Ok((small(b.sequences)?, small(b.micro)?, small(b.window)?))
    }

    fn cannot(&self, reason: &str) -> TrainError {
        TrainError::Plan { run: self.run.name.clone(), reason: reason.into() }
    }

    /// The typed error of a step that failed, after a checkpoint of the state before it.
    fn fault(&mut self, what: String, lr: f64, suspects: Vec<u64>) -> TrainError {
        if let Err(error) = self.checkpoint() {
            return error;
        }
        let first = self.step * self.run.batch.sequences;
        let end = first + self.run.batch.sequences;
        let name = |i: usize| self.plan.datasets.get(i).map_or_else(String::new, |d| d.name.clone());
        let (before, after) = (self.samples.counts(first), self.samples.counts(end));
        let mix = before.iter().zip(&after).enumerate().filter(|(_, (a, b))| b > a);
        TrainError::Fault(Box::new(Fault {
            step: self.step + 1,
            stage: self.stage(self.step).map_or_else(String::new, |s| s.name.clone()),
            what,
            lr,
            samples: (first, end),
            mix: mix.map(|(i, (a, b))| (name(i), b - a)).collect(),
            suspects: suspects
                .into_iter()
                .map(|index| FaultSample { index, dataset: name(self.samples.dataset(index)) })
                .collect(),
            checkpoint: checkpoint::path(&self.directory.checkpoints(), self.step),
        }))
    }

    /// Evaluates every dataset that has a validation split: always the same windows.
    fn validate(&mut self) -> Result<(), TrainError> {
        let (_, micro, window) = self.shape()?;
        let mut batch = Batch::default();
        for dataset in datasets_of(self.run) {
            let windows = self.samples.validation_windows(dataset, self.run.validation.tokens);
            if windows == 0 {
                continue;
            }
            let begin = Instant::now();
            let (mut sum, mut targets) = (0.0f64, 0.0f64);
            for from in (0..windows).step_by(micro) {
                self.samples.fill_validation(dataset, windows, from, micro, &mut batch)?;
                let part =
                    rows(&batch, 0, micro, window).ok_or_else(|| self.cannot("a batch is too short"))?;
                targets += part.weights.iter().map(|w| f64::from(*w)).sum::<f64>();
                sum += self.engine.evaluate(&part)?;
            }
            if targets <= 0.0 {
                continue;
            }
            let event = event::Validation {
                dataset: self.plan.datasets.get(dataset).map_or_else(String::new, |d| d.name.clone()),
                loss: sum / targets,
                step: self.step,
                tokens: self.tokens(),
                targets,
                windows,
                seconds: (begin.elapsed().as_secs_f64() * 1e6).round() / 1e6,
            };
            self.tell(Event::Validation(event))?;
        }
        Ok(())
    }

    /// Writes the checkpoint of this step, unless it is there.
    fn checkpoint(&mut self) -> Result<(), TrainError> {
        if self.saved == Some(self.step) {
            return Ok(());
        }
        let begin = Instant::now();
        // The checkpoint relies on the ledger up to here.
        self.ledger.sync()?;
        let state = State {
            format: FORMAT,
            plan: self.hash.to_owned(),
            step: self.step,
            next_sample: self.step * self.run.batch.sequences,
            ledger_bytes: self.ledger.bytes(),
            seconds: self.seconds(),
            recent_losses: self.recent.clone(),
        };
        let spaces = EngineSpaces(&self.engine);
        let written = checkpoint::write(&self.directory.checkpoints(), &state, &spaces, &self.counts)?;
        self.saved = Some(self.step);
        checkpoint::prune(&self.directory.checkpoints(), self.run.checkpoints.keep)?;
        let path = written.path.strip_prefix(self.directory.path()).unwrap_or(&written.path).to_owned();
        let event = event::Checkpoint {
            step: self.step,
            tokens: self.tokens(),
            path,
            bytes: written.bytes,
            seconds: (begin.elapsed().as_secs_f64() * 1e6).round() / 1e6,
        };
        self.tell(Event::Checkpoint(event))
    }

    /// Writes `model/` in Hugging Face form.
    pub fn save_model(&mut self, tokenizer: Option<&Path>, special: &hf::Special) -> Result<(), TrainError> {
        hf::save(&self.directory.model(), &self.run.model, &self.engine, tokenizer, special)?;
        self.model_written = true;
        Ok(())
    }

    fn seconds(&self) -> f64 {
        self.before + self.began.elapsed().as_secs_f64()
    }

    /// The end as it stands now.
    pub fn end(&self, status: Status, reason: Option<String>) -> End {
        let n = self.recent.len();
        End {
            status,
            step: self.step,
            tokens: self.tokens(),
            unigram_entropy: (self.step > 0).then(|| smolc_data::entropy(&self.counts)),
            final_loss: (n > 0).then(|| self.recent.iter().sum::<f64>() / n as f64),
            final_loss_steps: n as u64,
            seconds: (self.seconds() * 1e3).round() / 1e3,
            model: self.model_written.then(crate::train::model_path),
            reason,
        }
    }
}
