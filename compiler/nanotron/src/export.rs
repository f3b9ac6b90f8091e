//! A run of a plan as a nanotron configuration, or what such a configuration cannot say.

use crate::schedule::rate;
use smolc_plan::{Family, Plan, Run, TokenizerSource};
use std::fmt::{self, Write};

/// Something a configuration cannot say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The field of the spec: `run pretrain.lr`.
    pub at: String,
    /// Why not, and what would do.
    pub reason: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.reason)
    }
}

/// A schedule as nanotron has it.
struct Decay {
    peak: f64,
    floor: f64,
    warmup: u64,
    start: u64,
    steps: u64,
    style: &'static str,
}

/// The configuration of a run, or everything that stands against it.
pub fn export(plan: &Plan, run: &Run) -> Result<String, Vec<Refusal>> {
    let mut refused = Vec::new();
    let mut no = |field: &str, reason: String| {
        refused.push(Refusal { at: format!("run {}.{field}", run.name), reason });
    };
    let m = &run.model;
    if m.family != Family::Llama {
        no(
            "model",
            "only Llama models can be said: nanotron's Qwen2 has another layout of its biases".into(),
        );
    }
    if m.heads.checked_mul(m.head_dim) != Some(m.hidden) {
        no(
            "model.head_dim",
            format!("is {}; nanotron has hidden / heads, {}/{}", m.head_dim, m.hidden, m.heads),
        );
    }
    if run.document_mask {
        no("document_mask", "nanotron's Llama attends across documents; say `document_mask: false`".into());
    }
    if run.validation.every.is_some() || run.validation.stage_end {
        no("validate", "nanotron evaluates no validation split while it trains; leave `validate` out".into());
    }
    let decayed = run.parameters.iter().filter(|p| p.decay).count();
    if run.optimizer.weight_decay != 0.0 && decayed != run.parameters.len() {
        no(
            "optimizer.decay",
            format!(
                "decays {decayed} of {} tensors; nanotron's Llama decays all of them",
                run.parameters.len()
            ),
        );
    }
    let tokenizer = match plan.tokenizers.get(run.tokenizer).map(|t| &t.source) {
        Some(TokenizerSource::Hf { path }) => path.strip_suffix("/tokenizer.json").unwrap_or(path).to_owned(),
        Some(TokenizerSource::Bpe { .. }) => {
            no("tokenizer", "is trained by smolc; name the `tokenizer.json` it wrote with `hf(…)`".into());
            String::new()
        }
        None => String::new(),
    };
    for entry in run.stages.iter().flat_map(|s| &s.mix) {
        if let Some(d) = plan.datasets.get(entry.dataset).filter(|d| d.take.is_some()) {
            no(
                "stages",
                format!("draw from `{}`, a sample of its source; nanotron reads whole folders", d.name),
            );
        }
    }
    let decay = match decay(run) {
        Ok(decay) => Some(decay),
        Err(reason) => {
            no("lr", reason);
            None
        }
    };
    refused.dedup();
    match decay {
        Some(decay) if refused.is_empty() => Ok(yaml(plan, run, &tokenizer, &decay)),
        _ => Err(refused),
    }
}

