//! Cross-entropy of a chunk of logits, and the weighted sum of losses.

use super::{Address, Arg, Dtype, Launch, LaunchError, addresses, check, grid, int};

/// Tensors of a chunk of `count` tokens.
#[derive(Clone, Copy, Debug)]
pub struct CrossEntropy {
    /// `[count, v]`, rows `pitch` elements apart; becomes its gradient if `backward`.
    pub logits: Address,
    /// Elements from row to row, at least v; any number.
    pub pitch: usize,
    /// u32 `[count]`, below v even where masked.
    pub targets: Address,
    /// f32 `[count]`; 0 masks.
    pub weights: Address,
    /// f32: 1 / Σ weights of the whole optimizer step.
    pub scale: Address,
    /// f32 `[count]`, written: −log p of each target, 0 where the weight is 0.
    pub nll: Address,
    /// Tokens.
    pub count: usize,
    /// Vocabulary, any number.
    pub v: usize,
    /// Whether the logits become their gradient.
    pub backward: bool,
    /// u32; bit 2 is set when a target is outside the vocabulary.
    pub fault: Address,
}

/// Losses, and the gradient in place of the logits.
pub fn cross_entropy(dtype: Dtype, op: CrossEntropy) -> Result<Launch, LaunchError> {
    const NAME: &str = "cross_entropy";
    check(NAME, op.pitch >= op.v && op.v > 0, || format!("rows of {} logits, {} apart", op.v, op.pitch))?;
    addresses(
        NAME,
        &[
            ("logits", op.logits),
            ("targets", op.targets),
            ("weights", op.weights),
            ("scale", op.scale),
            ("nll", op.nll),
            ("fault", op.fault),
        ],
    )?;
    Ok(Launch {
        kernel: format!("cross_entropy_{}", dtype.suffix()),
        grid: grid(NAME, [op.count, 1, 1])?,
        threads: 512,
        shared: 0,
        args: vec![
            Arg::Pointer(op.logits),
            Arg::I64(op.pitch as i64),
            Arg::Pointer(op.targets),
            Arg::Pointer(op.weights),
            Arg::Pointer(op.scale),
            Arg::Pointer(op.nll),
            Arg::I32(int(NAME, "vocabulary", op.v)?),
            Arg::I32(op.backward.into()),
            Arg::Pointer(op.fault),
        ],
    })
}

/// Adds `Σ weights·nll·scale` over `count` tokens to the f64 at `out`, in one order.
pub fn weighted_loss([nll, weights, scale, out]: [Address; 4], count: usize) -> Result<Launch, LaunchError> {
    const NAME: &str = "weighted_loss";
    addresses(NAME, &[("nll", nll), ("weights", weights), ("scale", scale), ("out", out)])?;
    Ok(Launch {
        kernel: NAME.into(),
        grid: [1, 1, 1],
        threads: 1024,
        shared: 0,
        args: vec![
            Arg::Pointer(nll),
            Arg::Pointer(weights),
            Arg::Pointer(scale),
            Arg::I32(int(NAME, "tokens", count)?),
            Arg::Pointer(out),
        ],
    })
}
