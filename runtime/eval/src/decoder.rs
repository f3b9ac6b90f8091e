//! One sequence read token by token, with the keys and values of what was read kept.
//!
//! A prompt is read in one pass of the operators that training uses; each further token is a pass of matrix-vector
//! products over the weights and one attention over the cache. Both give the logits of a full forward pass, up to the
//! order of summation.

use crate::error::EvalError;
use crate::reader::check;
use crate::sampling::Sampling;
use crate::weights::Weights;
use smolc_kernels_cpu::{self as k, Heads, Pool};
use smolc_plan::Model;

/// Reads tokens and predicts the next one.
pub struct Decoder<'a> {
    weights: Weights<'a>,
    pool: Pool,
    shape: Shape,
    cos: Vec<f32>,
    sin: Vec<f32>,
    cache: Vec<Cache>,
    /// Tokens read.
    position: usize,
    buffers: Buffers,
    /// A continuation under way.
    drawing: Option<Drawing>,
}

/// How the tokens of a continuation are drawn.
struct Drawing {
    sampling: Sampling,
    /// Tokens drawn so far.
    drawn: u64,
    /// What is to be read before the next one is drawn.
    unread: Vec<u32>,
}

struct Shape {
    hidden: usize,
    ffn: usize,
    vocab: usize,
    context: usize,
    heads: Heads,
    eps: f32,
}

/// Keys and values of one layer, `[context, G·d]` each. Untouched pages cost nothing.
struct Cache {
    keys: Vec<f32>,
    values: Vec<f32>,
}

/// Activations of the pass at hand, `m` rows each.
#[derive(Default)]
struct Buffers {
    x: Vec<f32>,
    y: Vec<f32>,
    normed: Vec<f32>,
    rstd: Vec<f32>,
    qkv: Vec<f32>,
    attended: Vec<f32>,
    lse: Vec<f32>,
    gate_up: Vec<f32>,
    activated: Vec<f32>,
    positions: Vec<u32>,
    document_start: Vec<u32>,
    logits: Vec<f32>,
}

