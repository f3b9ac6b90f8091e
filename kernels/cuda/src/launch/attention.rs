//! Attention over the merged qkv, forward and backward, on three paths: f32, portable (bf16, sm_80), Hopper (bf16, sm_90a).

use super::{Address, Arg, Dtype, Launch, LaunchError, TensorMap, addresses, check, grid, int};

/// Which kernels to use for bf16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// mma.sync and cp.async: every GPU from sm_80.
    Portable,
    /// TMA, wgmma and mbarriers: sm_90a.
    Hopper,
}

/// Shape of an attention operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Sequences B.
    pub batch: usize,
    /// Window T, any number.
    pub window: usize,
    /// Query heads H, a multiple of `kv_heads`.
    pub heads: usize,
    /// Key/value heads G.
    pub kv_heads: usize,
    /// Head size d: 64 or 128; in f32 also 16 and 32.
    pub head_dim: usize,
}

impl Shape {
    /// Elements of a row of qkv.
    pub fn row(&self) -> usize {
        (self.heads + 2 * self.kv_heads) * self.head_dim
    }

    fn group(&self) -> usize {
        self.heads / self.kv_heads
    }

    fn check(&self, kernel: &'static str, dtype: Dtype) -> Result<(), LaunchError> {
        let sizes: &[usize] = match dtype {
            Dtype::F32 => &[16, 32, 64, 128],
            Dtype::Bf16 => &[64, 128],
        };
        check(kernel, sizes.contains(&self.head_dim), || {
            format!("head size {} in {}; there are kernels for {sizes:?}", self.head_dim, dtype.suffix())
        })?;
        check(
            kernel,
            self.kv_heads > 0 && self.heads > 0 && self.heads.is_multiple_of(self.kv_heads),
            || {
                format!(
                    "{} query heads and {} key/value heads; heads must come in equal groups",
                    self.heads, self.kv_heads
                )
            },
        )?;
        check(kernel, self.window < 1 << 30, || format!("a window of {} tokens; at most 2^30", self.window))
    }

    /// window, heads, kv_heads, scale: the last arguments of every kernel.
    fn args(&self, kernel: &'static str) -> Result<[Arg; 4], LaunchError> {
        Ok([
            Arg::I32(int(kernel, "window", self.window)?),
            Arg::I32(int(kernel, "heads", self.heads)?),
            Arg::I32(int(kernel, "kv_heads", self.kv_heads)?),
            Arg::F32((1.0 / (self.head_dim as f64).sqrt()) as f32),
        ])
    }

    /// Query heads that a block of the portable kernels serves with one load of keys and values: the most of `choices` that
    /// divide the group.
    fn heads_of_block(&self, choices: &[usize]) -> usize {
        choices.iter().copied().filter(|c| self.group().is_multiple_of(*c)).max().unwrap_or(1)
    }

    fn map(&self, address: Address, columns: usize, box_rows: u32) -> Arg {
        let row_bytes = 2 * columns as u64;
        Arg::Map(TensorMap {
            address,
            columns: columns as u64,
            rows: self.window as u64,
            slices: self.batch as u64,
            row_bytes,
            slice_bytes: row_bytes * self.window as u64,
            box_rows,
        })
    }
}

/// Tensors of the forward pass.
#[derive(Clone, Copy, Debug)]
pub struct Forward {
    /// `[B·T, (H+2G)·d]`
    pub qkv: Address,
    /// u32 `[B·T]`, relative to the row's own sequence, at most t, never decreasing within a sequence.
    pub document_start: Address,
    /// `[B·T, H·d]`
    pub out: Address,
    /// f32 `[B, H, T]`
    pub lse: Address,
    /// Shape.
    pub shape: Shape,
}

/// Tables of RoPE, with which the backward pass rotates dq and dk back before it stores them.
#[derive(Clone, Copy, Debug)]
pub struct Rotation {
    /// u32 `[B·T]`
    pub positions: Address,
    /// f32 `[positions, d/2]`
    pub cos: Address,
    /// f32 `[positions, d/2]`
    pub sin: Address,
}

