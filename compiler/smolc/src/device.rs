//! Which device computes, and the libraries and the cache it needs.

use crate::cli::{DeviceChoice, PrecisionChoice};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::number;
use smolc_engine::{Backend, Cuda, EngineError};
use smolc_kernels_cuda::host::{Cubins, CudaError, Device, DeviceInfo, Library, Search};
use smolc_kernels_cuda::launch::{Dtype, attention};
use smolc_lower::program::{self, Decay, ProgramOptions};
use smolc_plan::{Precision, Recompute, Run, smaller_head_chunks};
use std::path::PathBuf;

/// Where NVIDIA's libraries are looked for.
pub fn search() -> Search {
    Search::from_environment(&|name| std::env::var_os(name))
}

/// The folder of compiled kernels and of pinned algorithms: `SMOLC_CACHE`, or `smolc` in the user's cache.
pub fn cache() -> PathBuf {
    let variable = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    variable("SMOLC_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME").map(|p| p.join("smolc")))
        .or_else(|| variable("HOME").map(|p| p.join(".cache/smolc")))
        .unwrap_or_else(|| std::env::temp_dir().join("smolc-cache"))
}

/// The device that a run is to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// The CPU.
    Cpu,
    /// The GPU.
    Cuda(DeviceInfo),
}

/// What was chosen, and why, in words.
pub struct Choice {
    /// The device.
    pub device: Chosen,
    /// One line for people.
    pub why: String,
}

/// Chooses. Asked for `cuda`, whatever keeps a GPU from being used is an error; `auto` takes the CPU then and says why.
pub fn choose(asked: DeviceChoice) -> Result<Choice, Failure> {
    let cpu = |why: String| Ok(Choice { device: Chosen::Cpu, why });
    if asked == DeviceChoice::Cpu {
        return cpu("on the CPU, as asked".into());
    }
    match usable() {
        Ok(info) => {
            let how = if asked == DeviceChoice::Auto { "found usable" } else { "as asked" };
            let why = format!("on {} ({}, {}), {how}", info.name, info.arch(), number::bytes(info.memory));
            Ok(Choice { device: Chosen::Cuda(info), why })
        }
        Err(CudaError::Missing { library: Library::Driver, .. }) if asked == DeviceChoice::Auto => {
            cpu("on the CPU: no NVIDIA driver".into())
        }
        Err(error) if asked == DeviceChoice::Auto => cpu(format!("on the CPU: {error}")),
        Err(error) => Err(Failure::of(Exit::Environment, &error)
            .help("`smolc doctor` says what a GPU needs; --device cpu runs without")),
    }
}

/// The GPU, if everything that a run loads is there.
fn usable() -> Result<DeviceInfo, CudaError> {
    let search = search();
    let info = DeviceInfo::first(&search)?;
    search.load(Library::CublasLt)?;
    Ok(info)
}

/// What `auto` says when the GPU that it took cannot hold or compute a model, and the CPU does it.
pub fn instead(why: &Failure) -> String {
    let Failure::Because { message, .. } = why else { return "on the CPU".into() };
    format!("on the CPU: {message}")
}

/// In what a trained model is computed: as `asked`, else as it was `trained`; the CPU has f32 alone.
pub fn precision(
    asked: Option<PrecisionChoice>,
    trained: Precision,
    choice: &Choice,
) -> Result<Precision, Failure> {
    if choice.device != Chosen::Cpu {
        return Ok(asked.map_or(trained, Precision::from));
    }
    if asked == Some(PrecisionChoice::Bf16) {
        let message = format!("`--precision bf16` needs a GPU, and this would run {}", choice.why);
        return Err(Failure::environment(message)
            .help("leave it out, or write `--precision f32`: the CPU computes in f32"));
    }
    Ok(Precision::F32)
}

/// What failed on a GPU, with what f32 may do about it.
pub fn in_f32(why: Failure, precision: Precision) -> Failure {
    match precision {
        Precision::Bf16 => why.help("`--precision f32` takes other kernels, which do other head sizes"),
        Precision::F32 => why,
    }
}

/// Makes the back end of a run.
pub fn backend(chosen: Chosen, threads: usize) -> impl Fn(u64) -> Result<Box<dyn Backend>, EngineError> {
    move |bytes| match &chosen {
        Chosen::Cpu => Ok(Box::new(smolc_engine::Cpu::new(bytes, threads.max(1))?)),
        Chosen::Cuda(_) => Ok(Box::new(Cuda::open(&search(), &cache(), bytes, threads)?)),
    }
}

/// Refuses a run that the device cannot hold or compute, before anything is prepared.
pub fn check(choice: &Choice, run: &Run) -> Result<(), Failure> {
    let Chosen::Cuda(info) = &choice.device else {
        if run.precision == Precision::F32 {
            return Ok(());
        }
        let message = format!(
            "run `{}` has `precision: {}`, which needs a GPU, and would run {}",
            run.name,
            run.precision.name(),
            choice.why
        );
        return Err(Failure::environment(message).help("leave `precision` out to train in f32 on the CPU"));
    };
    let search = search();
    let free = free_memory(&search).map_err(|e| Failure::of(Exit::Environment, &e))?;
    match shortage(run, free, &format!("{} has {} free", info.name, number::bytes(free))) {
        Some(failure) => Err(failure),
        None => Ok(()),
    }
}

