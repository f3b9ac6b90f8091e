//! Casts, initialization, checks, and document starts.

use super::{Address, Arg, Dtype, Launch, LaunchError, addresses, check, grid, int};

/// Copies `n` elements into the other element type; `from` is the type of `x`.
pub fn cast(from: Dtype, x: Address, out: Address, n: usize) -> Result<Launch, LaunchError> {
    const NAME: &str = "cast";
    addresses(NAME, &[("x", x), ("out", out)])?;
    Ok(Launch {
        kernel: match from {
            Dtype::F32 => "cast_f32_bf16".into(),
            Dtype::Bf16 => "cast_bf16_f32".into(),
        },
        grid: grid(NAME, [n.div_ceil(2048), 1, 1])?,
        threads: 256,
        shared: 0,
        args: vec![Arg::Pointer(x), Arg::Pointer(out), Arg::I64(n as i64)],
    })
}

/// `out[i] = std · (standard normal value i of (seed, stream))`.
pub fn fill_normal(
    dtype: Dtype,
    out: Address,
    n: usize,
    std: f32,
    seed: u64,
    stream: u64,
) -> Result<Launch, LaunchError> {
    const NAME: &str = "fill_normal";
    addresses(NAME, &[("out", out)])?;
    Ok(Launch {
        kernel: format!("fill_normal_{}", dtype.suffix()),
        grid: grid(NAME, [n.div_ceil(1024), 1, 1])?,
        threads: 256,
        shared: 0,
        args: vec![Arg::Pointer(out), Arg::I64(n as i64), Arg::F32(std), Arg::U64(seed), Arg::U64(stream)],
    })
}

fn sweep(
    name: &'static str,
    dtype: Dtype,
    x: Address,
    n: usize,
    total: Address,
) -> Result<Launch, LaunchError> {
    addresses(name, &[("x", x), ("total", total)])?;
    Ok(Launch {
        kernel: format!("{name}_{}", dtype.suffix()),
        grid: grid(name, [n.div_ceil(2048).min(1024), 1, 1])?,
        threads: 256,
        shared: 0,
        args: vec![Arg::Pointer(x), Arg::I64(n as i64), Arg::Pointer(total)],
    })
}

/// Adds the number of elements that are not finite to the u64 at `count`.
pub fn count_nonfinite(dtype: Dtype, x: Address, n: usize, count: Address) -> Result<Launch, LaunchError> {
    sweep("count_nonfinite", dtype, x, n, count)
}

/// Adds `Σ mix(i, bits of x[i])` modulo 2⁶⁴ to the u64 at `sum`; equal memory has equal sums, in whatever order.
pub fn checksum(dtype: Dtype, x: Address, n: usize, sum: Address) -> Result<Launch, LaunchError> {
    sweep("checksum", dtype, x, n, sum)
}

/// `document_start[tokens]` from cumulative lengths `[documents + 1]` over all tokens, windows of `window` tokens.
pub fn document_starts(
    cumulative: Address,
    documents: usize,
    document_start: Address,
    tokens: usize,
    window: usize,
) -> Result<Launch, LaunchError> {
    const NAME: &str = "document_starts";
    addresses(NAME, &[("cumulative", cumulative), ("document_start", document_start)])?;
    check(NAME, documents > 0 && window > 0, || format!("{documents} documents, windows of {window}"))?;
    Ok(Launch {
        kernel: NAME.into(),
        grid: grid(NAME, [tokens.div_ceil(256), 1, 1])?,
        threads: 256,
        shared: 0,
        args: vec![
            Arg::Pointer(cumulative),
            Arg::I32(int(NAME, "documents", documents)?),
            Arg::Pointer(document_start),
            Arg::I32(int(NAME, "tokens", tokens)?),
            Arg::I32(int(NAME, "window", window)?),
        ],
    })
}

/// `count` blocks of four words of Philox from counter (low, high): for tests of the generator itself.
pub fn philox_words(
    key: u64,
    low: u64,
    high: u64,
    out: Address,
    count: usize,
) -> Result<Launch, LaunchError> {
    const NAME: &str = "philox_words";
    addresses(NAME, &[("out", out)])?;
    Ok(Launch {
        kernel: NAME.into(),
        grid: [1, 1, 1],
        threads: 32,
        shared: 0,
        args: vec![
            Arg::U64(key),
            Arg::U64(low),
            Arg::U64(high),
            Arg::Pointer(out),
            Arg::I32(int(NAME, "count", count)?),
        ],
    })
}