/// Tensors of the backward pass.
#[derive(Clone, Copy, Debug)]
pub struct Backward {
    /// `[B·T, (H+2G)·d]`
    pub qkv: Address,
    /// As in [`Forward`].
    pub document_start: Address,
    /// `[B·T, H·d]`
    pub out: Address,
    /// f32 `[B, H, T]`
    pub lse: Address,
    /// `[B·T, H·d]`
    pub dout: Address,
    /// f32 `[B, H, T]`, written: Σ dout·out.
    pub delta: Address,
    /// `[B·T, (H+2G)·d]`, written whole.
    pub dqkv: Address,
    /// [`backward_scratch`] bytes; any address if that is 0.
    pub scratch: Address,
    /// Fuses the inverse of RoPE; bf16 only (in f32 launch [`super::rope`]).
    pub rotation: Option<Rotation>,
    /// Shape.
    pub shape: Shape,
}

const FORWARD: &str = "attention_forward";
const BACKWARD: &str = "attention_backward";

/// `out` and `lse`.
pub fn forward(dtype: Dtype, path: Path, op: Forward) -> Result<Launch, LaunchError> {
    let s = op.shape;
    s.check(FORWARD, dtype)?;
    addresses(
        FORWARD,
        &[("qkv", op.qkv), ("document_start", op.document_start), ("out", op.out), ("lse", op.lse)],
    )?;
    let d = s.head_dim;
    let tensors = [Arg::Pointer(op.document_start), Arg::Pointer(op.out), Arg::Pointer(op.lse)];
    let args = |first: Arg| -> Result<Vec<Arg>, LaunchError> {
        Ok([first].into_iter().chain(tensors).chain(s.args(FORWARD)?).collect())
    };
    match (dtype, path) {
        (Dtype::F32, _) => Ok(Launch {
            kernel: format!("attention_forward_f32_d{d}"),
            grid: grid(FORWARD, [s.window.div_ceil(32), s.heads, s.batch])?,
            threads: 256,
            shared: 4 * (96 * (d + 1) + 32 * 33) as u32,
            args: args(Arg::Pointer(op.qkv))?,
        }),
        (Dtype::Bf16, Path::Portable) => {
            let heads = s.heads_of_block(if d == 64 { &[1, 2, 3] } else { &[1, 2] });
            Ok(Launch {
                kernel: format!("attention_forward_d{d}_h{heads}"),
                grid: grid(FORWARD, [s.window.div_ceil(64), s.heads / heads, s.batch])?,
                threads: 128 * heads as u32,
                shared: ((64 * heads + 256) * (d + 8) * 2) as u32,
                args: args(Arg::Pointer(op.qkv))?,
            })
        }
        (Dtype::Bf16, Path::Hopper) => {
            let w = Warpgroups::new(&s);
            let (stages, key_rows) = if d == 64 { (3, 128) } else { (2, 128) };
            Ok(Launch {
                kernel: format!("attention_forward_hopper_d{d}_{}", w.suffix()),
                grid: grid(FORWARD, [s.window.div_ceil(w.rows()), w.blocks(&s), s.batch])?,
                threads: w.threads(),
                shared: (w.consumers * 64 * d * 2 + stages * 2 * key_rows * d * 2) as u32,
                args: args(s.map(op.qkv, s.row(), 64))?,
            })
        }
    }
}

/// How the consumer warpgroups of a Hopper block share the queries: each has 64 rows, of as many heads of one group
/// (`grouped`) or of one head.
struct Warpgroups {
    consumers: usize,
    grouped: bool,
}

impl Warpgroups {
    fn new(s: &Shape) -> Warpgroups {
        let consumers = if s.head_dim == 64 { 3 } else { 2 };
        Warpgroups { consumers, grouped: s.group().is_multiple_of(consumers) }
    }

    fn suffix(&self) -> &'static str {
        if self.grouped { "heads" } else { "rows" }
    }

    /// Queries of a block.
    fn rows(&self) -> usize {
        if self.grouped { 64 } else { 64 * self.consumers }
    }

    /// Blocks of a tile of queries, over all heads.
    fn blocks(&self, s: &Shape) -> usize {
        if self.grouped { s.heads / self.consumers } else { s.heads }
    }

    fn threads(&self) -> u32 {
        128 * (self.consumers as u32 + 1)
    }
}

