//! Models and batches of measurements.

use smolc_engine::Micro;
use smolc_plan::{Family, Init, Model, Rope};

/// A model by name: the three of SmolLM2, and tiny ones that cover the kernels' cases.
pub fn model(name: &str) -> Option<Model> {
    let (family, layers, hidden, ffn, heads, kv_heads, vocab, tied) = match name {
        "135m" => (Family::Llama, 30, 576, 1536, 9, 3, 49_152, true),
        "360m" => (Family::Llama, 32, 960, 2560, 15, 5, 49_152, true),
        "1.7b" => (Family::Llama, 24, 2048, 8192, 32, 32, 49_152, true),
        "tiny-gqa3" => (Family::Llama, 2, 192, 256, 3, 1, 320, true),
        "tiny-mha" => (Family::Llama, 2, 128, 192, 2, 2, 333, false),
        "tiny-bias" => (Family::Qwen2, 2, 128, 160, 2, 1, 320, true),
        "tiny-d128" => (Family::Llama, 1, 256, 192, 2, 1, 256, false),
        _ => return None,
    };
    Some(Model {
        name: name.into(),
        family,
        layers,
        hidden,
        ffn,
        heads,
        kv_heads,
        head_dim: hidden / heads,
        vocab,
        context: 16_384,
        tied,
        norm_eps: 1e-5,
        rope: Rope { theta: 10_000.0, scaling: None, skip_every: None },
        init: Init { std: 0.02 },
    })
}

/// One micro-batch: ids with Zipf's frequencies, documents of very different lengths, the last token of each masked where there is another.
pub struct Batch {
    tokens: Vec<u32>,
    targets: Vec<u32>,
    weights: Vec<f32>,
    positions: Vec<u32>,
    document_start: Vec<u32>,
}

impl Batch {
    /// `sequences` of `window` tokens; with `documents`, of several documents each.
    pub fn new(seed: u64, vocab: u64, sequences: usize, window: usize, documents: bool) -> Batch {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut uniform = || {
            // Knuth's MMIX generator; the upper bits are random enough for test data.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        let n = sequences * window;
        let mut batch = Batch {
            tokens: Vec::with_capacity(n),
            targets: Vec::with_capacity(n),
            weights: Vec::with_capacity(n),
            positions: Vec::with_capacity(n),
            document_start: Vec::with_capacity(n),
        };
        // The inverse of Zipf's distribution with exponent 1: rank = V^u.
        let draw = |u: f64| ((vocab as f64).powf(u) as u64 - 1).min(vocab - 1) as u32;
        for _ in 0..sequences {
            let (mut start, mut end) = (0usize, 0usize);
            for t in 0..window {
                if t == end {
                    start = t;
                    // From one token to the whole window, evenly in the logarithm.
                    let length = if documents { (window as f64).powf(uniform()) as usize } else { window };
                    end = t + length.max(1);
                }
                batch.tokens.push(draw(uniform()));
                batch.positions.push((t - start) as u32);
                batch.document_start.push(start as u32);
                // A window of one token has nothing but its last.
                let last = window > 1 && (t + 1 == end || t + 1 == window);
                batch.weights.push(if last { 0.0 } else { 1.0 });
            }
        }
        let shifted = batch.tokens.iter().skip(1).copied().chain([0]);
        batch.targets = shifted.collect();
        batch
    }

    /// As the engine takes it.
    pub fn micro(&self) -> Micro<'_> {
        Micro {
            tokens: &self.tokens,
            targets: &self.targets,
            weights: &self.weights,
            positions: &self.positions,
            document_start: &self.document_start,
        }
    }

    /// Σ weights.
    pub fn targets(&self) -> f64 {
        self.weights.iter().map(|w| f64::from(*w)).sum()
    }
}
