//! Finding the newest checkpoint that verifies, and reading it straight into the arena.

use super::{DAMAGED, Entry, FORMAT, MANIFEST, Manifest, STATE, State, TENSORS, header, path};
use crate::error::TrainError;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::Path;

/// A checkpoint that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// What it says.
    pub state: State,
    /// Targets of every token id counted so far.
    pub counts: Vec<u64>,
}

/// What [`resume`] found.
#[derive(Clone, Debug, PartialEq)]
pub struct Resume {
    /// The checkpoint read; `None` when there is none at all.
    pub found: Option<Found>,
    /// Newer ones that do not verify, with the reason; they are set aside as `step-….damaged`.
    pub damaged: Vec<(String, String)>,
}

/// Steps that have a checkpoint (verified or not), in order.
pub fn list(checkpoints: &Path) -> Result<Vec<u64>, TrainError> {
    let mut steps: Vec<u64> = names(checkpoints)?
        .iter()
        .filter_map(|name| name.strip_prefix("step-"))
        .filter(|digits| digits.len() >= 9 && digits.bytes().all(|b| b.is_ascii_digit()))
        .filter_map(|digits| digits.parse().ok())
        .collect();
    steps.sort_unstable();
    Ok(steps)
}

fn names(checkpoints: &Path) -> Result<Vec<String>, TrainError> {
    let entries = match fs::read_dir(checkpoints) {
        Ok(entries) => entries,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(TrainError::Io { action: "read", path: checkpoints.to_owned(), source }),
    };
    entries
        .map(|e| e.map(|e| e.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_, _>>()
        .map_err(TrainError::io("read", checkpoints))
}

/// Reads the newest checkpoint of `plan` that verifies into `spaces` (parameters, first and second moments). Refuses
/// to report "none" when there are some and no one verifies. `spaces` hold no defined value after an error.
pub fn resume(
    checkpoints: &Path,
    plan: &str,
    spaces: &mut dyn Spaces,
    vocab: usize,
) -> Result<Resume, TrainError> {
    let mut damaged: Vec<(String, String)> = Vec::new();
    for step in list(checkpoints)?.into_iter().rev() {
        match read(&path(checkpoints, step), step, plan, spaces, vocab) {
            Ok(found) => {
                for (name, _) in &damaged {
                    set_aside(checkpoints, name)?;
                }
                return Ok(Resume { found: Some(found), damaged });
            }
            Err(reason) => damaged.push((super::name(step), reason)),
        }
    }
    let aside = names(checkpoints)?.into_iter().filter(|n| n.starts_with("step-") && n.ends_with(DAMAGED));
    damaged.extend(aside.map(|name| (name, "set aside as damaged by an earlier run".to_owned())));
    if damaged.is_empty() {
        return Ok(Resume { found: None, damaged });
    }
    Err(TrainError::NoCheckpoint { path: checkpoints.to_owned(), reasons_each: damaged })
}

/// The three flat spaces a checkpoint fills.
pub trait Spaces {
    /// Values in each.
    fn values(&self) -> usize;
    /// Overwrites values of space 0 (parameters), 1 (first moment) or 2 (second moment) from its value `from` on.
    fn put(&mut self, index: usize, from: usize, values: &[f32]) -> Result<(), String>;
}

fn set_aside(checkpoints: &Path, name: &str) -> Result<(), TrainError> {
    let from = checkpoints.join(name);
    let to = checkpoints.join(format!("{name}{DAMAGED}"));
    if to.exists() {
        fs::remove_dir_all(&to).map_err(TrainError::io("remove", &to))?;
    }
    fs::rename(&from, &to).map_err(TrainError::io("set aside", from))
}

/// Reads one checkpoint, or says in words what is wrong with it.
fn read(dir: &Path, step: u64, plan: &str, spaces: &mut dyn Spaces, vocab: usize) -> Result<Found, String> {
    let bytes = fs::read(dir.join(MANIFEST)).map_err(|e| format!("{MANIFEST}: {e}"))?;
    let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|e| format!("{MANIFEST}: {e}"))?;
    if manifest.format != FORMAT {
        return Err(format!("it has format {}, this build reads format {FORMAT}", manifest.format));
    }
    let entry = |name: &str| {
        manifest
            .files
            .iter()
            .find(|f| f.name == name)
            .ok_or_else(|| format!("{MANIFEST} does not list {name}"))
    };
    let text = fs::read(dir.join(STATE)).map_err(|e| format!("{STATE}: {e}"))?;
    verify(entry(STATE)?, text.len() as u64, &blake3::hash(&text))?;
    let state: State = serde_json::from_slice(&text).map_err(|e| format!("{STATE}: {e}"))?;
    if state.plan != plan {
        return Err("it belongs to another plan".into());
    }
    if state.step != step {
        return Err(format!("it is the checkpoint of step {}", state.step));
    }
    let entry = entry(TENSORS)?;
    let counts = read_tensors(&dir.join(TENSORS), entry, spaces, vocab)?;
    Ok(Found { state, counts })
}

fn verify(entry: &Entry, bytes: u64, hash: &blake3::Hash) -> Result<(), String> {
    if entry.bytes != bytes {
        return Err(format!("{} has {bytes} bytes of {}", entry.name, entry.bytes));
    }
    if entry.blake3 != hash.to_string() {
        return Err(format!("{} does not match its checksum", entry.name));
    }
    Ok(())
}

fn read_tensors(
    path: &Path,
    entry: &Entry,
    spaces: &mut dyn Spaces,
    vocab: usize,
) -> Result<Vec<u64>, String> {
    let failed = |e: std::io::Error| format!("{TENSORS}: {e}");
    let mut file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    if length != entry.bytes {
        return Err(format!("{TENSORS} has {length} bytes of {}", entry.bytes));
    }
    let expected = header(spaces.values(), vocab);
    if length != (expected.len() + 12 * spaces.values() + 8 * vocab) as u64 {
        return Err(format!("{TENSORS} holds a model of another size"));
    }
    let mut hasher = blake3::Hasher::new();
    let mut take = |buffer: &mut [u8]| -> Result<(), String> {
        file.read_exact(buffer).map_err(failed)?;
        hasher.update(buffer);
        Ok(())
    };
    let mut found = vec![0u8; expected.len()];
    take(&mut found)?;
    let (all, chunk) = (spaces.values(), 1usize << 18);
    let mut buffer = vec![0u8; 4 * chunk.min(all)];
    let mut values = Vec::with_capacity(chunk.min(all));
    for index in 0..3 {
        for from in (0..all).step_by(chunk) {
            let bytes = buffer.get_mut(..4 * chunk.min(all - from)).unwrap_or_default();
            take(bytes)?;
            values.clear();
            values.extend(
                bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap_or_default())),
            );
            spaces.put(index, from, &values)?;
        }
    }
    let mut tail = vec![0u8; 8 * vocab];
    take(&mut tail)?;
    verify(entry, length, &hasher.finalize())?;
    if found != expected {
        return Err(format!("the header of {TENSORS} is not the one this build writes"));
    }
    Ok(tail.chunks_exact(8).map(|eight| u64::from_le_bytes(eight.try_into().unwrap_or_default())).collect())
}