impl<'a> Decoder<'a> {
    /// A decoder at the beginning of a sequence of at most `context` tokens (at most the model's).
    ///
    /// Errors when the weights do not have the model's shapes, or `context` is 0 or beyond the model's.
    pub fn new(
        weights: Weights<'a>,
        model: &Model,
        context: usize,
        threads: usize,
    ) -> Result<Decoder<'a>, EvalError> {
        let size = |n: u64| usize::try_from(n).map_err(|_| EvalError::Program(format!("{n} is too large")));
        let heads = Heads {
            heads: size(model.heads)?,
            kv_heads: size(model.kv_heads)?,
            head_dim: size(model.head_dim)?,
        };
        let shape = Shape {
            hidden: size(model.hidden)?,
            ffn: size(model.ffn)?,
            vocab: size(model.vocab)?,
            context,
            heads,
            eps: model.norm_eps as f32,
        };
        if context == 0 || context as u64 > model.context {
            return Err(EvalError::Option {
                option: "context",
                value: context.to_string(),
                range: "at least 1 and at most the model's own context",
            });
        }
        shape.check(&weights, model)?;
        let table = context.checked_mul(heads.head_dim / 2).ok_or_else(too_large)?;
        let (mut cos, mut sin) = (vec![0.0; table], vec![0.0; table]);
        smolc_engine::fill_rope_tables(&model.rope, heads.head_dim, &mut cos, &mut sin);
        let row = heads.kv_heads * heads.head_dim;
        let cached = context.checked_mul(row).ok_or_else(too_large)?;
        let cache = weights.layers.iter();
        let cache = cache.map(|_| Cache { keys: vec![0.0; cached], values: vec![0.0; cached] }).collect();
        let buffers = Buffers::default();
        let pool = Pool::new(threads);
        Ok(Decoder { weights, pool, shape, cos, sin, cache, position: 0, buffers, drawing: None })
    }

    /// Tokens read so far.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Most tokens it can read.
    pub fn context(&self) -> usize {
        self.shape.context
    }

    /// Forgets what was read.
    pub fn reset(&mut self) {
        self.position = 0;
    }

    /// Reads tokens; returns the logits `[V]` of the token that follows them.
    ///
    /// Errors when there are none, when one is outside the vocabulary, and when they do not fit into the context; what
    /// was read before then stays as it is.
    pub fn read(&mut self, tokens: &[u32]) -> Result<&[f32], EvalError> {
        check(tokens, self.position, self.shape.context, self.shape.vocab)?;
        if self.position == 0 && tokens.len() > 1 {
            self.pass(tokens)?;
        } else {
            for token in tokens {
                self.pass(std::slice::from_ref(token))?;
            }
        }
        let b = &mut self.buffers;
        let last = b.x.len() - self.shape.hidden;
        b.normed.resize(self.shape.hidden, 0.0);
        b.rstd.resize(1, 0.0);
        let x = b.x.get(last..).unwrap_or_default();
        k::rms_norm(
            &self.pool,
            x,
            self.weights.norm,
            &mut b.normed,
            &mut b.rstd,
            self.shape.hidden,
            self.shape.eps,
        );
        b.logits.resize(self.shape.vocab, 0.0);
        k::gemv(&self.pool, &b.normed, self.weights.head, None, None, &mut b.logits);
        Ok(&b.logits)
    }

    /// Begins a continuation of `prompt`, which is read from here on.
    pub(crate) fn draw_from(&mut self, prompt: &[u32], sampling: &Sampling) -> Result<(), EvalError> {
        check(prompt, self.position, self.shape.context, self.shape.vocab)?;
        self.drawing = Some(Drawing { sampling: sampling.clone(), drawn: 0, unread: prompt.to_vec() });
        Ok(())
    }

    /// The next token of the continuation.
    pub(crate) fn draw(&mut self) -> Result<u32, EvalError> {
        let Some(mut drawing) = self.drawing.take() else { return Err(EvalError::EmptyPrompt) };
        self.read(&drawing.unread)?;
        let chosen = drawing.sampling.choose(&self.buffers.logits, drawing.drawn);
        let token = chosen.ok_or(EvalError::NotFinite { position: self.position })?;
        drawing.drawn += 1;
        drawing.unread = vec![token];
        self.drawing = Some(drawing);
        Ok(token)
    }

    /// All layers over `tokens`: any number at the beginning, one afterwards. Leaves the residual stream in `x`.
    fn pass(&mut self, tokens: &[u32]) -> Result<(), EvalError> {
        let Decoder { weights, pool, shape, cos, sin, cache, position, buffers: b, drawing: _ } = self;
        let (m, d, f, heads) = (tokens.len(), shape.hidden, shape.ffn, shape.heads);
        let (q, kv) = (heads.out_row(), heads.kv_heads * heads.head_dim);
        b.resize(m, d, f, heads);
        b.positions.clear();
        for i in 0..m {
            b.positions.push(u32::try_from(*position + i).map_err(|_| too_large())?);
        }
        k::embed(pool, tokens, weights.embed, &mut b.x, d);
        for (layer, cache) in weights.layers.iter().zip(cache) {
            k::rms_norm(pool, &b.x, layer.norm1, &mut b.normed, &mut b.rstd, d, shape.eps);
            linear(pool, &b.normed, layer.qkv, layer.qkv_bias, None, &mut b.qkv, (m, heads.row(), d));
            k::rope(pool, &mut b.qkv, &b.positions, cos, sin, heads);
            let kept = *position * kv;
            for (row, (keys, values)) in b
                .qkv
                .chunks_exact(heads.row())
                .zip(cache.keys.chunks_exact_mut(kv).zip(cache.values.chunks_exact_mut(kv)).skip(*position))
            {
                let (_, merged) = row.split_at(q);
                let (new_keys, new_values) = merged.split_at(kv);
                keys.copy_from_slice(new_keys);
                values.copy_from_slice(new_values);
            }
            if kept == 0 && m > 1 {
                let (starts, lse) = (&b.document_start, &mut b.lse);
                k::attention(pool, &b.qkv, starts, &mut b.attended, lse, 1, m, heads);
            } else {
                let query = b.qkv.get(..q).unwrap_or_default();
                let len = *position + 1;
                k::attention_decode(pool, query, &cache.keys, &cache.values, &mut b.attended, len, heads);
            }
            linear(pool, &b.attended, layer.o, None, Some(&b.x), &mut b.y, (m, d, q));
            k::rms_norm(pool, &b.y, layer.norm2, &mut b.normed, &mut b.rstd, d, shape.eps);
            linear(pool, &b.normed, layer.gate_up, None, None, &mut b.gate_up, (m, 2 * f, d));
            k::swiglu(pool, &b.gate_up, &mut b.activated, f);
            linear(pool, &b.activated, layer.down, None, Some(&b.y), &mut b.x, (m, d, f));
        }
        *position += m;
        Ok(())
    }
}

