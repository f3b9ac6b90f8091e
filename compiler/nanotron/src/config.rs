//! A configuration as it stands in its file: values by path, and the keys nobody knows.

use crate::{Finding, ImportError, Kind};
use serde_json::Value;

/// Keys nanotron knows, by section; `*` = anything below it. Those without effect on what is learned are here too, so that
/// only keys that mean nothing to nanotron are reported.
const KNOWN: &[&str] = &[
    "checkpoints.checkpoint_interval",
    "checkpoints.checkpoints_path",
    "checkpoints.checkpoints_path_is_shared_file_system",
    "checkpoints.load_lr_scheduler",
    "checkpoints.load_optimizer",
    "checkpoints.resume_checkpoint_path",
    "checkpoints.save_final_state",
    "checkpoints.save_initial_state",
    "data_stages",
    "general.benchmark_csv_path",
    "general.consumed_train_samples",
    "general.ignore_sanity_checks",
    "general.project",
    "general.run",
    "general.seed",
    "general.step",
    "general.temp_dir",
    "lighteval.*",
    "logging.*",
    "metrics_logging.*",
    "profiler.*",
    "s3_upload.*",
    "parallelism.dp",
    "parallelism.pp",
    "parallelism.tp",
    "parallelism.context_parallel_size",
    "parallelism.expert_parallel_size",
    "parallelism.moe_layer_recompute",
    "parallelism.pp_engine",
    "parallelism.recompute_layer",
    "parallelism.tp_linear_async_communication",
    "parallelism.tp_mode",
    "parallelism.tp_recompute_allgather",
    "model.ddp_bucket_cap_mb",
    "model.dtype",
    "model.init_method.path",
    "model.init_method.std",
    "model.make_vocab_size_divisible_by",
    "model.model_config._attn_implementation",
    "model.model_config._fused_rms_norm",
    "model.model_config._fused_rotary_emb",
    "model.model_config._use_doc_masking",
    "model.model_config._use_qkv_packed",
    "model.model_config.attention_bias",
    "model.model_config.bos_token_id",
    "model.model_config.eos_token_id",
    "model.model_config.flex_attention_mask",
    "model.model_config.head_dim",
    "model.model_config.hidden_act",
    "model.model_config.hidden_size",
    "model.model_config.initializer_range",
    "model.model_config.interleaved_rotary",
    "model.model_config.intermediate_size",
    "model.model_config.is_llama_config",
    "model.model_config.is_qwen2_config",
    "model.model_config.max_position_embeddings",
    "model.model_config.moe_config",
    "model.model_config.no_rope_layer",
    "model.model_config.num_attention_heads",
    "model.model_config.num_hidden_layers",
    "model.model_config.num_key_value_heads",
    "model.model_config.pad_token_id",
    "model.model_config.pretraining_tp",
    "model.model_config.ring_attn_heads_k_stride",
    "model.model_config.rms_norm_eps",
    "model.model_config.rope_interleaved",
    "model.model_config.rope_scaling",
    "model.model_config.rope_scaling.*",
    "model.model_config.rope_theta",
    "model.model_config.sliding_window_size",
    "model.model_config.tie_word_embeddings",
    "model.model_config.use_cache",
    "model.model_config.vocab_size",
    "model.model_config.z_loss_coefficient",
    "model.model_config.z_loss_enabled",
    "optimizer.accumulate_grad_in_fp32",
    "optimizer.clip_grad",
    "optimizer.learning_rate_scheduler.learning_rate",
    "optimizer.learning_rate_scheduler.lr_decay_starting_step",
    "optimizer.learning_rate_scheduler.lr_decay_steps",
    "optimizer.learning_rate_scheduler.lr_decay_style",
    "optimizer.learning_rate_scheduler.lr_warmup_steps",
    "optimizer.learning_rate_scheduler.lr_warmup_style",
    "optimizer.learning_rate_scheduler.min_decay_lr",
    "optimizer.optimizer_factory.adam_beta1",
    "optimizer.optimizer_factory.adam_beta2",
    "optimizer.optimizer_factory.adam_eps",
    "optimizer.optimizer_factory.name",
    "optimizer.optimizer_factory.torch_adam_is_fused",
    "optimizer.weight_decay",
    "optimizer.weight_decay_exclude_named_params",
    "optimizer.zero_stage",
    "tokenizer.tokenizer_max_length",
    "tokenizer.tokenizer_name_or_path",
    "tokenizer.tokenizer_revision",
    "tokens.batch_accumulation_per_replica",
    "tokens.limit_test_batches",
    "tokens.limit_val_batches",
    "tokens.micro_batch_size",
    "tokens.sequence_length",
    "tokens.train_steps",
    "tokens.val_check_interval",
];

