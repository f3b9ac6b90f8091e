//! Operators on rows: SwiGLU, RMSNorm, RoPE, embedding.

use super::{Address, Arg, Dtype, Launch, LaunchError, addresses, check, grid, int, multiple_of_8, packs};

fn elementwise(
    kernel: &'static str,
    name: String,
    count: u32,
    args: Vec<Arg>,
) -> Result<Launch, LaunchError> {
    let grid = grid(kernel, [(count as usize).div_ceil(256), 1, 1])?;
    Ok(Launch { kernel: name, grid, threads: 256, shared: 0, args })
}

/// `out[rows, f] = silu(gate)·up` with `gate_up[rows, 2f]`; f a multiple of 8.
pub fn swiglu(
    dtype: Dtype,
    gate_up: Address,
    out: Address,
    rows: usize,
    f: usize,
) -> Result<Launch, LaunchError> {
    const NAME: &str = "swiglu";
    multiple_of_8(NAME, "f", f)?;
    addresses(NAME, &[("gate_up", gate_up), ("out", out)])?;
    let count = packs(NAME, rows * f, dtype)?;
    let args = vec![Arg::Pointer(gate_up), Arg::Pointer(out), Arg::U32(count), Arg::I32(int(NAME, "f", f)?)];
    elementwise(NAME, format!("swiglu_{}", dtype.suffix()), count, args)
}

/// `dgate_up[rows, 2f]` from `dout[rows, f]`; may be in place of `gate_up`.
pub fn swiglu_backward(
    dtype: Dtype,
    gate_up: Address,
    dout: Address,
    dgate_up: Address,
    rows: usize,
    f: usize,
) -> Result<Launch, LaunchError> {
    const NAME: &str = "swiglu_backward";
    multiple_of_8(NAME, "f", f)?;
    addresses(NAME, &[("gate_up", gate_up), ("dout", dout), ("dgate_up", dgate_up)])?;
    let count = packs(NAME, rows * f, dtype)?;
    let args = vec![
        Arg::Pointer(gate_up),
        Arg::Pointer(dout),
        Arg::Pointer(dgate_up),
        Arg::U32(count),
        Arg::I32(int(NAME, "f", f)?),
    ];
    elementwise(NAME, format!("swiglu_backward_{}", dtype.suffix()), count, args)
}

/// Tensors of a norm.
#[derive(Clone, Copy, Debug)]
pub struct RmsNorm {
    /// Residual stream `[rows, d]`.
    pub x: Address,
    /// What is added to it first, `[rows, d]`, with where the sum goes, `[rows, d]`.
    pub residual: Option<(Address, Address)>,
    /// `[d]`
    pub weight: Address,
    /// `[rows, d]`
    pub out: Address,
    /// f32 `[rows]`
    pub rstd: Address,
    /// Rows.
    pub rows: usize,
    /// Length of a row, a multiple of 8.
    pub d: usize,
    /// Added to the mean of squares.
    pub eps: f32,
}

/// `rstd = 1/√(mean(x²) + eps)`, `out = x·rstd·weight`, where x is first replaced by its sum with the branch if there is one.
pub fn rms_norm(dtype: Dtype, op: RmsNorm) -> Result<Launch, LaunchError> {
    const NAME: &str = "rms_norm";
    multiple_of_8(NAME, "d", op.d)?;
    addresses(NAME, &[("x", op.x), ("weight", op.weight), ("out", op.out), ("rstd", op.rstd)])?;
    let mut args = vec![Arg::Pointer(op.x)];
    let mut name = format!("rms_norm_{}", dtype.suffix());
    if let Some((branch, sum)) = op.residual {
        addresses(NAME, &[("branch", branch), ("sum", sum)])?;
        args.extend([Arg::Pointer(branch), Arg::Pointer(sum)]);
        name = format!("rms_norm_residual_{}", dtype.suffix());
    }
    args.extend([
        Arg::Pointer(op.weight),
        Arg::Pointer(op.out),
        Arg::Pointer(op.rstd),
        Arg::I32(int(NAME, "rows", op.rows)?),
        Arg::I32(int(NAME, "d", op.d)?),
        Arg::F32(op.eps),
    ]);
    Ok(Launch { kernel: name, grid: grid(NAME, [op.rows.div_ceil(8), 1, 1])?, threads: 256, shared: 0, args })
}