/// Queries of a tile whose dq the fused kernel sums up, and where in the scratch memory the counters of the tiles begin,
/// and its end.
struct DqSums {
    queries: usize,
    counters: usize,
    end: usize,
}

impl DqSums {
    fn new(s: &Shape) -> DqSums {
        let queries = if s.head_dim == 64 { 128 } else { 64 };
        let tiles = s.batch * s.heads * s.window.div_ceil(queries);
        let counters = 4 * tiles * queries * s.head_dim;
        DqSums { queries, counters, end: counters + (4 * tiles).next_multiple_of(16) }
    }
}

/// Bytes of scratch memory that [`backward`] needs, not cleared: on Hopper dq in f32, and a counter a tile of it.
pub fn backward_scratch(dtype: Dtype, path: Path, shape: Shape) -> usize {
    match (dtype, path) {
        (Dtype::Bf16, Path::Hopper) => DqSums::new(&shape).end,
        (Dtype::F32, _) | (_, Path::Portable) => 0,
    }
}

/// [`backward`] in bf16 on Hopper with dq summed in any order: what the fixed order costs is measured against it. Its dq
/// differs from run to run, so nothing trains with it.
pub fn backward_unordered(op: Backward) -> Result<[Launch; 3], LaunchError> {
    let [mut delta, mut fused, finish] = backward(Dtype::Bf16, Path::Hopper, op)?;
    fused.kernel = fused.kernel.replace("backward", "backward_unordered");
    // The sums begin at zero instead of the counters.
    if let [.., clear, packs] = delta.args.as_mut_slice() {
        *clear = Arg::Pointer(op.scratch);
        *packs = Arg::I64((DqSums::new(&op.shape).counters / 16) as i64);
    }
    Ok([delta, fused, finish])
}

