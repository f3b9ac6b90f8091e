//! Decoding against a cache of keys and values, and sampling.

use super::{Address, Arg, Dtype, Launch, LaunchError, addresses, check, grid, int, multiple_of_8, packs};

/// Positions that a block of the decode kernel takes.
const CHUNK: usize = 256;

/// Shape of a cache: `[batch, capacity, kv_heads·head_dim]`, one for keys and one for values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cache {
    /// Sequences.
    pub batch: usize,
    /// Positions of a sequence.
    pub capacity: usize,
    /// Query heads.
    pub heads: usize,
    /// Key/value heads.
    pub kv_heads: usize,
    /// Head size, a multiple of 8, at most 256.
    pub head_dim: usize,
}

impl Cache {
    /// Chunks of a sequence: the third dimension of the partial results.
    pub fn chunks(&self) -> usize {
        self.capacity.div_ceil(CHUNK)
    }

    fn check(&self, kernel: &'static str) -> Result<(), LaunchError> {
        multiple_of_8(kernel, "head size", self.head_dim)?;
        check(kernel, self.head_dim <= 256, || format!("head size {}; at most 256", self.head_dim))?;
        check(kernel, self.kv_heads > 0 && self.heads.is_multiple_of(self.kv_heads), || {
            format!(
                "{} query heads and {} key/value heads; heads must come in equal groups",
                self.heads, self.kv_heads
            )
        })?;
        check(kernel, self.heads / self.kv_heads <= 16, || {
            format!("groups of {} query heads; at most 16", self.heads / self.kv_heads)
        })
    }
}

/// Tensors of an append.
#[derive(Clone, Copy, Debug)]
pub struct CacheAppend {
    /// `[rows, (H+2G)·d]`, after RoPE.
    pub qkv: Address,
    /// u32 `[rows]`: which sequence of the cache; 0: row m belongs to sequence m.
    pub sequences: Address,
    /// u32 `[rows]`, below the capacity.
    pub positions: Address,
    /// The cache of keys.
    pub keys: Address,
    /// The cache of values.
    pub values: Address,
    /// Tokens.
    pub rows: usize,
    /// Shape.
    pub cache: Cache,
}

/// Copies k and v of every row into the caches.
pub fn cache_append(dtype: Dtype, op: CacheAppend) -> Result<Launch, LaunchError> {
    const NAME: &str = "cache_append";
    let c = op.cache;
    c.check(NAME)?;
    addresses(
        NAME,
        &[("qkv", op.qkv), ("positions", op.positions), ("keys", op.keys), ("values", op.values)],
    )?;
    let count = packs(NAME, op.rows * c.kv_heads * c.head_dim, dtype)?;
    Ok(Launch {
        kernel: format!("cache_append_{}", dtype.suffix()),
        grid: grid(NAME, [(count as usize).div_ceil(256), 1, 1])?,
        threads: 256,
        shared: 0,
        args: vec![
            Arg::Pointer(op.qkv),
            Arg::Pointer(op.sequences),
            Arg::Pointer(op.positions),
            Arg::Pointer(op.keys),
            Arg::Pointer(op.values),
            Arg::U32(count),
            Arg::I32(int(NAME, "heads", c.heads)?),
            Arg::I32(int(NAME, "kv_heads", c.kv_heads)?),
            Arg::I32(int(NAME, "head size", c.head_dim)?),
            Arg::I32(int(NAME, "capacity", c.capacity)?),
        ],
    })
}

/// Tensors of one decoding step.
#[derive(Clone, Copy, Debug)]
pub struct AttentionDecode {
    /// `[batch, (H+2G)·d]`, after RoPE; k and v must already be in the caches.
    pub qkv: Address,
    /// The cache of keys.
    pub keys: Address,
    /// The cache of values.
    pub values: Address,
    /// u32 `[batch]`: the position of each sequence's token, below the capacity.
    pub positions: Address,
    /// f32 scratch `[batch, H, chunks, d]`.
    pub part: Address,
    /// f32 scratch `[batch, H, chunks]`.
    pub part_lse: Address,
    /// `[batch, H·d]`
    pub out: Address,
    /// Shape.
    pub cache: Cache,
}

/// `out = softmax(q·kᵀ/√d)·v` over positions 0 … position of every sequence: two launches, in order.
pub fn attention_decode(dtype: Dtype, op: AttentionDecode) -> Result<[Launch; 2], LaunchError> {
    const NAME: &str = "attention_decode";
    let c = op.cache;
    c.check(NAME)?;
    addresses(
        NAME,
        &[
            ("qkv", op.qkv),
            ("keys", op.keys),
            ("values", op.values),
            ("positions", op.positions),
            ("part", op.part),
            ("part_lse", op.part_lse),
            ("out", op.out),
        ],
    )?;
    let (heads, d) = (Arg::I32(int(NAME, "heads", c.heads)?), Arg::I32(int(NAME, "head size", c.head_dim)?));
    let group = c.heads / c.kv_heads;
    Ok([
        Launch {
            kernel: format!("attention_decode_{}", dtype.suffix()),
            grid: grid(NAME, [c.chunks(), c.kv_heads, c.batch])?,
            threads: 128,
            shared: 4 * (group * (c.head_dim + CHUNK) + 1024) as u32,
            args: vec![
                Arg::Pointer(op.qkv),
                Arg::Pointer(op.keys),
                Arg::Pointer(op.values),
                Arg::Pointer(op.positions),
                Arg::Pointer(op.part),
                Arg::Pointer(op.part_lse),
                heads,
                Arg::I32(int(NAME, "kv_heads", c.kv_heads)?),
                d,
                Arg::I32(int(NAME, "capacity", c.capacity)?),
                Arg::F32((1.0 / (c.head_dim as f64).sqrt()) as f32),
            ],
        },
        Launch {
            kernel: format!("attention_decode_combine_{}", dtype.suffix()),
            grid: grid(NAME, [c.heads, c.batch, 1])?,
            threads: 128,
            shared: 0,
            args: vec![
                Arg::Pointer(op.part),
                Arg::Pointer(op.part_lse),
                Arg::Pointer(op.positions),
                Arg::Pointer(op.out),
                heads,
                d,
                Arg::I32(int(NAME, "chunks", c.chunks())?),
            ],
        },
    ])
}