/// Finds the warm-up, the plateau and the decay of a schedule, and holds every update against nanotron's formula.
fn decay(run: &Run) -> Result<Decay, String> {
    let at = |t: u64| {
        run.lr
            .expr
            .eval(&[("t", t as f64), ("end", run.steps as f64)])
            .map_err(|e| format!("cannot be evaluated: {e}"))
    };
    let mut rates = Vec::new();
    // Long runs are looked at in so many places; the edges are then found by bisection.
    let stride = (run.steps / 65_536).max(1);
    for t in (0..run.steps).step_by(usize::try_from(stride).unwrap_or(1)).chain([run.steps.saturating_sub(1)])
    {
        rates.push((t, at(t)?));
    }
    let peak = rates.iter().map(|r| r.1).fold(0.0, f64::max);
    let near = |v: f64| (v - peak).abs() <= peak * 1e-9;
    let Some(&(inside, _)) = rates.iter().find(|r| near(r.1)) else {
        return Err("has no highest rate".into());
    };
    let Some(&(last_inside, _)) = rates.iter().rev().find(|r| near(r.1)) else {
        return Err("has no highest rate".into());
    };
    let (mut low, mut warmup) = (inside.saturating_sub(stride), inside);
    if near(at(low)?) {
        warmup = low;
    }
    while warmup - low > 1 {
        let middle = low + (warmup - low) / 2;
        if near(at(middle)?) { warmup = middle } else { low = middle }
    }
    let (mut start, mut out) = (last_inside, (last_inside + stride).min(run.steps));
    while out - start > 1 {
        let middle = start + (out - start) / 2;
        if near(at(middle)?) { start = middle } else { out = middle }
    }
    let end = run.steps;
    if start + 1 >= end {
        let found = Decay { peak, floor: peak, warmup, start: end, steps: 0, style: "linear" };
        return verified(found, &rates);
    }
    // The floor is what the formula would reach at the end of the run; each style gives another.
    let steps = end - start;
    let last = at(end - 1)?;
    let x = |t: u64| (t - start) as f64 / steps as f64;
    let mut best =
        Err("is no linear, cosine or 1-sqrt decay that ends with the run, after a linear warm-up".to_owned());
    for style in ["linear", "cosine", "1-sqrt"] {
        let y = shape(style, x(end - 1));
        let floor = (last - peak * y) / (1.0 - y);
        let floor = if floor.abs() < peak * 1e-9 { 0.0 } else { floor };
        if let Ok(found) = verified(Decay { peak, floor, warmup, start, steps, style }, &rates) {
            best = Ok(found);
            break;
        }
    }
    best
}

/// What is left of the way from floor to peak.
fn shape(style: &str, x: f64) -> f64 {
    match style {
        "cosine" => (1.0 + (std::f64::consts::PI * x).cos()) / 2.0,
        "1-sqrt" => 1.0 - x.sqrt(),
        _ => 1.0 - x,
    }
}

fn verified(d: Decay, rates: &[(u64, f64)]) -> Result<Decay, String> {
    for &(t, rate) in rates {
        let said = if t < d.warmup {
            d.peak * t as f64 / d.warmup as f64
        } else if t < d.start || d.steps == 0 {
            d.peak
        } else {
            d.floor + (d.peak - d.floor) * shape(d.style, (t - d.start) as f64 / d.steps as f64)
        };
        if (said - rate).abs() > d.peak * 1e-6 {
            return Err(format!(
                "at update {} it is {rate:e}; nanotron's {} decay has {said:e}",
                t + 1,
                d.style
            ));
        }
    }
    Ok(d)
}