/// Tensors of a norm's gradient.
#[derive(Clone, Copy, Debug)]
pub struct RmsNormBackward {
    /// `[rows, d]`
    pub x: Address,
    /// `[d]`
    pub weight: Address,
    /// f32 `[rows]`
    pub rstd: Address,
    /// `[rows, d]`
    pub dout: Address,
    /// `[rows, d]`, added to.
    pub dx: Address,
    /// f32 scratch `[rms_norm_parts(rows), d]`.
    pub parts: Address,
    /// f32 `[d]`, added to.
    pub grad_weight: Address,
    /// Rows.
    pub rows: usize,
    /// Length of a row, a multiple of 8, at most 8,192.
    pub d: usize,
}

/// Rows that one block of the gradient sums: by shape alone, so that the bits do not depend on the device.
fn norm_rows_per_block(rows: usize) -> usize {
    rows.div_ceil(1024).max(16)
}

/// Rows of the scratch that [`rms_norm_backward`] needs: at most 1,024.
pub fn rms_norm_parts(rows: usize) -> usize {
    rows.div_ceil(norm_rows_per_block(rows))
}

/// `dx += ∂norm/∂x·dout`, `grad_weight += Σ dout·x·rstd`: two launches, in order.
pub fn rms_norm_backward(dtype: Dtype, op: RmsNormBackward) -> Result<[Launch; 2], LaunchError> {
    const NAME: &str = "rms_norm_backward";
    multiple_of_8(NAME, "d", op.d)?;
    check(NAME, op.d <= 8192, || format!("d is {}; at most 8192", op.d))?;
    addresses(
        NAME,
        &[
            ("x", op.x),
            ("weight", op.weight),
            ("rstd", op.rstd),
            ("dout", op.dout),
            ("dx", op.dx),
            ("parts", op.parts),
            ("grad_weight", op.grad_weight),
        ],
    )?;
    let row_packs = op.d / dtype.pack();
    let threads = row_packs.next_multiple_of(32).min(256);
    let variant = row_packs.div_ceil(threads).next_power_of_two();
    let parts = rms_norm_parts(op.rows);
    let d = Arg::I32(int(NAME, "d", op.d)?);
    let rows = Launch {
        kernel: format!("rms_norm_backward_{}_{variant}", dtype.suffix()),
        grid: grid(NAME, [parts, 1, 1])?,
        threads: threads as u32,
        shared: 0,
        args: vec![
            Arg::Pointer(op.x),
            Arg::Pointer(op.weight),
            Arg::Pointer(op.rstd),
            Arg::Pointer(op.dout),
            Arg::Pointer(op.dx),
            Arg::Pointer(op.parts),
            Arg::I32(int(NAME, "rows", op.rows)?),
            d,
            Arg::I32(int(NAME, "rows of a block", norm_rows_per_block(op.rows))?),
        ],
    };
    let weight = Launch {
        kernel: "rms_norm_weight_gradient".into(),
        grid: grid(NAME, [op.d.div_ceil(32), 1, 1])?,
        threads: 256,
        shared: 0,
        args: vec![
            Arg::Pointer(op.parts),
            Arg::Pointer(op.grad_weight),
            Arg::I32(int(NAME, "parts", parts)?),
            d,
        ],
    };
    Ok([rows, weight])
}

/// Tensors of RoPE.
#[derive(Clone, Copy, Debug)]
pub struct Rope {
    /// `[rows, (heads + 2·kv_heads)·head_dim]`, changed in place.
    pub qkv: Address,
    /// u32 `[rows]`
    pub positions: Address,
    /// f32 `[positions, head_dim/2]`
    pub cos: Address,
    /// f32 `[positions, head_dim/2]`
    pub sin: Address,
    /// Rows.
    pub rows: usize,
    /// Query heads.
    pub heads: usize,
    /// Key/value heads.
    pub kv_heads: usize,
    /// Head size, a multiple of 16.
    pub head_dim: usize,
    /// Rotates back: the gradient.
    pub inverse: bool,
}

