//! `config.json`, read and written.

use super::{HfError, Special};
use serde_json::{Map, Value, json};
use smolc_plan::{Family, Init, Model, Precision, Rope, RopeScaling};
use std::path::{Path, PathBuf};

/// What `config.json` says.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The model's shape. Its name is the folder's.
    pub model: Model,
    /// Special tokens; those of `generation_config.json` if that file states them.
    pub special: Special,
    /// In what its weights are stored and meant to be computed with: bf16 if `dtype` (or `torch_dtype`) says `bfloat16`.
    pub precision: Precision,
}

/// Reads the shape of the model in a folder.
///
/// Errors when a setting is missing or impossible, and when one asks for arithmetic that the engine does not have:
/// another architecture or activation, biases Llama does not have, RoPE types other than `default` and `llama3`,
/// interleaved or partial RoPE, sliding windows, quantization.
pub fn read_config(dir: &Path) -> Result<Config, HfError> {
    let path = dir.join("config.json");
    let fields = Fields { map: object(&path)?, path };
    let family = match fields.text("model_type")?.as_str() {
        "llama" => Family::Llama,
        "qwen2" => Family::Qwen2,
        other => return Err(fields.unsupported("model_type", other, "llama and qwen2 are")),
    };
    fields.refuse(family)?;
    let (hidden, heads) = (fields.positive("hidden_size")?, fields.positive("num_attention_heads")?);
    let kv_heads = fields.optional("num_key_value_heads", heads)?;
    let head_dim = fields.optional("head_dim", hidden / heads)?;
    if heads % kv_heads != 0 {
        return Err(fields
            .field("num_key_value_heads", format!("is {kv_heads}, which does not divide {heads} heads")));
    }
    if head_dim == 0 || head_dim % 2 != 0 {
        return Err(
            fields.field("head_dim", format!("is {head_dim}; RoPE needs an even number of at least 2"))
        );
    }
    let model = Model {
        name: dir.file_name().map_or_else(|| "model".to_string(), |n| n.to_string_lossy().into_owned()),
        family,
        layers: fields.positive("num_hidden_layers")?,
        hidden,
        ffn: fields.positive("intermediate_size")?,
        heads,
        kv_heads,
        head_dim,
        vocab: fields.positive("vocab_size")?,
        context: fields.positive("max_position_embeddings")?,
        tied: fields.flag("tie_word_embeddings", false)?,
        norm_eps: fields.number("rms_norm_eps", Some(1e-6))?,
        rope: fields.rope()?,
        init: Init { std: fields.number("initializer_range", Some(0.02))? },
    };
    let mut special = fields.special()?;
    let generation = dir.join("generation_config.json");
    if generation.exists() {
        let own = Fields { map: object(&generation)?, path: generation }.special()?;
        special.bos = own.bos.or(special.bos);
        if !own.eos.is_empty() {
            special.eos = own.eos;
        }
    }
    let half = ["dtype", "torch_dtype"]
        .into_iter()
        .find_map(|name| fields.get(name))
        .is_some_and(|d| d == "bfloat16");
    let precision = if half { Precision::Bf16 } else { Precision::F32 };
    Ok(Config { model, special, precision })
}

