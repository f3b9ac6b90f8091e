//! One run, from its directory to its end.

use crate::checkpoint;
use crate::directory::RunDirectory;
use crate::error::TrainError;
use crate::event::{self, End, Event, Observer, Status, Warning};
use crate::ledger::{self, Ledger};
use crate::samples::Samples;
use crate::schedule::LearningRate;
use crate::session::{Session, Stopped};
use smolc_engine::{Backend, Cpu, Engine, EngineError, Stored};
use smolc_plan::{Plan, Run};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// Makes a back end with an arena of so many bytes.
pub type OpenBackend = dyn Fn(u64) -> Result<Box<dyn Backend>, EngineError>;

/// How to train. On one device nothing here changes a bit of the result.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Threads that compute, at least 1.
    pub threads: usize,
    /// Makes the device that computes, with an arena of so many bytes.
    pub backend: &'a OpenBackend,
    /// Set it, from a signal handler say, to stop after the current step with a checkpoint.
    pub stop: &'a AtomicBool,
    /// Tokenizer of the run as a `tokenizer.json`, copied into `model/`. [`train`] finds it by itself.
    pub tokenizer: Option<&'a Path>,
}

/// The CPU with `threads` threads, for [`Options::backend`].
pub fn on_cpu(threads: usize) -> impl Fn(u64) -> Result<Box<dyn Backend>, EngineError> {
    move |bytes| Ok(Box::new(Cpu::new(bytes, threads.max(1))?))
}

/// How training left the run.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// All steps are done; `model/` and `report.html` are written.
    Finished(End),
    /// It had finished before; nothing was done.
    AlreadyFinished(End),
    /// It was asked to stop and did, after a checkpoint.
    Interrupted(End),
}

/// Trains run `index` of `plan` in `dir`/NAME, or goes on where an earlier process stopped. The data must have been
/// [prepared](crate::prepare()).
pub fn train(
    plan: &Plan,
    index: usize,
    dir: &Path,
    options: &Options<'_>,
    observer: &mut dyn Observer,
) -> Result<Outcome, TrainError> {
    let runs = plan.runs.len();
    let run = plan.runs.get(index).ok_or(TrainError::NoRun { run: index, runs })?;
    crate::supported::supported(plan, run)?;
    crate::directory::check(plan, dir)?;
    let corpus = crate::corpus::Corpus::open(plan, index, dir)?;
    let tokenizer = corpus.tokenizer().to_owned();
    let options = Options { tokenizer: Some(options.tokenizer.unwrap_or(&tokenizer)), ..*options };
    train_on(plan, run, dir, &options, &corpus, corpus.special(), observer)
}

