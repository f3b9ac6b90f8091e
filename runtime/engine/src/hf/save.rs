//! A model folder, written whole or not at all.

use super::{HfError, Special, config};
use crate::backend::Backend;
use crate::engine::Engine;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};
use smolc_plan::Model;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Writes `config.json`, `generation_config.json`, `model.safetensors` (F32) and, when there is one, the tokenizer with
/// its `tokenizer_config.json`, so that `transformers`' Auto classes load the folder.
///
/// Everything is written into a temporary folder beside `dir`, flushed to disk and renamed; a folder that was there is
/// replaced by the rename, and is still there after any error.
pub fn save<B: Backend>(
    dir: &Path,
    model: &Model,
    engine: &Engine<B>,
    tokenizer_json: Option<&Path>,
    special: &Special,
) -> Result<(), HfError> {
    let name = dir.file_name().map_or_else(|| "model".into(), |n| n.to_string_lossy().into_owned());
    let parent = dir.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs_err::create_dir_all(parent)?;
    let temporary = parent.join(format!(".{name}.new-{}", std::process::id()));
    if temporary.exists() {
        fs_err::remove_dir_all(&temporary)?;
    }
    let written = write(&temporary, model, engine, tokenizer_json, special)
        .and_then(|()| replace(dir, &temporary, &parent.join(format!(".{name}.old-{}", std::process::id()))));
    if written.is_err() && temporary.exists() {
        // The first error is the one to report.
        let _ = fs_err::remove_dir_all(&temporary);
    }
    written
}

fn write<B: Backend>(
    dir: &Path,
    model: &Model,
    engine: &Engine<B>,
    tokenizer: Option<&Path>,
    special: &Special,
) -> Result<(), HfError> {
    fs_err::create_dir(dir)?;
    write_json(&dir.join("config.json"), &config::to_json(model, special))?;
    let generation = json!({ "_from_model_config": true, "bos_token_id": special.bos, "eos_token_id": special.eos_json() });
    write_json(&dir.join("generation_config.json"), &generation)?;
    if let Some(tokenizer) = tokenizer {
        let bytes = fs_err::read(tokenizer)?;
        let json: Value = serde_json::from_slice(&bytes)
            .map_err(|source| HfError::Json { path: tokenizer.to_path_buf(), source })?;
        fs_err::write(dir.join("tokenizer.json"), &bytes)?;
        write_json(&dir.join("tokenizer_config.json"), &tokenizer_config(&json, model, special, tokenizer)?)?;
    }

    let path = dir.join("model.safetensors");
    let mut tensors = Vec::new();
    let mut copies = Vec::new();
    for p in engine.parameter_table() {
        copies.push((p, engine.read_parameter(&p.name)?));
    }
    for (p, values) in &copies {
        let shape = p.shape.iter().map(|n| *n as usize).collect();
        let view = TensorView::new(Dtype::F32, shape, bytemuck::cast_slice(values));
        tensors.push((p.name.as_str(), view.map_err(|e| header(&path, e))?));
    }
    // transformers refuses a file that does not say which framework's tensors it holds.
    let metadata = HashMap::from([("format".to_string(), "pt".to_string())]);
    safetensors::serialize_to_file(tensors, Some(metadata), &path).map_err(|e| header(&path, e))?;
    // It was made as a temporary file, which nobody else may read; its neighbors have what the umask says.
    fs_err::set_permissions(&path, fs_err::metadata(dir.join("config.json"))?.permissions())?;

    for entry in fs_err::read_dir(dir)? {
        fs_err::File::open(entry?.path())?.sync_all()?;
    }
    sync_folder(dir)
}

#[allow(clippy::wildcard_enum_match_arm)] // another crate's errors: only one kind is told apart
fn header(path: &Path, error: safetensors::SafeTensorError) -> HfError {
    match error {
        safetensors::SafeTensorError::IoError(e) => {
            HfError::Io(std::io::Error::new(e.kind(), format!("{}: {e}", path.display())))
        }
        other => HfError::Header { path: path.to_path_buf(), problem: other.to_string() },
    }
}

fn write_json(path: &Path, value: &Value) -> Result<(), HfError> {
    let json = |source| HfError::Json { path: path.to_path_buf(), source };
    let mut text = serde_json::to_string_pretty(value).map_err(json)?;
    text.push('\n');
    Ok(fs_err::write(path, text)?)
}

/// What `AutoTokenizer` needs beside `tokenizer.json`: its class, and which texts are the special tokens.
fn tokenizer_config(
    tokenizer: &Value,
    model: &Model,
    special: &Special,
    path: &Path,
) -> Result<Value, HfError> {
    let text = |id: u32| -> Result<Value, HfError> {
        let id = u64::from(id);
        let added = tokenizer.get("added_tokens").and_then(Value::as_array);
        let named = added
            .into_iter()
            .flatten()
            .find(|t| t.get("id").and_then(Value::as_u64) == Some(id))
            .and_then(|t| t.get("content").cloned());
        let vocab = tokenizer.get("model").and_then(|m| m.get("vocab")).and_then(Value::as_object);
        let plain = || vocab?.iter().find(|(_, v)| v.as_u64() == Some(id)).map(|(text, _)| json!(text));
        named.or_else(plain).ok_or_else(|| HfError::Field {
            path: path.to_path_buf(),
            field: "added_tokens".into(),
            problem: format!("has no token {id}, which the model uses as a special token"),
        })
    };
    Ok(json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": model.context,
        "clean_up_tokenization_spaces": false,
        "bos_token": special.bos.map(text).transpose()?,
        "eos_token": special.eos.first().copied().map(text).transpose()?,
    }))
}

/// Puts the finished folder in place of the old one, which leaves only when the new one stands.
fn replace(dir: &Path, new: &Path, old: &PathBuf) -> Result<(), HfError> {
    if !dir.exists() {
        fs_err::rename(new, dir)?;
    } else {
        if old.exists() {
            fs_err::remove_dir_all(old)?;
        }
        fs_err::rename(dir, old)?;
        if let Err(e) = fs_err::rename(new, dir) {
            fs_err::rename(old, dir)?;
            return Err(e.into());
        }
        fs_err::remove_dir_all(old)?;
    }
    sync_folder(dir.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")))
}

/// Makes renames and new entries durable.
fn sync_folder(dir: &Path) -> Result<(), HfError> {
    #[cfg(unix)]
    fs_err::File::open(dir)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = dir;
    Ok(())
}