/// The `config.json` of a model, in both spellings of RoPE.
pub(super) fn to_json(model: &Model, special: &Special) -> Value {
    let (kind, class) = match model.family {
        Family::Llama => ("llama", "LlamaForCausalLM"),
        Family::Qwen2 => ("qwen2", "Qwen2ForCausalLM"),
    };
    let scaling = model.rope.scaling.as_ref().map(|s| {
        json!({
            "rope_type": "llama3", "factor": s.factor, "low_freq_factor": s.low_freq_factor,
            "high_freq_factor": s.high_freq_factor, "original_max_position_embeddings": s.original_context,
        })
    });
    let mut parameters = scaling.clone().unwrap_or_else(|| json!({ "rope_type": "default" }));
    parameters["rope_theta"] = json!(model.rope.theta);
    let mut config = json!({
        "architectures": [class],
        "model_type": kind,
        "hidden_size": model.hidden,
        "intermediate_size": model.ffn,
        "num_hidden_layers": model.layers,
        "num_attention_heads": model.heads,
        "num_key_value_heads": model.kv_heads,
        "head_dim": model.head_dim,
        "vocab_size": model.vocab,
        "max_position_embeddings": model.context,
        "tie_word_embeddings": model.tied,
        "rms_norm_eps": model.norm_eps,
        "hidden_act": "silu",
        "initializer_range": model.init.std,
        "rope_parameters": parameters,
        "rope_theta": model.rope.theta,
        "rope_scaling": scaling,
        "bos_token_id": special.bos,
        "eos_token_id": special.eos_json(),
        "torch_dtype": "float32",
        "use_cache": true,
    });
    match model.family {
        Family::Llama => {
            config["attention_bias"] = json!(false);
            config["mlp_bias"] = json!(false);
        }
        Family::Qwen2 => config["use_sliding_window"] = json!(false),
    }
    config
}

impl Special {
    /// As Hugging Face writes it: null, one id, or a list.
    pub(super) fn eos_json(&self) -> Value {
        match self.eos.as_slice() {
            [] => Value::Null,
            [one] => json!(one),
            many => json!(many),
        }
    }
}

fn object(path: &Path) -> Result<Map<String, Value>, HfError> {
    let bytes = fs_err::read(path)?;
    serde_json::from_slice(&bytes).map_err(|source| HfError::Json { path: path.to_path_buf(), source })
}

/// The settings of a file; a `null` counts as absent.
struct Fields {
    path: PathBuf,
    map: Map<String, Value>,
}

impl Fields {
    fn get(&self, name: &str) -> Option<&Value> {
        self.map.get(name).filter(|v| !v.is_null())
    }

    fn field(&self, field: &str, problem: impl Into<String>) -> HfError {
        HfError::Field { path: self.path.clone(), field: field.to_string(), problem: problem.into() }
    }

    fn unsupported(&self, field: &str, value: impl ToString, instead: &str) -> HfError {
        let (path, field, instead) = (self.path.clone(), field.to_string(), instead.to_string());
        HfError::Unsupported { path, field, value: value.to_string(), instead }
    }

    fn text(&self, name: &str) -> Result<String, HfError> {
        match self.get(name) {
            Some(Value::String(s)) => Ok(s.clone()),
            Some(other) => Err(self.field(name, format!("is {other}, not a text"))),
            None => Err(self.field(name, "is missing")),
        }
    }

    fn positive(&self, name: &str) -> Result<u64, HfError> {
        match self.get(name) {
            Some(v) => match v.as_u64() {
                Some(n) if n > 0 => Ok(n),
                _ => Err(self.field(name, format!("is {v}, not a positive whole number"))),
            },
            None => Err(self.field(name, "is missing")),
        }
    }

    fn optional(&self, name: &str, default: u64) -> Result<u64, HfError> {
        if self.get(name).is_some() { self.positive(name) } else { Ok(default) }
    }

    fn flag(&self, name: &str, default: bool) -> Result<bool, HfError> {
        match self.get(name) {
            None => Ok(default),
            Some(Value::Bool(b)) => Ok(*b),
            Some(other) => Err(self.field(name, format!("is {other}, not true or false"))),
        }
    }

    fn number(&self, name: &str, default: Option<f64>) -> Result<f64, HfError> {
        match (self.get(name), default) {
            (Some(v), _) => match v.as_f64() {
                Some(x) if x.is_finite() && x > 0.0 => Ok(x),
                _ => Err(self.field(name, format!("is {v}, not a positive number"))),
            },
            (None, Some(x)) => Ok(x),
            (None, None) => Err(self.field(name, "is missing")),
        }
    }