/// How a row is sampled: the struct of `sampling.cu`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SamplingSettings {
    /// Logits are divided by it; 0: the most probable token. Between 0 and 1e-6 is refused by [`Self::check`].
    pub temperature: f32,
    /// Only the most probable tokens that together reach this probability; 1: all.
    pub top_p: f32,
    /// Only tokens at least this fraction as probable as the most probable one; 0: all.
    pub min_p: f32,
    /// Only this many of the most probable tokens; 0: all.
    pub top_k: u32,
    /// Seed.
    pub seed: u64,
    /// Number of the draw; the kernel adds 1.
    pub counter: u64,
}

impl SamplingSettings {
    /// The most probable token.
    pub const GREEDY: SamplingSettings =
        SamplingSettings { temperature: 0.0, top_p: 1.0, min_p: 0.0, top_k: 0, seed: 0, counter: 0 };

    /// As the kernel reads it.
    pub fn bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        let words = [self.temperature.to_bits(), self.top_p.to_bits(), self.min_p.to_bits(), self.top_k];
        let low = words.iter().flat_map(|w| w.to_le_bytes());
        let high = [self.seed, self.counter].into_iter().flat_map(u64::to_le_bytes);
        bytes.iter_mut().zip(low.chain(high)).for_each(|(to, from)| *to = from);
        bytes
    }

    /// Checks every setting against its range.
    pub fn check(&self) -> Result<(), LaunchError> {
        const NAME: &str = "sample";
        let t = self.temperature;
        check(NAME, t == 0.0 || (t.is_finite() && t >= 1e-6), || {
            format!("temperature {t}; it must be 0 (greedy) or at least 1e-6 in f32")
        })?;
        check(NAME, self.top_p > 0.0 && self.top_p <= 1.0, || {
            format!("top-p {}; above 0 and at most 1", self.top_p)
        })?;
        check(NAME, (0.0..=1.0).contains(&self.min_p), || format!("min-p {}; between 0 and 1", self.min_p))
    }
}

/// Tensors of a draw.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// `[rows, v]`, rows `pitch` elements apart.
    pub logits: Address,
    /// [`SamplingSettings`] `[rows]`; their counters advance.
    pub settings: Address,
    /// u32 `[rows]`: the tokens drawn.
    pub tokens: Address,
    /// u32: a logit that is not finite sets bit 4 and gives token 0xffffffff.
    pub fault: Address,
    /// Rows.
    pub rows: usize,
    /// Vocabulary.
    pub v: usize,
    /// Elements from row to row.
    pub pitch: usize,
    /// Where a continuation is kept.
    pub history: Option<History>,
}

/// What lets a step follow another without the host.
#[derive(Clone, Copy, Debug)]
pub struct History {
    /// u32 `[rows]`: every draw adds 1.
    pub positions: Address,
    /// u32 `[rows, slots]`: the token drawn for every position.
    pub drawn: Address,
    /// Positions that have a place; a token drawn for one behind them is not kept.
    pub slots: usize,
}

/// Draws one token a row.
pub fn sample(dtype: Dtype, op: Sample) -> Result<Launch, LaunchError> {
    const NAME: &str = "sample";
    let Sample { logits, settings, tokens, fault, rows, v, pitch, history } = op;
    check(NAME, v > 0 && pitch >= v, || format!("rows of {v} logits, {pitch} apart"))?;
    addresses(NAME, &[("logits", logits), ("settings", settings), ("tokens", tokens), ("fault", fault)])?;
    if let Some(h) = history {
        addresses(NAME, &[("positions", h.positions), ("drawn", h.drawn)])?;
    }
    Ok(Launch {
        kernel: format!("sample_{}", dtype.suffix()),
        grid: grid(NAME, [rows, 1, 1])?,
        threads: 512,
        shared: 0,
        args: vec![
            Arg::Pointer(logits),
            Arg::I64(pitch as i64),
            Arg::I32(int(NAME, "vocabulary", v)?),
            Arg::Pointer(settings),
            Arg::Pointer(tokens),
            Arg::Pointer(fault),
            Arg::Pointer(history.map_or(0, |h| h.positions)),
            Arg::Pointer(history.map_or(0, |h| h.drawn)),
            Arg::I32(int(NAME, "slots", history.map_or(0, |h| h.slots))?),
        ],
    })
}
