//! Model to step program: operators, the derived gradient program, and every byte of memory.
//!
//! [`build`] turns a [`Model`] into the [`Program`] that the runtime executes. The forward pass is written once
//! ([`forward`](mod@forward)); the backward pass ([`backward`]) is its derivative written out operator by operator, so
//! that no autograd exists at run time. [`layout`] then gives each tensor its place in one arena, and [`verify`] proves
//! by simulation that no operator reads a byte that something else has overwritten.
//!
//! What does not live here: specs and diagnostics (the program knows only the plan's types), devices, and kernels.

mod access;
mod backward;
mod dimensions;
mod error;
mod flops;
mod forward;
mod layout;
mod parameters;
mod table;
mod text;
pub mod verify;

#[cfg(test)]
mod tests;

pub use error::ProgramError;
pub use text::Text;
pub use verify::{VerifyError, verify};

use dimensions::Dimensions;
use smolc_plan::{Block, Model, Parameter, Precision, Program, Recompute};
use table::Table;

/// Which parameters weight decay applies to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Decay {
    /// All of them, norms and embeddings too: what nanotron did for SmolLM2.
    #[default]
    All,
    /// Tensors of two dimensions only; norms and biases do not decay (nanoGPT's convention).
    Matrices,
    /// All but the token embedding (SmolLM3).
    NoEmbedding,
}

/// What a program depends on beside the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProgramOptions {
    /// Sequences in a micro-batch (B).
    pub batch: u64,
    /// Tokens in a sequence (T), at most the model's context.
    pub window: u64,
    /// Tokens whose logits exist at one time, at most; a micro-batch with fewer tokens is one chunk.
    pub head_chunk: u64,
    /// Which parameters weight decay applies to.
    pub decay: Decay,
    /// What the forward pass keeps for the backward pass; the rest is computed again, to the same bits.
    pub recompute: Recompute,
    /// With gradients, optimizer moments and a backward pass. Without, the program only evaluates and the layers share
    /// one set of activations.
    pub training: bool,
}

/// Most layers a program may have: verification walks every one of them.
pub const MAX_LAYERS: u64 = 10_000;

/// Builds the program of one micro-batch and the table of parameters under their Hugging Face names.
///
/// Errors when the shape makes no sense (a dimension of zero, heads that do not divide, a window beyond the context) or
/// when a size does not fit into 64 bits. It never panics, whatever the numbers are.
pub fn build(model: &Model, options: &ProgramOptions) -> Result<(Program, Vec<Parameter>), ProgramError> {
    build_in(model, options, Precision::F32)
}

/// As [`build`], computing in `precision`.
pub fn build_in(
    model: &Model,
    options: &ProgramOptions,
    precision: Precision,
) -> Result<(Program, Vec<Parameter>), ProgramError> {
    let dims = Dimensions::of(model, options)?;
    let mut table = Table::new(precision);
    let weights = parameters::declare(&mut table, model, &dims)?;
    let read = parameters::read(&mut table, &weights)?;
    let inputs = forward::Inputs::declare(&mut table, &dims)?;
    let saved = forward::Activations::declare(&mut table, &dims, options.recompute)?;

    let evaluate = forward::block(&read, &inputs, &saved, model, &dims, forward::Mode::Evaluate);
    let (mut forward, mut backward) = (Block::default(), Block::default());
    if dims.training {
        let grads = parameters::declare_training(&mut table, &weights)?;
        let work = backward::Gradients::declare(&mut table, &dims)?;
        let head = forward::HeadGradient { dx: work.dn, grad_weight: grads.head };
        forward = forward::block(&read, &inputs, &saved, model, &dims, forward::Mode::Train(head));
        let again = backward::Again::new(options.recompute, &read, &inputs, &saved, model, &dims);
        backward = backward::block(&read, &grads, &inputs, &saved, &work, model, again);
    }

    let mut program = Program {
        batch: dims.batch,
        window: dims.window,
        tensors: table.into_tensors(),
        evaluate,
        forward,
        backward,
        arena_bytes: 0,
        parameter_bytes: 0,
        gradient_bytes: 0,
        optimizer_bytes: 0,
        activation_bytes: 0,
        flops: 0,
        recomputed_flops: 0,
    };
    layout::assign(&mut program)?;
    program.flops = flops::of(&program)?;
    program.recomputed_flops = flops::recomputed(&program)?;
    verify(&program)?;
    let parameters = parameters::table(&weights, model, &dims, options.decay);
    Ok((program, parameters))
}
