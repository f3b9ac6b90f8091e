//! `smolc gpu-bench`, hidden: what the scripts of `tests/gpu` run on a machine with a GPU. Writes CSV.

mod adamw;
mod attention;
mod conformance;
mod decode;
mod parity;
mod shapes;
mod train;
mod verify;
mod verify_decode;

use crate::cli::{GpuBenchArgs, GpuBenchCommand};
use crate::device;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Console;
use smolc_engine::{Cuda, Engine};
use smolc_lower::program::{self, Decay, ProgramOptions};
use smolc_plan::{Model, Parameter, Precision, Program, Recompute};

/// Dispatches.
pub fn execute(args: &GpuBenchArgs, console: &Console) -> Result<Exit, Failure> {
    match &args.command {
        GpuBenchCommand::Verify(args) => verify::execute(args, console),
        GpuBenchCommand::Parity(args) => parity::execute(args, console),
        GpuBenchCommand::Train(args) => train::execute(args, console),
        GpuBenchCommand::Attention(args) => attention::execute(args, console),
        GpuBenchCommand::Decode(args) => decode::execute(args, console),
    }
}

fn failed(error: &dyn std::error::Error) -> Failure {
    Failure::of(Exit::Environment, error)
}

/// A program for training in micro-batches of `batch` sequences of `window` tokens.
fn program(
    model: &Model,
    batch: u64,
    window: u64,
    head_chunk: u64,
    precision: Precision,
) -> Result<(Program, Vec<Parameter>), Failure> {
    let options = ProgramOptions {
        batch,
        window,
        head_chunk,
        decay: Decay::All,
        recompute: Recompute::None,
        training: true,
    };
    program::build_in(model, &options, precision).map_err(|e| failed(&e))
}

/// A program that reads one text of `window` tokens.
fn for_one_text(
    model: &Model,
    window: u64,
    precision: Precision,
) -> Result<(Program, Vec<Parameter>), Failure> {
    let options = ProgramOptions {
        batch: 1,
        window,
        head_chunk: precision.head_chunk(),
        decay: Decay::All,
        recompute: Recompute::None,
        training: false,
    };
    program::build_in(model, &options, precision).map_err(|e| failed(&e))
}

/// The GPU with that program.
fn on_gpu(model: &Model, program: &Program, parameters: &[Parameter]) -> Result<Engine<Cuda>, Failure> {
    let threads = crate::threads::count(None);
    let cuda = Cuda::open(&device::search(), &device::cache(), program.arena_bytes, threads)
        .map_err(|e| failed(&e))?;
    Engine::with_backend(cuda, program, model, parameters).map_err(|e| failed(&e))
}

/// Relative L2 distance of `ours` from `theirs`.
fn relative(ours: &[f32], theirs: &[f32]) -> f64 {
    relative_to(ours, theirs, theirs)
}

/// L2 distance of `ours` from `theirs` over the size of `other`.
fn relative_to(ours: &[f32], theirs: &[f32], other: &[f32]) -> f64 {
    let square = |x: f64| x * x;
    let distance: f64 = ours.iter().zip(theirs).map(|(a, b)| square(f64::from(*a) - f64::from(*b))).sum();
    let size: f64 = other.iter().map(|b| square(f64::from(*b))).sum();
    if ours.len() != theirs.len() || distance.is_nan() {
        f64::INFINITY
    } else {
        (distance / size.max(1e-300)).sqrt()
    }
}
