//! Global norm, clip coefficient and AdamW over the flat arena of parameters.

use super::{Address, Arg, Launch, LaunchError, addresses, check, grid, int};

/// Tensors of the norm of all gradients.
#[derive(Clone, Copy, Debug)]
pub struct GradNorm {
    /// f32 `[n]`
    pub grads: Address,
    /// Elements.
    pub n: usize,
    /// f64 scratch `[grad_norm_parts(n)]`.
    pub parts: Address,
    /// Greatest norm; 0 does not clip.
    pub clip: f64,
    /// f64, read: the step's loss; 0 for none.
    pub loss: Address,
    /// f64, written: √Σ g².
    pub norm: Address,
    /// f32, written: min(1, clip / (norm + 1e-6)), what [`Adamw::grad_scale`] reads; NaN where norm or loss is not finite.
    pub coefficient: Address,
}

/// Elements that a block of the norm sums: at most 1,024 blocks, as on the CPU.
fn norm_block(n: usize) -> usize {
    n.div_ceil(1024).next_multiple_of(16_384).max(16_384)
}

/// Partial sums of [`grad_norm`].
pub fn grad_norm_parts(n: usize) -> usize {
    n.div_ceil(norm_block(n))
}

/// Norm and clip coefficient, on the device: two launches, in order.
pub fn grad_norm(op: GradNorm) -> Result<[Launch; 2], LaunchError> {
    const NAME: &str = "grad_norm";
    addresses(
        NAME,
        &[("grads", op.grads), ("parts", op.parts), ("norm", op.norm), ("coefficient", op.coefficient)],
    )?;
    let parts = grad_norm_parts(op.n);
    Ok([
        Launch {
            kernel: "grad_norm_parts".into(),
            grid: grid(NAME, [parts, 1, 1])?,
            threads: 256,
            shared: 0,
            args: vec![
                Arg::Pointer(op.grads),
                Arg::I64(op.n as i64),
                Arg::I64(norm_block(op.n) as i64),
                Arg::Pointer(op.parts),
            ],
        },
        Launch {
            kernel: "grad_norm_finish".into(),
            grid: [1, 1, 1],
            threads: 256,
            shared: 0,
            args: vec![
                Arg::Pointer(op.parts),
                Arg::I32(int(NAME, "parts", parts)?),
                Arg::F64(op.clip),
                Arg::Pointer(op.loss),
                Arg::Pointer(op.norm),
                Arg::Pointer(op.coefficient),
            ],
        },
    ])
}

/// One optimizer step over `n` elements.
#[derive(Clone, Copy, Debug)]
pub struct Adamw {
    /// f32 master weights `[n]`, updated.
    pub params: Address,
    /// f32 `[n]`
    pub grads: Address,
    /// f32 first moments `[n]`, updated.
    pub m: Address,
    /// f32 second moments `[n]`, updated.
    pub v: Address,
    /// bf16 `[n]`, written with the rounded weights; 0 for none.
    pub copy: Address,
    /// Elements, a multiple of 4.
    pub n: usize,
    /// i64 `[segments]`: the element after each run of parameters, multiples of 4, the last one n.
    pub segment_ends: Address,
    /// u8 `[segments]`: 1 where weight decay applies.
    pub decays: Address,
    /// Segments.
    pub segments: usize,
    /// f32 that multiplies every gradient, NaN to change nothing; 0 for none.
    pub grad_scale: Address,
    /// Learning rate of this step.
    pub lr: f64,
    /// β₁
    pub beta1: f64,
    /// β₂
    pub beta2: f64,
    /// Added to the denominator.
    pub eps: f64,
    /// Decoupled weight decay; multiplied by `lr`.
    pub weight_decay: f64,
    /// Number of this step, from 1.
    pub step: u64,
}

/// The update; factors are computed here in f64 and rounded once, as the CPU operator does.
pub fn adamw(op: Adamw) -> Result<Launch, LaunchError> {
    const NAME: &str = "adamw";
    check(NAME, op.n.is_multiple_of(4), || format!("{} parameters; pad the arena to a multiple of 4", op.n))?;
    check(NAME, op.segments > 0, || "no segments".into())?;
    check(NAME, op.step > 0, || "steps count from 1".into())?;
    addresses(
        NAME,
        &[
            ("params", op.params),
            ("grads", op.grads),
            ("m", op.m),
            ("v", op.v),
            ("segment_ends", op.segment_ends),
            ("decays", op.decays),
        ],
    )?;
    let step = op.step as f64;
    let factors = [
        1.0 - op.lr * op.weight_decay,
        1.0 - op.beta1,
        op.beta2,
        1.0 - op.beta2,
        (1.0 - op.beta2.powf(step)).sqrt(),
        op.eps,
        op.lr / (1.0 - op.beta1.powf(step)),
    ];
    let mut args = vec![
        Arg::Pointer(op.params),
        Arg::Pointer(op.grads),
        Arg::Pointer(op.m),
        Arg::Pointer(op.v),
        Arg::Pointer(op.copy),
        Arg::I64(op.n as i64),
        Arg::Pointer(op.segment_ends),
        Arg::Pointer(op.decays),
        Arg::I32(int(NAME, "segments", op.segments)?),
        Arg::Pointer(op.grad_scale),
    ];
    args.extend(factors.map(|f| Arg::F32(f as f32)));
    Ok(Launch {
        kernel: NAME.into(),
        grid: grid(NAME, [op.n.div_ceil(1024), 1, 1])?,
        threads: 256,
        shared: 0,
        args,
    })
}