/// `m` rows through a linear layer: a product, or one pass over the weights.
fn linear(
    pool: &Pool,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    residual: Option<&[f32]>,
    out: &mut [f32],
    (m, n, width): (usize, usize, usize),
) {
    if m == 1 {
        k::gemv(pool, x, weight, bias, residual, out);
    } else {
        k::linear(pool, x, weight, bias, residual, out, m, n, width);
    }
}

fn too_large() -> EvalError {
    EvalError::Program("its sizes do not fit into memory".into())
}

impl Shape {
    /// The operators panic on slices of other lengths, so they are checked here.
    fn check(&self, weights: &Weights<'_>, model: &Model) -> Result<(), EvalError> {
        let Heads { heads, kv_heads, head_dim } = self.heads;
        if kv_heads == 0 || !heads.is_multiple_of(kv_heads) || !head_dim.is_multiple_of(2) {
            return Err(EvalError::Program(format!(
                "{heads} heads of {head_dim} do not share {kv_heads} key/value heads"
            )));
        }
        let (d, f, v) = (self.hidden, self.ffn, self.vocab);
        let mut wanted =
            vec![("embed", weights.embed, v * d), ("norm", weights.norm, d), ("head", weights.head, v * d)];
        for layer in &weights.layers {
            wanted.extend([
                ("norm1", layer.norm1, d),
                ("qkv", layer.qkv, self.heads.row() * d),
                ("o", layer.o, self.heads.out_row() * d),
                ("norm2", layer.norm2, d),
                ("gate_up", layer.gate_up, 2 * f * d),
                ("down", layer.down, f * d),
            ]);
            wanted.extend(layer.qkv_bias.map(|bias| ("qkv bias", bias, self.heads.row())));
        }
        if weights.layers.len() as u64 != model.layers {
            return Err(EvalError::Program(format!("{} layers, not {}", weights.layers.len(), model.layers)));
        }
        match wanted.iter().find(|(_, slice, len)| slice.len() != *len) {
            Some((name, slice, len)) => {
                Err(EvalError::Program(format!("`{name}` has {} values, not {len}", slice.len())))
            }
            None => Ok(()),
        }
    }
}

impl Buffers {
    fn resize(&mut self, m: usize, d: usize, f: usize, heads: Heads) {
        for (buffer, row) in [
            (&mut self.x, d),
            (&mut self.y, d),
            (&mut self.normed, d),
            (&mut self.rstd, 1),
            (&mut self.qkv, heads.row()),
            (&mut self.attended, heads.out_row()),
            (&mut self.lse, heads.heads),
            (&mut self.gate_up, 2 * f),
            (&mut self.activated, f),
        ] {
            buffer.resize(m * row, 0.0);
        }
        self.document_start.resize(m, 0);
    }
}
