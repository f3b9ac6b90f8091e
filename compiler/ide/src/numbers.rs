//! Counts as people say them.

use smolc_check::rational::Fraction;
use smolc_check::share::Share;
use smolc_check::units::grouped;
use smolc_plan::{Batch, Family, Model};

/// `1.71B`, `6.1M`, `4,096`.
pub fn short(n: f64) -> String {
    for (scale, letter) in [(1e12, "T"), (1e9, "B"), (1e6, "M")] {
        // What rounds to a thousand of one letter is one of the next.
        if n >= scale * 0.999_995 {
            let text = format!("{:.2}", n / scale);
            return format!("{}{letter}", text.trim_end_matches('0').trim_end_matches('.'));
        }
    }
    grouped(n.round() as i128)
}

/// `1 step`, `5,240,000 steps`.
pub fn steps(n: u64) -> String {
    format!("{} step{}", grouped(n.into()), if n == 1 { "" } else { "s" })
}

/// Passes over a dataset: `0.46 epochs`.
pub fn epochs(tokens: f64, size: u64) -> String {
    let n = tokens / size as f64;
    let text = if n >= 0.01 { format!("{n:.2}") } else { format!("{n:.1e}") };
    format!("{text} epochs")
}

/// Tokens that `steps` draw by a share, in whole samples as the plan counts them; by one that changes over the stage, its
/// mean.
pub fn share(weight: &Share, steps: u64, batch: &Batch) -> f64 {
    let mean = weight.mean().unwrap_or_else(|| weight.start());
    let samples = steps.checked_mul(batch.sequences).and_then(|n| mean.mul(Fraction::integer(n)));
    let tokens = samples.and_then(|n| u64::try_from(n.floor()).ok()?.checked_mul(batch.window));
    tokens.map_or_else(|| mean.to_f64() * steps as f64 * batch.tokens() as f64, |n| n as f64)
}

/// A share as it is written: `60%`, `5% -> 14%`.
pub fn percent(weight: &Share) -> String {
    let percent = smolc_check::units::percent;
    match weight.same() {
        Some(same) => percent(same),
        None => format!("{} -> {}", percent(weight.start()), percent(weight.end())),
    }
}

/// A learning rate with four digits: `5.000e-4`.
pub fn rate(lr: f64) -> String {
    if lr == 0.0 { "0".to_owned() } else { format!("{lr:.3e}") }
}

/// Parameters of a model: the embedding, the head unless it is tied, per layer the projections of attention and SwiGLU,
/// biases of q, k and v where the family has them, and two norms; one norm at the end. `None` past 2^128.
pub fn parameters(m: &Model) -> Option<u128> {
    let n = |x: u64| u128::from(x);
    let q = n(m.heads).checked_mul(n(m.head_dim))?;
    let kv = n(m.kv_heads).checked_mul(n(m.head_dim))?;
    let hidden = n(m.hidden);
    let attention = hidden.checked_mul(q.checked_mul(2)?.checked_add(kv.checked_mul(2)?)?)?;
    let mlp = hidden.checked_mul(n(m.ffn))?.checked_mul(3)?;
    let bias = if m.family == Family::Qwen2 { q.checked_add(kv.checked_mul(2)?)? } else { 0 };
    let layer = attention.checked_add(mlp)?.checked_add(bias)?.checked_add(hidden.checked_mul(2)?)?;
    let tables = if m.tied { 1 } else { 2 };
    let vocab = n(m.vocab).checked_mul(hidden)?.checked_mul(tables)?;
    layer.checked_mul(n(m.layers))?.checked_add(vocab)?.checked_add(hidden)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Analysis;
    use smolc_check::MemoryWorld;
    use smolc_check::value::{ItemId, Value};

    /// The counts that the standard library states in its comments.
    #[test]
    fn published_models_have_their_published_sizes() {
        for (name, count) in
            [("smollm2_1b7", 1_711_376_384), ("smollm2_360m", 361_821_120), ("smollm2_135m", 134_515_008)]
        {
            let text = format!("smol 1\nuse std.models.{{{name}}}\nmodel m = {name} with {{ }}\n");
            let world = MemoryWorld::with_file("a.smol", &text);
            let analysis = Analysis::new(&world, "a.smol", &[]);
            let node = analysis.value(ItemId { module: 0, item: 1 }).unwrap();
            let Value::Object(o) = &node.value else { panic!("{node:?}") };
            let model = smolc_check::schema::model::build("m", o).unwrap().model;
            assert_eq!(parameters(&model), Some(count), "{name}");
        }
    }

    /// The first stage of specs/quickstart.smol: the plan counts the same.
    #[test]
    fn a_share_is_whole_samples() {
        let batch = Batch { sequences: 8, window: 256, micro: 8 };
        let percent = |n| Fraction::new(n, 100).unwrap();
        assert_eq!(share(&Share::constant(percent(80)), 303, &batch), 496_384.0);
        assert_eq!(share(&Share::ramp(percent(10), percent(30)).unwrap(), 303, &batch), 123_904.0);
        assert_eq!(share(&Share::one(), u64::MAX, &batch), u64::MAX as f64 * 2048.0);
    }

    #[test]
    fn counts_read_well() {
        assert_eq!(short(1_711_376_384.0), "1.71B");
        assert_eq!(short(6e12), "6T");
        assert_eq!(short(4096.0), "4,096");
        assert_eq!(short(999_997_440.0), "1B");
        assert_eq!(steps(1), "1 step");
        assert_eq!(epochs(6e11, 1_300_000_000_000), "0.46 epochs");
    }
}
