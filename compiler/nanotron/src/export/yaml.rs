//! The text of a configuration, a section a function, in the order nanotron writes them.

use super::decay::Decay;
use super::{Division, embedding_alone, folder, parent_path};
use crate::schedule::rate;
use crate::spec::EMBEDDING;
use smolc_plan::{Carry, Family, Plan, Precision, Run};
use std::fmt::Write;

/// The whole file.
pub(super) fn yaml(plan: &Plan, run: &Run, tokenizer: &str, decay: &Decay, division: &Division) -> String {
    let mut s = String::new();
    checkpoints(plan, run, &mut s);
    stages(plan, run, &mut s);
    let _ = write!(
        s,
        "general:\n  benchmark_csv_path: null\n  consumed_train_samples: null\n  ignore_sanity_checks: true\n  project: {}\n  \
         run: {}\n  seed: {}\n  step: null\nlogging:\n  iteration_step_info_interval: 1\n  log_level: info\n  \
         log_level_replica: info\n",
        text(&plan.spec),
        text(&run.name),
        run.seed
    );
    model(run, division, &mut s);
    optimizer(run, decay, division, &mut s);
    rest(run, tokenizer, division, &mut s);
    s
}

fn checkpoints(plan: &Plan, run: &Run, s: &mut String) {
    let _ = write!(
        s,
        "checkpoints:\n  checkpoint_interval: {}\n  checkpoints_path: {}\n  checkpoints_path_is_shared_file_system: false\n",
        run.checkpoints.every,
        text(&format!("checkpoints/{}", run.name))
    );
    match run.parent.as_ref().and_then(|p| Some((p, plan.runs.get(p.run)?))) {
        Some((parent, from)) => {
            let _ = write!(
                s,
                "  load_lr_scheduler: false\n  load_optimizer: {}\n  resume_checkpoint_path: {}\n",
                parent.carry == Carry::Everything,
                text(&parent_path(&from.name, parent.step))
            );
        }
        None => s.push_str("  resume_checkpoint_path: null\n"),
    }
    s.push_str("  save_final_state: true\n  save_initial_state: false\n");
}

fn stages(plan: &Plan, run: &Run, s: &mut String) {
    s.push_str("data_stages:\n");
    for stage in &run.stages {
        s.push_str("- data:\n    dataset:\n      dataset_folder:\n");
        for entry in &stage.mix {
            let Some(dataset) = plan.datasets.get(entry.dataset) else { continue };
            let path = folder(dataset).map_or_else(|| format!("datasets/{}", dataset.name), str::to_owned);
            let _ = writeln!(s, "      - {}", text(&path));
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
}

fn model(run: &Run, division: &Division, s: &mut String) {
    let m = &run.model;
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
    let dtype = match division.precision {
        Precision::Bf16 => "bfloat16",
        Precision::F32 => "float32",
    };
    // Biases, document masks and layers without rotation are Qwen2's in nanotron; without them the two models are one.
    let biases = m.family == Family::Qwen2;
    let family = if biases || run.document_mask || m.rope.skip_every.is_some() {
        let skip = m.rope.skip_every.map_or_else(|| "null".to_owned(), |every| every.to_string());
        format!(
            "    _use_doc_masking: {}\n    attention_bias: {biases}\n    is_qwen2_config: true\n    no_rope_layer: {skip}\n",
            run.document_mask
        )
    } else {
        "    is_llama_config: true\n".into()
    };
    let _ = write!(
        s,
        "model:\n  ddp_bucket_cap_mb: 25\n  dtype: {dtype}\n  init_method:\n    std: {:?}\n  make_vocab_size_divisible_by: 1\n  \
         model_config:\n{family}    hidden_act: silu\n    hidden_size: {}\n    initializer_range: {:?}\n    intermediate_size: \
         {}\n    max_position_embeddings: {}\n    num_attention_heads: {}\n    num_hidden_layers: {}\n    num_key_value_heads: \
         {}\n    pad_token_id: null\n    pretraining_tp: 1\n    rms_norm_eps: {}\n    rope_interleaved: false\n    \
         rope_scaling:{scaling}    rope_theta: {:?}\n    tie_word_embeddings: {}\n    use_cache: true\n    vocab_size: {}\n",
        m.init.std,
        m.hidden,
        m.init.std,
        m.ffn,
        m.context,
        m.heads,
        m.layers,
        m.kv_heads,
        float(m.norm_eps),
        m.rope.theta,
        m.tied,
        m.vocab
    );
}

fn optimizer(run: &Run, d: &Decay, division: &Division, s: &mut String) {
    let o = &run.optimizer;
    let excluded = if embedding_alone(run) {
        format!("  weight_decay_exclude_named_params:\n  - {EMBEDDING}\n")
    } else {
        String::new()
    };
    // Without a decay its length still has to be there: nanotron fills in one of its own, and divides by it.
    let steps = d.steps.max(1);
    let _ = write!(
        s,
        "optimizer:\n  accumulate_grad_in_fp32: true\n  clip_grad: {}\n  learning_rate_scheduler:\n    learning_rate: {}\n    \
         lr_decay_starting_step: {}\n    lr_decay_steps: {steps}\n    lr_decay_style: {}\n    lr_warmup_steps: {}\n    \
         lr_warmup_style: linear\n    min_decay_lr: {}\n  optimizer_factory:\n    adam_beta1: {:?}\n    adam_beta2: {:?}\n    \
         adam_eps: {}\n    name: adamW\n    torch_adam_is_fused: true\n  weight_decay: {:?}\n{excluded}  zero_stage: {}\n",
        o.clip.map_or_else(|| "null".into(), |c| format!("{c:?}")),
        float(d.peak),
        d.start,
        d.style,
        d.warmup,
        float(d.floor),
        o.beta1,
        o.beta2,
        float(o.eps),
        o.weight_decay,
        division.zero
    );
}

fn rest(run: &Run, tokenizer: &str, division: &Division, s: &mut String) {
    let Division { data, tensor, pipeline, accumulation, recompute, .. } = division;
    let b = &run.batch;
    let _ = write!(
        s,
        "parallelism:\n  dp: {data}\n  expert_parallel_size: 1\n  pp: {pipeline}\n  pp_engine: 1f1b\n  recompute_layer: \
         {recompute}\n  tp: {tensor}\n  tp_linear_async_communication: false\n  tp_mode: ALL_REDUCE\nprofiler: \
         null\ntokenizer:\n  tokenizer_max_length: null\n  tokenizer_name_or_path: {}\n  tokenizer_revision: null\ntokens:\n  \
         batch_accumulation_per_replica: {accumulation}\n  limit_test_batches: 0\n  limit_val_batches: 0\n  micro_batch_size: \
         {}\n  sequence_length: {}\n  train_steps: {}\n  val_check_interval: -1\n",
        text(tokenizer),
        b.micro,
        b.window,
        run.steps
    );
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