/// `delta` and `dqkv`: three launches. The second has dk and dv; dq is the third's, from the second's sums on Hopper, else
/// independent of it.
pub fn backward(dtype: Dtype, path: Path, op: Backward) -> Result<[Launch; 3], LaunchError> {
    let s = op.shape;
    s.check(BACKWARD, dtype)?;
    addresses(
        BACKWARD,
        &[
            ("qkv", op.qkv),
            ("document_start", op.document_start),
            ("out", op.out),
            ("lse", op.lse),
            ("dout", op.dout),
            ("delta", op.delta),
            ("dqkv", op.dqkv),
        ],
    )?;
    let d = s.head_dim;
    let packs = s.batch * s.window * s.heads * d / dtype.pack();
    let [window, heads, _, _] = s.args(BACKWARD)?;
    let fused = dtype == Dtype::Bf16 && path == Path::Hopper;
    let sums = DqSums::new(&s);
    if fused {
        addresses(BACKWARD, &[("scratch", op.scratch)])?;
    }
    let counters = op.scratch + sums.counters as u64;
    let delta = Launch {
        kernel: format!("attention_delta_{}", dtype.suffix()),
        grid: grid(BACKWARD, [packs.div_ceil(256), 1, 1])?,
        threads: 256,
        shared: 0,
        args: vec![
            Arg::Pointer(op.out),
            Arg::Pointer(op.dout),
            Arg::Pointer(op.delta),
            Arg::I64(packs as i64),
            window,
            heads,
            Arg::I32(int(BACKWARD, "head size", d)?),
            Arg::Pointer(if fused { counters } else { 0 }),
            Arg::I64(if fused { (sums.end - sums.counters) / 16 } else { 0 } as i64),
        ],
    };
    let rest = [Arg::Pointer(op.lse), Arg::Pointer(op.delta), Arg::Pointer(op.dqkv)];
    let rotation: [Arg; 3] = match op.rotation {
        Some(r) => {
            addresses(BACKWARD, &[("positions", r.positions), ("cos", r.cos), ("sin", r.sin)])?;
            [Arg::Pointer(r.positions), Arg::Pointer(r.cos), Arg::Pointer(r.sin)]
        }
        None => [Arg::Pointer(0); 3],
    };
    let args = |qkv: Arg, dout: Arg, fused: bool| -> Result<Vec<Arg>, LaunchError> {
        let all =
            [qkv, Arg::Pointer(op.document_start), dout].into_iter().chain(rest).chain(s.args(BACKWARD)?);
        Ok(if fused { all.chain(rotation).collect() } else { all.collect() })
    };
    let tile = s.window.div_ceil(64);
    let [dkdv, dq] = match (dtype, path) {
        (Dtype::F32, _) => {
            check(BACKWARD, op.rotation.is_none(), || {
                "the f32 kernels do not rotate back; launch rope with `inverse` after them".into()
            })?;
            let tile = s.window.div_ceil(32);
            let plain = |name: &str, heads: usize, shared: usize| -> Result<Launch, LaunchError> {
                Ok(Launch {
                    kernel: format!("attention_{name}_f32_d{d}"),
                    grid: grid(BACKWARD, [tile, heads, s.batch])?,
                    threads: 256,
                    shared: 4 * shared as u32,
                    args: args(Arg::Pointer(op.qkv), Arg::Pointer(op.dout), false)?,
                })
            };
            [
                plain("dkdv", s.kv_heads, 128 * (d + 1) + 2 * 32 * 33 + 64)?,
                plain("dq", s.heads, 128 * (d + 1) + 32 * 33)?,
            ]
        }
        (Dtype::Bf16, Path::Portable) => {
            let queries = if d == 64 { 64 } else { 32 };
            let heads = s.heads_of_block(if d == 64 { &[1, 2, 3] } else { &[1, 2] });
            let all = args(Arg::Pointer(op.qkv), Arg::Pointer(op.dout), true)?;
            [
                Launch {
                    kernel: format!("attention_dkdv_d{d}"),
                    grid: grid(BACKWARD, [tile, s.kv_heads, s.batch])?,
                    threads: 128,
                    shared: ((128 + 4 * queries) * (d + 8) * 2 + 4 * queries * 4) as u32,
                    args: all.clone(),
                },
                Launch {
                    kernel: format!("attention_dq_d{d}_h{heads}"),
                    grid: grid(BACKWARD, [tile, s.heads / heads, s.batch])?,
                    threads: 128 * heads as u32,
                    shared: ((128 * heads + 256) * (d + 8) * 2) as u32,
                    args: all,
                },
            ]
        }
        (Dtype::Bf16, Path::Hopper) => {
            let tile = |rows: usize| 2 * rows * d;
            let scores = 2 * 128 * sums.queries;
            let maps = args(s.map(op.qkv, s.row(), 64), s.map(op.dout, s.heads * d, 64), true)?;
            // Scratch before the shape, and no lse, delta or document starts in the last.
            let (tensors, shape) = maps.split_at(6);
            let finish = [Arg::Pointer(op.scratch), Arg::Pointer(op.dqkv)];
            [
                Launch {
                    kernel: format!("attention_backward_hopper_d{d}"),
                    grid: grid(BACKWARD, [s.window.div_ceil(128), s.kv_heads, s.batch])?,
                    threads: 384,
                    // K and V, two stages of Q and dO, two tiles of dS, dq of the consumers, two stages of lse and delta.
                    shared: (2 * tile(128)
                        + 4 * tile(sums.queries)
                        + 2 * scores
                        + 4 * 2 * 64 * 64
                        + 16 * sums.queries) as u32,
                    args: [tensors, &[Arg::Pointer(op.scratch), Arg::Pointer(counters)], shape].concat(),
                },
                Launch {
                    kernel: format!("attention_dq_finish_d{d}"),
                    grid: grid(BACKWARD, [s.window.div_ceil(64), s.heads, s.batch])?,
                    threads: 128,
                    shared: 0,
                    args: [finish.as_slice(), shape].concat(),
                },
            ]
        }
    };
    Ok([delta, dkdv, dq])
}