/// Bytes free on the device. Opens a context without kernels and closes it.
fn free_memory(search: &Search) -> Result<u64, CudaError> {
    Device::open_bare(search)?.free_memory()
}

/// What any run needs beside its arena: the workspace of products, small scratch, and what the driver keeps.
const BESIDE: u64 = 256 << 20;

/// What this run needs beside its arena. The sums of dq grow with the micro-batch: in bf16, 4 bytes a token and query column.
fn beside(run: &Run) -> u64 {
    let shape = attention::Shape {
        batch: run.batch.micro as usize,
        window: run.batch.window as usize,
        heads: run.model.heads as usize,
        kv_heads: run.model.kv_heads as usize,
        head_dim: run.model.head_dim as usize,
    };
    match run.precision {
        Precision::Bf16 => {
            BESIDE + attention::backward_scratch(Dtype::Bf16, attention::Path::Hopper, shape) as u64
        }
        Precision::F32 => BESIDE,
    }
}

/// Why the run does not fit into `free` bytes, with the breakdown and what would make it fit.
pub fn shortage(run: &Run, free: u64, has: &str) -> Option<Failure> {
    let (p, beside) = (&run.program, beside(run));
    let needed = p.arena_bytes.saturating_add(beside);
    if needed <= free {
        return None;
    }
    let bytes = number::bytes;
    let mut failure = Failure::environment(format!(
        "run `{}` needs {} of device memory; {has}\n  parameters {}, gradients {}, optimizer {}, activations {}, beside the \
         arena {}",
        run.name,
        bytes(needed),
        bytes(p.parameter_bytes),
        bytes(p.gradient_bytes),
        bytes(p.optimizer_bytes),
        bytes(p.activation_bytes),
        bytes(beside),
    ));
    // The activations and the sums of dq grow with the micro-batch.
    let growing = p.activation_bytes + (beside - BESIDE);
    let fixed = needed - growing;
    let per_sequence = growing / run.batch.micro.max(1);
    let fits = free.checked_sub(fixed).map_or(0, |room| room / per_sequence.max(1));
    let smaller = (1..run.batch.micro).rev().find(|m| *m <= fits && run.batch.sequences.is_multiple_of(*m));
    failure = match smaller {
        Some(micro) => failure.help(format!(
            "write `micro_batch: {}` (it is {}): the activations then take about {}",
            number::count(micro, "sequence", "sequences"),
            run.batch.micro,
            bytes(per_sequence * micro)
        )),
        None if fixed > free => failure.help(format!(
            "parameters, gradients and moments alone take {}; the model is too large for this device",
            bytes(fixed)
        )),
        None => failure.help("one sequence a micro-batch is already too much; make the window shorter"),
    };
    for level in levels_after(run) {
        let Some(arena) = arena_with(run, level, head_chunk(run)) else { break };
        if arena.saturating_add(beside) <= free {
            failure = failure.help(format!(
                "with `recompute: {}` in the run's target it takes {} and gives the same bits",
                level.name(),
                bytes(arena.saturating_add(beside)),
            ));
            break;
        }
    }
    for chunk in smaller_head_chunks(head_chunk(run)) {
        let level = run.target.as_ref().map_or(Recompute::None, |t| t.recompute);
        let Some(arena) = arena_with(run, level, chunk) else { break };
        if arena.saturating_add(beside) <= free {
            failure = failure.help(format!(
                "with `head_chunk: {}` in the run's target it takes {}",
                number::count(chunk, "token", "tokens"),
                bytes(arena.saturating_add(beside)),
            ));
            break;
        }
    }
    if run.precision == Precision::F32 {
        failure = failure.help("`precision: bf16` halves the activations");
    }
    Some(failure)
}

/// What keeps less than the run does, from the most to the least.
fn levels_after(run: &Run) -> impl Iterator<Item = Recompute> {
    let level = run.target.as_ref().map_or(Recompute::None, |t| t.recompute);
    Recompute::ALL.into_iter().skip_while(move |l| *l != level).skip(1)
}

/// Tokens whose logits the run has at one time.
fn head_chunk(run: &Run) -> u64 {
    run.target.as_ref().map_or(run.precision.head_chunk(), |t| t.head_chunk)
}

/// The arena of the run if it recomputed that much and had the logits of so many tokens.
fn arena_with(run: &Run, recompute: Recompute, head_chunk: u64) -> Option<u64> {
    let options = ProgramOptions {
        batch: run.batch.micro,
        window: run.batch.window,
        head_chunk,
        decay: Decay::All,
        recompute,
        training: true,
    };
    program::build_in(&run.model, &options, run.precision).ok().map(|(program, _)| program.arena_bytes)
}

/// The way to compiled kernels.
pub fn cubins() -> Cubins {
    Cubins::new(&cache(), &search())
}