/// Keys of one entry of `data_stages`.
const KNOWN_IN_STAGES: &[&str] = &[
    "name",
    "start_training_step",
    "sequence_length",
    "data.num_loading_workers",
    "data.seed",
    "data.dataset.dataset_folder",
    "data.dataset.dataset_folder.*",
    "data.dataset.dataset_overwrite_cache",
    "data.dataset.dataset_processing_num_proc_per_process",
    "data.dataset.dataset_read_path",
    "data.dataset.dataset_weights",
    "data.dataset.hf_dataset_config_name",
    "data.dataset.hf_dataset_or_datasets",
    "data.dataset.hf_dataset_or_datasets.*",
    "data.dataset.hf_dataset_splits",
    "data.dataset.pad_samples_to_global_batch_size",
    "data.dataset.return_positions",
    "data.dataset.text_column_name",
    "data.dataset.token_size_in_bytes",
    "data.dataset.tokenizer_name",
    "data.dataset.use_old_brrr_dataloader",
    "data.dataset.vocab_size",
];

/// One file.
#[derive(Debug)]
pub struct Config {
    /// Its name.
    pub file: String,
    /// What it holds.
    pub value: Value,
}

impl Config {
    /// Reads a file's text.
    pub fn read(file: &str, text: &str) -> Result<Config, ImportError> {
        let value: Value = serde_saphyr::from_str(text)
            .map_err(|e| ImportError::Yaml { file: file.into(), reason: e.to_string() })?;
        if !value.is_object() {
            return Err(ImportError::Yaml { file: file.into(), reason: "it is not a mapping".into() });
        }
        Ok(Config { file: file.into(), value })
    }

    /// The value at a path of keys, `None` when it is not there or `null`.
    pub fn get(&self, path: &str) -> Option<&Value> {
        path.split('.').try_fold(&self.value, |v, key| v.get(key)).filter(|v| !v.is_null())
    }

    fn bad(&self, path: &str, reason: String) -> ImportError {
        ImportError::Key { file: self.file.clone(), key: path.into(), reason }
    }

    /// A whole number that must be there.
    pub fn integer(&self, path: &str) -> Result<u64, ImportError> {
        self.maybe_integer(path)?.ok_or_else(|| self.bad(path, "is missing".into()))
    }

    /// A whole number.
    pub fn maybe_integer(&self, path: &str) -> Result<Option<u64>, ImportError> {
        self.get(path)
            .map(|v| v.as_u64().ok_or_else(|| self.bad(path, format!("is {v}, not a whole number"))))
            .transpose()
    }

    /// A number as it is best written: the shortest decimal of it.
    pub fn number(&self, path: &str) -> Result<Option<f64>, ImportError> {
        self.get(path)
            .map(|v| v.as_f64().ok_or_else(|| self.bad(path, format!("is {v}, not a number"))))
            .transpose()
    }

    /// True or false.
    pub fn flag(&self, path: &str) -> bool {
        self.get(path).and_then(Value::as_bool).unwrap_or(false)
    }

    /// A text.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.get(path).and_then(Value::as_str)
    }

    /// A finding about a key of this file.
    pub fn finding(&self, kind: Kind, key: &str, text: String) -> Finding {
        Finding { kind, at: format!("{}: {key}", self.file), text }
    }

    /// Keys that nanotron does not know, whole paths.
    pub fn unknown(&self) -> Vec<String> {
        let mut out = Vec::new();
        walk(&self.value, KNOWN, "", &mut out);
        let stages = self.get("data_stages").and_then(Value::as_array);
        for (i, stage) in stages.into_iter().flatten().enumerate() {
            let mut inside = Vec::new();
            walk(stage, KNOWN_IN_STAGES, "", &mut inside);
            out.extend(inside.into_iter().map(|key| format!("data_stages[{i}].{key}")));
        }
        out
    }
}

fn walk(value: &Value, known: &[&str], path: &str, out: &mut Vec<String>) {
    let Some(map) = value.as_object() else { return };
    for (key, value) in map {
        let here = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let below = format!("{here}.");
        if known.iter().any(|k| k.strip_suffix(".*").is_some_and(|open| open == here) || *k == here) {
            continue;
        }
        let section = known.iter().any(|k| k.starts_with(&below));
        // A section that is switched off is written as null.
        if section && (value.is_object() || value.is_null()) {
            walk(value, known, &here, out);
        } else {
            out.push(here);
        }
    }
}