/// [`train`] over samples that are already open.
pub fn train_on(
    plan: &Plan,
    run: &Run,
    dir: &Path,
    options: &Options<'_>,
    samples: &dyn Samples,
    special: &smolc_engine::hf::Special,
    observer: &mut dyn Observer,
) -> Result<Outcome, TrainError> {
    let lr = LearningRate::new(&run.lr, run.steps)?;
    let directory = RunDirectory::open(plan, &run.name, dir)?;
    let mut ledger = Ledger::open(&directory.ledger())?;
    if let Some(end) = finished(run, &directory)? {
        if !directory.report().exists() {
            crate::report::write(plan, run, samples, directory.path())?;
        }
        return Ok(Outcome::AlreadyFinished(end));
    }

    let backend = (options.backend)(run.program.arena_bytes)?;
    let mut engine = Engine::with_backend(backend, &run.program, &run.model, &run.parameters)?;
    let device = engine.device();
    let hash = plan.hash()?.to_string();
    let vocab = usize::try_from(run.model.vocab).unwrap_or(usize::MAX);
    // Checkpoints of an amended run carry the name of the plan it began with.
    let origin = crate::amend::origin(directory.path(), &hash)?;
    let resume =
        checkpoint::resume(&directory.checkpoints(), &origin, &mut EngineSpaces(&mut engine), vocab)?;
    let mut events: Vec<Event> = Vec::new();
    let mut warn = |about: &str, message: String| {
        events.push(Event::Warning(Warning { about: about.into(), message }));
    };
    for (name, reason) in &resume.damaged {
        warn(
            "checkpoint",
            format!("checkpoint {name} cannot be used ({reason}); it is set aside as {name}.damaged"),
        );
    }
    if let Some(version) = &directory.other_compiler {
        warn(
            "version",
            format!(
                "the run was started by smolc {version}, this is {}; its bits may differ from here on",
                plan.compiler
            ),
        );
    }
    for (about, message) in samples.warnings() {
        warn(about, message);
    }
    match &resume.found {
        Some(found) => {
            let missing = ledger.rewind(found.state.step, found.state.ledger_bytes)?;
            if missing > 0 {
                warn(
                    "ledger",
                    format!(
                        "ledger.jsonl is {missing} bytes shorter than at the checkpoint: steps are missing from it"
                    ),
                );
            }
        }
        None => {
            engine.initialize(run.seed)?;
            // A process that was killed before its first checkpoint wrote steps that will happen again.
            ledger.rewind(0, 0)?;
        }
    }
    let tokens = run.batch.tokens().saturating_mul(run.steps);
    events.push(Event::Start(event::Start {
        run: run.name.clone(),
        spec: plan.spec.clone(),
        plan: hash.clone(),
        resumed_from: resume.found.as_ref().map(|f| f.state.step),
        steps: run.steps,
        total_tokens: tokens,
        parameters: run.model.parameters().unwrap_or(0),
        arena_bytes: run.program.arena_bytes,
        threads: options.threads.max(1),
        device,
        version: env!("CARGO_PKG_VERSION").into(),
        platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
    }));
    // A ledger that goes on from a checkpoint has them.
    if resume.found.is_none() {
        events.extend(samples.prepared().into_iter().map(Event::Prepared));
    }

    let mut session =
        Session::new(plan, run, &origin, lr, &directory, ledger, engine, samples, observer, resume.found);
    for event in events {
        session.tell(event)?;
    }
    let stopped = session.run(options.stop).and_then(|stopped| {
        if stopped == Stopped::Finished {
            session.save_model(options.tokenizer, special)?;
        }
        Ok(stopped)
    });
    let (status, reason) = match &stopped {
        Ok(Stopped::Finished) => (Status::Finished, None),
        Ok(Stopped::Asked) => (Status::Interrupted, None),
        Err(e @ TrainError::Fault(_)) => (Status::NumericalFault, Some(e.to_string())),
        Err(e) => (Status::Failed, Some(e.to_string())),
    };
    let end = session.end(status, reason);
    match stopped {
        Ok(stopped) => {
            session.tell(Event::End(end.clone()))?;
            session.sync()?;
            crate::report::write(plan, run, samples, directory.path())?;
            Ok(if stopped == Stopped::Finished { Outcome::Finished(end) } else { Outcome::Interrupted(end) })
        }
        Err(error) => {
            // The first error is the one to report, whatever becomes of its traces.
            let _ = session.tell(Event::End(end));
            let _ = crate::report::write(plan, run, samples, directory.path());
            Err(error)
        }
    }
}

/// The end of a run that is complete: its ledger says so, and its last checkpoint and its model are there.
fn finished(run: &Run, directory: &RunDirectory) -> Result<Option<End>, TrainError> {
    let last = ledger::read(&directory.ledger())?.into_iter().rev().find_map(|line| match line.event {
        Event::End(end) => Some(end),
        Event::Start(_)
        | Event::Prepared(_)
        | Event::Step(_)
        | Event::Validation(_)
        | Event::Stage(_)
        | Event::Checkpoint(_)
        | Event::Warning(_)
        | Event::Amendment(_) => None,
    });
    let complete = checkpoint::list(&directory.checkpoints())?.last() == Some(&run.steps)
        && directory.model().join("model.safetensors").exists();
    Ok(last.filter(|end| end.status == Status::Finished && end.step == run.steps && complete))
}

/// Where the model's folder lies inside the run's.
pub(crate) fn model_path() -> PathBuf {
    PathBuf::from("model")
}

/// An engine on any device.
pub(crate) type AnyEngine = Engine<Box<dyn Backend>>;

/// The spaces of an engine, in a checkpoint's order.
pub(crate) struct EngineSpaces<E>(pub E);

fn stored(index: usize) -> Stored {
    match index {
        0 => Stored::Parameters,
        1 => Stored::Moments1,
        _ => Stored::Moments2,
    }
}

impl checkpoint::Spaces for EngineSpaces<&mut AnyEngine> {
    fn values(&self) -> usize {
        self.0.stored_values()
    }

    fn put(&mut self, index: usize, from: usize, values: &[f32]) -> Result<(), String> {
        self.0.write_stored(stored(index), from, values).map_err(|e| e.to_string())
    }
}

impl checkpoint::Source for EngineSpaces<&AnyEngine> {
    fn values(&self) -> usize {
        self.0.stored_values()
    }

    fn read(&self, index: usize, from: usize, out: &mut [f32]) -> std::io::Result<()> {
        self.0.read_stored(stored(index), from, out).map_err(std::io::Error::other)
    }
}