/// Rotates q and k of every row.
pub fn rope(dtype: Dtype, op: Rope) -> Result<Launch, LaunchError> {
    const NAME: &str = "rope";
    multiple_of_8(NAME, "half the head size", op.head_dim / 2)?;
    check(NAME, op.head_dim.is_multiple_of(16), || {
        format!("head size {}; it must be a multiple of 16", op.head_dim)
    })?;
    addresses(NAME, &[("qkv", op.qkv), ("positions", op.positions), ("cos", op.cos), ("sin", op.sin)])?;
    let count = packs(NAME, op.rows * (op.heads + op.kv_heads) * (op.head_dim / 2), dtype)?;
    let args = vec![
        Arg::Pointer(op.qkv),
        Arg::Pointer(op.positions),
        Arg::Pointer(op.cos),
        Arg::Pointer(op.sin),
        Arg::U32(count),
        Arg::I32(int(NAME, "heads", op.heads)?),
        Arg::I32(int(NAME, "kv_heads", op.kv_heads)?),
        Arg::I32(int(NAME, "head size", op.head_dim)?),
        Arg::F32(if op.inverse { -1.0 } else { 1.0 }),
    ];
    elementwise(NAME, format!("rope_{}", dtype.suffix()), count, args)
}

/// `out[rows, d] = weight[tokens, :]`; a token without a row sets bit 1 of the u32 at `fault` and gives zeros.
pub fn embed(
    dtype: Dtype,
    [tokens, weight, out, fault]: [Address; 4],
    rows: usize,
    d: usize,
    vocabulary: usize,
) -> Result<Launch, LaunchError> {
    const NAME: &str = "embed";
    multiple_of_8(NAME, "d", d)?;
    addresses(NAME, &[("tokens", tokens), ("weight", weight), ("out", out), ("fault", fault)])?;
    let count = packs(NAME, rows * d, dtype)?;
    let args = vec![
        Arg::Pointer(tokens),
        Arg::Pointer(weight),
        Arg::Pointer(out),
        Arg::U32(count),
        Arg::I32(int(NAME, "d", d)?),
        Arg::I32(int(NAME, "vocabulary", vocabulary)?),
        Arg::Pointer(fault),
    ];
    elementwise(NAME, format!("embed_{}", dtype.suffix()), count, args)
}

/// Tensors of the embedding's gradient.
#[derive(Clone, Copy, Debug)]
pub struct EmbedBackward {
    /// u32 `[rows]`, ids below `vocabulary`.
    pub tokens: Address,
    /// `[rows, d]`
    pub dout: Address,
    /// f32 `[vocabulary, d]`, added to.
    pub grad_weight: Address,
    /// Scratch of [`embed_backward_scratch`] bytes.
    pub scratch: Address,
    /// Tokens.
    pub rows: usize,
    /// Length of a row, a multiple of 8.
    pub d: usize,
    /// Rows of the weight.
    pub vocabulary: usize,
}

/// Tokens that a block of the sort takes, and that a chunk of the sums has.
const SORT_TILE: usize = 1024;
const CHUNK: usize = 64;

/// Bytes of scratch: two lists of keys and of positions, the counts, and the pieces of runs.
pub fn embed_backward_scratch(rows: usize, d: usize) -> usize {
    let list = (4 * rows).next_multiple_of(16);
    4 * list + 4 * 256 * rows.div_ceil(SORT_TILE) + 2 * 4 * rows.div_ceil(CHUNK) * d
}