    /// Settings that would change the arithmetic.
    fn refuse(&self, family: Family) -> Result<(), HfError> {
        if let Some(act) = self.get("hidden_act").filter(|v| v.as_str() != Some("silu")) {
            return Err(self.unsupported("hidden_act", act, "silu is"));
        }
        let never: &[&str] = match family {
            Family::Llama => &["attention_bias", "mlp_bias", "rope_interleaved", "use_sliding_window"],
            Family::Qwen2 => &["mlp_bias", "rope_interleaved", "use_sliding_window"],
        };
        for name in never {
            if self.flag(name, false)? {
                return Err(self.unsupported(name, "true", "false is"));
            }
        }
        if family == Family::Qwen2 && !self.flag("attention_bias", true)? {
            return Err(self.unsupported("attention_bias", "false", "Qwen2 has biases on q, k and v"));
        }
        // Qwen2's published configs state a window and then turn it off.
        let off = self.get("use_sliding_window").is_some();
        if let Some(window) = self.get("sliding_window").filter(|_| !off) {
            return Err(self.unsupported("sliding_window", window, "null is"));
        }
        let layers = self.get("layer_types").and_then(Value::as_array).into_iter().flatten();
        if let Some(kind) = layers.into_iter().find(|v| v.as_str() != Some("full_attention")) {
            return Err(self.unsupported("layer_types", kind, "full_attention is"));
        }
        if let Some(part) = self.get("partial_rotary_factor").filter(|v| v.as_f64() != Some(1.0)) {
            return Err(self.unsupported("partial_rotary_factor", part, "1.0 is"));
        }
        if self.get("quantization_config").is_some() {
            return Err(self.unsupported("quantization_config", "set", "F32, BF16 and F16 weights are"));
        }
        Ok(())
    }

    fn rope(&self) -> Result<Rope, HfError> {
        let name = if self.get("rope_parameters").is_some() { "rope_parameters" } else { "rope_scaling" };
        let Some(value) = self.get(name) else {
            return Ok(Rope {
                theta: self.number("rope_theta", Some(10_000.0))?,
                scaling: None,
                skip_every: None,
            });
        };
        let Value::Object(map) = value else {
            return Err(self.field(name, format!("is {value}, not an object")));
        };
        let inner = Fields { path: self.path.clone(), map: map.clone() };
        let fallback = self.number("rope_theta", Some(10_000.0))?;
        let theta = inner.number("rope_theta", Some(fallback))?;
        if let Some(part) = inner.get("partial_rotary_factor").filter(|v| v.as_f64() != Some(1.0)) {
            return Err(self.unsupported("partial_rotary_factor", part, "1.0 is"));
        }
        let kind = inner.get("rope_type").or_else(|| inner.get("type")).and_then(Value::as_str);
        let scaling = match kind {
            Some("default") | None if name == "rope_parameters" => None,
            Some("default") => None,
            Some("llama3") => {
                let scaling = RopeScaling {
                    factor: inner.number("factor", None)?,
                    low_freq_factor: inner.number("low_freq_factor", None)?,
                    high_freq_factor: inner.number("high_freq_factor", None)?,
                    original_context: inner.positive("original_max_position_embeddings")?,
                };
                if scaling.high_freq_factor <= scaling.low_freq_factor {
                    return Err(self.field("high_freq_factor", "is not greater than `low_freq_factor`"));
                }
                Some(scaling)
            }
            other => {
                let field = format!("{name}.rope_type");
                return Err(self.unsupported(&field, other.unwrap_or("missing"), "default and llama3 are"));
            }
        };
        Ok(Rope { theta, scaling, skip_every: None })
    }

    fn special(&self) -> Result<Special, HfError> {
        let id = |name: &str, v: &Value| {
            let id = v.as_u64().and_then(|n| u32::try_from(n).ok());
            id.ok_or_else(|| self.field(name, format!("is {v}, not a token id")))
        };
        let eos = match self.get("eos_token_id") {
            None => Vec::new(),
            Some(Value::Array(list)) => {
                list.iter().map(|v| id("eos_token_id", v)).collect::<Result<_, _>>()?
            }
            Some(one) => vec![id("eos_token_id", one)?],
        };
        let bos = self.get("bos_token_id").map(|v| id("bos_token_id", v)).transpose()?;
        Ok(Special { bos, eos })
    }
}
