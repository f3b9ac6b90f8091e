//! The model: `model_config` as a `Llama` of the library.

use crate::config::Config;
use crate::schedule::rate;
use crate::{Finding, ImportError, Kind};

const SECTION: &str = "model.model_config";

/// A model's record, and how many parameters it has.
pub struct Model {
    /// `Llama { … }`
    pub text: String,
    /// Parameters, each tied weight once.
    pub parameters: u64,
    /// Tokens attend within their document.
    pub document_mask: bool,
}

/// The model of a configuration.
pub fn model(config: &Config, findings: &mut Vec<Finding>) -> Result<Model, ImportError> {
    let key = |name: &str| format!("{SECTION}.{name}");
    let integer = |name: &str| config.integer(&key(name));
    let (layers, hidden, ffn) =
        (integer("num_hidden_layers")?, integer("hidden_size")?, integer("intermediate_size")?);
    let heads = integer("num_attention_heads")?;
    let kv_heads = config.maybe_integer(&key("num_key_value_heads"))?.unwrap_or(heads);
    let (vocab, context) = (integer("vocab_size")?, integer("max_position_embeddings")?);
    let theta = config.number(&key("rope_theta"))?.unwrap_or(10_000.0);
    let eps = config.number(&key("rms_norm_eps"))?.unwrap_or(1e-6);
    let tied = config.flag(&key("tie_word_embeddings"));
    let std = config.number("model.init_method.std")?;
    if let Some(path) = config.text("model.init_method.path") {
        let text = format!("begins with the weights of `{path}`; the spec begins anew");
        findings.push(config.finding(Kind::Lost, "model.init_method.path", text));
    }
    let mut say = |kind, name: &str, text: String| findings.push(config.finding(kind, &key(name), text));
    if let Some(act) = config.text(&key("hidden_act")).filter(|a| *a != "silu") {
        say(Kind::Lost, "hidden_act", format!("is `{act}`; models of the library use silu"));
    }
    // An older name and the present one.
    if let Some(name) = ["rope_interleaved", "interleaved_rotary"].into_iter().find(|n| config.flag(&key(n)))
    {
        say(
            Kind::Wrong,
            name,
            "is true: q and k are rotated in neighboring pairs, and the conversion to Hugging Face forgets it, so that an \
             exported model computes something else; the spec rotates halves, as Hugging Face does"
                .into(),
        );
    }
    if let (Some(std), Some(range)) = (std, config.number(&key("initializer_range"))?)
        && std != range
    {
        say(
            Kind::Wrong,
            "initializer_range",
            format!("is {range}, the initialization used is model.init_method.std, {std}"),
        );
    }
    if config.flag(&key("z_loss_enabled")) {
        say(Kind::Lost, "z_loss_enabled", "is true; there is no z-loss in a spec".into());
    }
    for name in ["moe_config", "sliding_window_size", "flex_attention_mask"] {
        if let Some(value) = config.get(&key(name)) {
            say(Kind::Lost, name, format!("is {value}; a spec cannot say it"));
        }
    }
    if let Some(divisor) = config.maybe_integer("model.make_vocab_size_divisible_by")?.filter(|n| *n > 1)
        && !vocab.is_multiple_of(divisor)
    {
        say(
            Kind::Lost,
            "vocab_size",
            format!("is {vocab}, which nanotron pads to a multiple of {divisor}; the spec does not"),
        );
    }
    // Biases are the difference between the two families, and nanotron's Qwen2 has them only where it says so.
    let qwen = config.flag(&key("attention_bias"));
    if qwen && !config.flag(&key("is_qwen2_config")) {
        say(
            Kind::Wrong,
            "attention_bias",
            "is true, but nanotron's Llama has no biases whatever it says; the spec has them".into(),
        );
    }
    let scaling = scaling(config, findings)?;
    let skip = config.maybe_integer(&key("no_rope_layer"))?.filter(|n| *n > 0);
    let skip = skip.map_or_else(String::new, |every| format!(", skip_every: {every}"));
    let head_dim = config.maybe_integer(&key("head_dim"))?;
    let head_text = head_dim.map_or_else(String::new, |d| format!(", head_dim: {d}"));
    let init = std.map_or_else(String::new, |s| format!(", init: {{ std: {} }}", rate(s)));
    let text = format!(
        "{} {{\n  layers: {layers}, hidden: {hidden}, ffn: {ffn}, heads: {heads}, kv_heads: {kv_heads}{head_text}\n  vocab: \
         {vocab}, context: {context} tokens, tied: {tied}, norm_eps: {}\n  rope: {{ theta: {}{scaling}{skip} }}{init}\n}}",
        if qwen { "Qwen2" } else { "Llama" },
        rate(eps),
        rate(theta),
    );
    let d = head_dim.or(hidden.checked_div(heads)).unwrap_or(0);
    // Bounded against numbers nobody means: a hostile file must not overflow.
    let product = |factors: &[u64]| factors.iter().fold(1u64, |p, f| p.saturating_mul(*f));
    let width = heads.saturating_add(kv_heads).saturating_mul(2);
    let layer = [product(&[width, d, hidden]), product(&[3, hidden, ffn]), product(&[2, hidden])];
    let embeddings = product(&[vocab, hidden, if tied { 1 } else { 2 }]);
    let layer = layer.iter().fold(0u64, |s, n| s.saturating_add(*n));
    let parameters = layer.saturating_mul(layers).saturating_add(embeddings).saturating_add(hidden);
    Ok(Model { text, parameters, document_mask: config.flag(&key("_use_doc_masking")) })
}

fn scaling(config: &Config, findings: &mut Vec<Finding>) -> Result<String, ImportError> {
    let key = format!("{SECTION}.rope_scaling");
    if config.get(&key).is_none() {
        return Ok(String::new());
    }
    let number = |name: &str| config.number(&format!("{key}.{name}"));
    let kind = config.text(&format!("{key}.rope_type")).or_else(|| config.text(&format!("{key}.type")));
    match (number("factor")?, number("low_freq_factor")?, number("high_freq_factor")?) {
        (Some(factor), Some(low), Some(high)) if kind == Some("llama3") => {
            let original = config.integer(&format!("{key}.original_max_position_embeddings"))?;
            Ok(format!(
                ", scaling: {{ factor: {}, low_freq_factor: {}, high_freq_factor: {}, original_context: {original} tokens }}",
                rate(factor),
                rate(low),
                rate(high)
            ))
        }
        _ => {
            let text = format!("of type `{}` cannot be said in a spec", kind.unwrap_or("?"));
            findings.push(config.finding(Kind::Lost, &key, text));
            Ok(String::new())
        }
    }
}

/// The size that a run's name claims, `smollm2-1700M`, in parameters.
pub fn claimed(name: &str) -> Option<f64> {
    let lower = name.to_lowercase();
    lower.split(['-', '_', '/']).find_map(|word| {
        let (unit, digits) = match (word.strip_suffix('m'), word.strip_suffix('b')) {
            (Some(digits), _) => (1e6, digits),
            (_, Some(digits)) => (1e9, digits),
            _ => return None,
        };
        digits.replace('p', ".").parse::<f64>().ok().filter(|n| *n > 0.0).map(|n| n * unit)
    })
}