/// `grad_weight[tokens[m], :] += dout[m, :]`, in an order that depends on the tokens alone: the sort, then two sums.
pub fn embed_backward(dtype: Dtype, op: EmbedBackward) -> Result<Vec<Launch>, LaunchError> {
    const NAME: &str = "embed_backward";
    multiple_of_8(NAME, "d", op.d)?;
    check(NAME, op.vocabulary > 0, || "a vocabulary of 0".into())?;
    addresses(
        NAME,
        &[("tokens", op.tokens), ("dout", op.dout), ("grad_weight", op.grad_weight), ("scratch", op.scratch)],
    )?;
    let n = Arg::I32(int(NAME, "rows", op.rows)?);
    let (tiles, chunks) = (op.rows.div_ceil(SORT_TILE), op.rows.div_ceil(CHUNK));
    let list = (4 * op.rows).next_multiple_of(16) as u64;
    let lists = [op.scratch, op.scratch + list, op.scratch + 2 * list, op.scratch + 3 * list];
    let counts = op.scratch + 4 * list;
    let heads = counts + 4 * 256 * tiles as u64;
    let tails = heads + (4 * chunks * op.d) as u64;
    let bits = (usize::BITS - (op.vocabulary - 1).leading_zeros()).max(1);
    let mut launches = Vec::new();
    let (mut keys, mut values) = (op.tokens, 0);
    for pass in 0..bits.div_ceil(8) {
        let shift = Arg::I32((8 * pass) as i32);
        let (keys_out, values_out) = if pass % 2 == 0 { (lists[0], lists[1]) } else { (lists[2], lists[3]) };
        launches.push(Launch {
            kernel: "sort_count".into(),
            grid: grid(NAME, [tiles, 1, 1])?,
            threads: 256,
            shared: 0,
            args: vec![Arg::Pointer(keys), n, shift, Arg::Pointer(counts)],
        });
        launches.push(Launch {
            kernel: "sort_scan".into(),
            grid: [1, 1, 1],
            threads: 1024,
            shared: 0,
            args: vec![Arg::Pointer(counts), Arg::I32(int(NAME, "counts", 256 * tiles)?)],
        });
        launches.push(Launch {
            kernel: "sort_scatter".into(),
            grid: grid(NAME, [tiles, 1, 1])?,
            threads: 32,
            shared: 0,
            args: vec![
                Arg::Pointer(keys),
                Arg::Pointer(values),
                n,
                shift,
                Arg::Pointer(counts),
                Arg::Pointer(keys_out),
                Arg::Pointer(values_out),
            ],
        });
        (keys, values) = (keys_out, values_out);
    }
    let grid = grid(NAME, [chunks, (op.d / dtype.pack()).div_ceil(128), 1])?;
    let (d, vocabulary) =
        (Arg::I32(int(NAME, "d", op.d)?), Arg::I32(int(NAME, "vocabulary", op.vocabulary)?));
    let pieces = [Arg::Pointer(heads), Arg::Pointer(tails), d, vocabulary];
    launches.push(Launch {
        kernel: format!("embed_backward_chunks_{}", dtype.suffix()),
        grid,
        threads: 128,
        shared: 0,
        args: [
            Arg::Pointer(keys),
            Arg::Pointer(values),
            n,
            Arg::Pointer(op.dout),
            Arg::Pointer(op.grad_weight),
        ]
        .into_iter()
        .chain(pieces)
        .collect(),
    });
    launches.push(Launch {
        kernel: format!("embed_backward_joins_{}", dtype.suffix()),
        grid,
        threads: 128,
        shared: 0,
        args: [Arg::Pointer(keys), n, Arg::Pointer(op.grad_weight)].into_iter().chain(pieces).collect(),
    });
    Ok(launches)
}

/// Rows of the scratch that [`bias_gradient`] needs: at most 128.
pub fn bias_parts(rows: usize) -> usize {
    rows.div_ceil(bias_rows_per_block(rows))
}

fn bias_rows_per_block(rows: usize) -> usize {
    rows.div_ceil(128).max(16)
}

/// `grad_bias[n] += Σ dout[rows, n]`: two launches, in order. Tensors: dout, f32 scratch `[bias_parts(rows), n]`, f32
/// grad_bias `[n]`.
pub fn bias_gradient(
    dtype: Dtype,
    [dout, parts, grad_bias]: [Address; 3],
    rows: usize,
    n: usize,
) -> Result<[Launch; 2], LaunchError> {
    const NAME: &str = "bias_gradient";
    multiple_of_8(NAME, "n", n)?;
    addresses(NAME, &[("dout", dout), ("parts", parts), ("grad_bias", grad_bias)])?;
    let count = bias_parts(rows);
    let width = Arg::I32(int(NAME, "n", n)?);
    Ok([
        Launch {
            kernel: format!("bias_parts_{}", dtype.suffix()),
            grid: grid(NAME, [count, (n / dtype.pack()).div_ceil(128), 1])?,
            threads: 128,
            shared: 0,
            args: vec![
                Arg::Pointer(dout),
                Arg::Pointer(parts),
                Arg::I32(int(NAME, "rows", rows)?),
                width,
                Arg::I32(int(NAME, "rows of a block", bias_rows_per_block(rows))?),
            ],
        },
        Launch {
            kernel: NAME.into(),
            grid: grid(NAME, [n.div_ceil(256), 1, 1])?,
            threads: 256,
            shared: 0,
            args: vec![
                Arg::Pointer(parts),
                Arg::Pointer(grad_bias),
                Arg::I32(int(NAME, "parts", count)?),
                width,
            ],
        },
    ])
}