fn yaml(plan: &Plan, run: &Run, tokenizer: &str, d: &Decay) -> String {
    let (m, o, b) = (&run.model, &run.optimizer, &run.batch);
    let mut s = String::new();
    let _ = write!(
        s,
        "checkpoints:\n  checkpoint_interval: {}\n  checkpoints_path: checkpoints\n  checkpoints_path_is_shared_file_system: \
         false\n  resume_checkpoint_path: null\n  save_final_state: true\n  save_initial_state: false\ndata_stages:\n",
        run.checkpoints.every
    );
    for stage in &run.stages {
        s.push_str("- data:\n    dataset:\n      dataset_folder:\n");
        let name = |i: usize| plan.datasets.get(i).map_or("", |d| d.name.as_str());
        for entry in &stage.mix {
            let _ = writeln!(s, "      - {}", text(&format!("datasets/{}", name(entry.dataset))));
        }
        s.push_str("      dataset_weights:\n");
        for entry in &stage.mix {
            let _ = writeln!(s, "      - {:?}", entry.weight.to_f64());
        }
        let _ = write!(
            s,
            "    num_loading_workers: 0\n    seed: {}\n  name: {}\n  start_training_step: {}\n",
            run.seed,
            text(&stage.name),
            stage.first_step + 1
        );
    }
    let _ = write!(
        s,
        "general:\n  benchmark_csv_path: null\n  consumed_train_samples: null\n  ignore_sanity_checks: true\n  project: {}\n  \
         run: {}\n  seed: {}\n  step: null\nlogging:\n  iteration_step_info_interval: 1\n  log_level: info\n  \
         log_level_replica: info\n",
        text(&plan.spec),
        text(&run.name),
        run.seed
    );
    let vocab = m.vocab;
    let scaling = m.rope.scaling.as_ref().map_or_else(
        || " null\n".to_owned(),
        |r| {
            format!(
                "\n      factor: {:?}\n      high_freq_factor: {:?}\n      low_freq_factor: {:?}\n      \
                 original_max_position_embeddings: {}\n      rope_type: llama3\n",
                r.factor, r.high_freq_factor, r.low_freq_factor, r.original_context
            )
        },
    );
    let _ = write!(
        s,
        "model:\n  ddp_bucket_cap_mb: 25\n  dtype: bfloat16\n  init_method:\n    std: {:?}\n  make_vocab_size_divisible_by: 1\n  \
         model_config:\n    bos_token_id: 0\n    eos_token_id: 0\n    hidden_act: silu\n    hidden_size: {}\n    \
         initializer_range: {:?}\n    intermediate_size: {}\n    is_llama_config: true\n    max_position_embeddings: {}\n    \
         num_attention_heads: {}\n    num_hidden_layers: {}\n    num_key_value_heads: {}\n    pad_token_id: null\n    \
         pretraining_tp: 1\n    rms_norm_eps: {:?}\n    rope_interleaved: false\n    rope_scaling:{scaling}    rope_theta: \
         {:?}\n    tie_word_embeddings: {}\n    use_cache: true\n    vocab_size: {vocab}\n",
        m.init.std,
        m.hidden,
        m.init.std,
        m.ffn,
        m.context,
        m.heads,
        m.layers,
        m.kv_heads,
        m.norm_eps,
        m.rope.theta,
        m.tied
    );
    let decay = if d.steps == 0 { "null".to_owned() } else { d.steps.to_string() };
    let start = if d.steps == 0 { run.steps } else { d.start };
    let _ = write!(
        s,
        "optimizer:\n  accumulate_grad_in_fp32: true\n  clip_grad: {}\n  learning_rate_scheduler:\n    learning_rate: {}\n    \
         lr_decay_starting_step: {start}\n    lr_decay_steps: {decay}\n    lr_decay_style: {}\n    lr_warmup_steps: {}\n    \
         lr_warmup_style: linear\n    min_decay_lr: {}\n  optimizer_factory:\n    adam_beta1: {:?}\n    adam_beta2: {:?}\n    \
         adam_eps: {}\n    name: adamW\n    torch_adam_is_fused: true\n  weight_decay: {:?}\n  zero_stage: 0\n",
        o.clip.map_or_else(|| "null".into(), |c| format!("{c:?}")),
        float(d.peak),
        d.style,
        d.warmup,
        float(d.floor),
        o.beta1,
        o.beta2,
        float(o.eps),
        o.weight_decay
    );
    let _ = write!(
        s,
        "parallelism:\n  dp: 1\n  expert_parallel_size: 1\n  pp: 1\n  pp_engine: 1f1b\n  recompute_layer: false\n  tp: 1\n  \
         tp_linear_async_communication: false\n  tp_mode: ALL_REDUCE\nprofiler: null\ntokenizer:\n  tokenizer_max_length: null\n  \
         tokenizer_name_or_path: {}\n  tokenizer_revision: null\ntokens:\n  batch_accumulation_per_replica: {}\n  \
         limit_test_batches: 0\n  limit_val_batches: 0\n  micro_batch_size: {}\n  sequence_length: {}\n  train_steps: {}\n  \
         val_check_interval: -1\n",
        text(tokenizer),
        b.sequences / b.micro.max(1),
        b.micro,
        b.window,
        run.steps
    );
    s
}

/// A float that YAML 1.1 reads as one: `5e-4` alone would be a text to it.
fn float(value: f64) -> String {
    let short = rate(value);
    match short.split_once('e') {
        Some((mantissa, exponent)) if !mantissa.contains('.') => format!("{mantissa}.0e{exponent}"),
        _ => short,
    }
}

/// A text in double quotes; JSON's are YAML's.
fn text(value: &str) -> String {
    serde_json::Value::String(value.to_owned()).to_string()
}
