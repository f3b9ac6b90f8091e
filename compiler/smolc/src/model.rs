//! Finding and loading a trained model.

use crate::exit::Exit;
use crate::failure::Failure;
use smolc_data::Tokenizer;
use smolc_engine::hf::{self, Special};
use smolc_engine::{Backend, Cpu, Engine, EngineError};
use smolc_lower::program::{self, Decay, ProgramOptions};
use smolc_plan::{Model, Plan, Precision, Program, Recompute};
use std::path::{Path, PathBuf};

/// A model in memory, on the CPU unless stated.
pub struct Loaded<B = Cpu> {
    /// Its folder.
    pub dir: PathBuf,
    /// Its shape.
    pub model: Model,
    /// The evaluation program it was loaded into.
    pub program: Program,
    /// The engine that holds the weights.
    pub engine: Engine<B>,
    /// Its tokenizer.
    pub tokenizer: Tokenizer,
    /// Its special tokens.
    pub special: Special,
}

/// A folder whose shape and tokenizer were read, before the weights.
pub struct Folder {
    dir: PathBuf,
    model: Model,
    /// Its special tokens.
    pub special: Special,
    /// Its tokenizer.
    pub tokenizer: Tokenizer,
    /// In what it is meant to be computed: that of the run that trained it, else that of its `config.json`.
    pub precision: Precision,
}

impl Folder {
    /// Opens what `path` names: a model folder, a run's directory, or a spec's directory with one trained run.
    pub fn open(path: &Path) -> Result<Folder, Failure> {
        let dir = find(path)?;
        let config = hf::read_config(&dir).map_err(|e| Failure::of(Exit::Environment, &e))?;
        let tokenizer =
            Tokenizer::load(&dir.join("tokenizer.json")).map_err(|e| Failure::of(Exit::Environment, &e))?;
        let precision = trained_in(&dir).unwrap_or(config.precision);
        Ok(Folder { dir, model: config.model, special: config.special, tokenizer, precision })
    }

    /// Tokens the model's context holds.
    pub fn context(&self) -> u64 {
        self.model.context
    }

    /// Loads the weights for batches of `batch` sequences of `window` tokens.
    pub fn load(self, batch: u64, window: u64, threads: usize) -> Result<Loaded, Failure> {
        self.load_on(batch, window, Precision::F32, |bytes| Cpu::new(bytes, threads))
    }

    /// As [`Folder::load`], in a precision and on the back end that `make` makes with so many bytes of arena.
    pub fn load_on<B: Backend>(
        self,
        batch: u64,
        window: u64,
        precision: Precision,
        make: impl FnOnce(u64) -> Result<B, EngineError>,
    ) -> Result<Loaded<B>, Failure> {
        let options = ProgramOptions {
            batch,
            window,
            head_chunk: precision.head_chunk(),
            decay: Decay::All,
            recompute: Recompute::None,
            training: false,
        };
        let failed = |e: &dyn std::error::Error| {
            let Failure::Because { exit, message, help } = Failure::of(Exit::Environment, e) else {
                return Failure::environment(e.to_string());
            };
            let message =
                if message.contains('/') { message } else { format!("{}: {message}", self.dir.display()) };
            Failure::Because { exit, message, help }
        };
        let (program, parameters) =
            program::build_in(&self.model, &options, precision).map_err(|e| failed(&e))?;
        let backend = make(program.arena_bytes).map_err(|e| failed(&e))?;
        let mut engine =
            Engine::with_backend(backend, &program, &self.model, &parameters).map_err(|e| failed(&e))?;
        hf::load(&self.dir, &mut engine).map_err(|e| failed(&e))?;
        Ok(Loaded {
            dir: self.dir,
            model: self.model,
            program,
            engine,
            tokenizer: self.tokenizer,
            special: self.special,
        })
    }
}

/// The precision of the run whose folder holds this model, if it is one's and its plan can be read.
fn trained_in(dir: &Path) -> Option<Precision> {
    let dir = std::path::absolute(dir).ok()?;
    let folder = dir.parent().filter(|_| dir.file_name().is_some_and(|name| name == "model"))?;
    let plan = Plan::from_json(&std::fs::read(folder.join("plan.json")).ok()?).ok()?;
    let name = folder.file_name()?.to_string_lossy();
    plan.runs.iter().find(|run| run.name == name).map(|run| run.precision)
}

fn find(path: &Path) -> Result<PathBuf, Failure> {
    let is_model = |dir: &Path| dir.join("config.json").is_file();
    if !path.exists() {
        return Err(Failure::environment(format!("`{}` does not exist", path.display()))
            .help("give a model folder, or the directory of a run: `smolc run` says where it is"));
    }
    if path.is_file() {
        return Err(Failure::environment(format!("`{}` is a file, not a model folder", path.display())));
    }
    if is_model(path) {
        return Ok(path.to_path_buf());
    }
    if is_model(&path.join("model")) {
        return Ok(path.join("model"));
    }
    let inner: Vec<PathBuf> = std::fs::read_dir(path)
        .map_err(|e| Failure::environment(format!("cannot read `{}`: {e}", path.display())))?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .collect();
    let mut models: Vec<PathBuf> = inner.iter().map(|p| p.join("model")).filter(|p| is_model(p)).collect();
    models.sort();
    match models.as_slice() {
        [one] => Ok(one.clone()),
        [] => {
            let failure = Failure::environment(format!("there is no trained model in `{}`", path.display()));
            let unfinished =
                path.join("checkpoints").is_dir() || inner.iter().any(|p| p.join("checkpoints").is_dir());
            Err(if unfinished {
                failure.help("its run has not finished; `smolc run` continues it")
            } else {
                failure.help("a model folder holds config.json, model.safetensors and tokenizer.json")
            })
        }
        several => {
            let names: Vec<String> = several.iter().map(|p| p.display().to_string()).collect();
            Err(Failure::usage(format!("`{}` holds {} models; name one", path.display(), several.len()))
                .help(names.join("\n       ")))
        }
    }
}
