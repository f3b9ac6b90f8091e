//! Checkpoints: everything a run needs to go on as if it had never stopped.
//!
//! ```text
//! checkpoints/step-000000123/
//!   state.json           step, position in the data, plan hash, length of the ledger
//!   state.safetensors    parameters, moment1, moment2 (flat, f32, the arena's layout) and the unigram counts (u64)
//!   MANIFEST.json        bytes and BLAKE3 of the other two
//! ```
//!
//! A checkpoint is written under a temporary name, every file and directory is synced, and one rename makes it real.
//! Reading takes the newest that verifies. One that does not is renamed to `step-….damaged` and never deleted.

mod read;
mod write;

pub use read::{Found, Resume, Spaces, list, resume};
pub use write::{Source, Written, prune, write};

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Version of the format. A reader refuses any other.
pub const FORMAT: u32 = 1;

const STATE: &str = "state.json";
const TENSORS: &str = "state.safetensors";
const MANIFEST: &str = "MANIFEST.json";
const DAMAGED: &str = ".damaged";
/// Name of a checkpoint that is being written, or removed.
pub(crate) const TEMPORARY: &str = ".smolc-checkpoint.tmp";

/// What a checkpoint says beside its tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// [`FORMAT`].
    pub format: u32,
    /// Hash of the plan, whole.
    pub plan: String,
    /// Updates done.
    pub step: u64,
    /// Global index of the next sample: the whole state of the loader.
    pub next_sample: u64,
    /// Length of the ledger when the checkpoint was written; a whole number of lines.
    pub ledger_bytes: u64,
    /// Wall time of training so far, over all processes, in seconds.
    pub seconds: f64,
    /// Losses of the newest steps, oldest first: as many as the final loss is the mean of.
    pub recent_losses: Vec<f64>,
}

/// A file of a checkpoint as its manifest knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    bytes: u64,
    blake3: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: u32,
    files: Vec<Entry>,
}

/// Directory name of the checkpoint of `step`.
pub fn name(step: u64) -> String {
    format!("step-{step:09}")
}

/// Directory of the checkpoint of `step` in `checkpoints`.
pub fn path(checkpoints: &Path, step: u64) -> PathBuf {
    checkpoints.join(name(step))
}

/// The tensors' names, in the order they are written.
const F32_TENSORS: [&str; 3] = ["parameters", "moment1", "moment2"];
const COUNTS: &str = "unigram_counts";

/// The header of `state.safetensors`: a function of the lengths alone, so a reader can demand it byte for byte.
fn header(parameters: usize, vocab: usize) -> Vec<u8> {
    let mut text = String::from("{");
    let mut at = 0usize;
    for name in F32_TENSORS {
        let end = at + 4 * parameters;
        text.push_str(&format!(
            r#""{name}":{{"dtype":"F32","shape":[{parameters}],"data_offsets":[{at},{end}]}},"#
        ));
        at = end;
    }
    let end = at + 8 * vocab;
    text.push_str(&format!(
        r#""{COUNTS}":{{"dtype":"U64","shape":[{vocab}],"data_offsets":[{at},{end}]}}}}"#
    ));
    // The format wants the data aligned to 8 bytes.
    while text.len() % 8 != 0 {
        text.push(' ');
    }
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

#[cfg(test)]
mod tests;
