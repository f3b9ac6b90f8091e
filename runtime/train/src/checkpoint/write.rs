//! Writing a checkpoint, whole or not at all.

use super::{Entry, FORMAT, MANIFEST, Manifest, STATE, State, TEMPORARY, TENSORS, header, list, name, path};
use crate::durable::sync_directory;
use crate::error::TrainError;
use std::fs::{self, File};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// A checkpoint that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its directory.
    pub path: PathBuf,
    /// Bytes of its files.
    pub bytes: u64,
}

/// The three flat spaces that a checkpoint holds, of one length: parameters, first and second moments.
pub trait Source {
    /// Values in each.
    fn values(&self) -> usize;
    /// Copies values of space `index` from its value `from` on.
    fn read(&self, index: usize, from: usize, out: &mut [f32]) -> std::io::Result<()>;
}

/// Values copied at a time: large enough for a device's copy to be worth its start.
const CHUNK: usize = 1 << 20;

/// Writes the checkpoint `state.step` into `checkpoints`. `spaces` are parameters, first and second moments, of one
/// length. When it fails nothing of it is left and older ones are untouched.
pub fn write(
    checkpoints: &Path,
    state: &State,
    spaces: &dyn Source,
    counts: &[u64],
) -> Result<Written, TrainError> {
    let temporary = checkpoints.join(TEMPORARY);
    remove(&temporary)?;
    match write_into(&temporary, state, spaces, counts) {
        Ok(bytes) => {
            let target = path(checkpoints, state.step);
            remove(&target)?;
            fs::rename(&temporary, &target).map_err(TrainError::io("rename a checkpoint to", &target))?;
            sync_directory(checkpoints)?;
            Ok(Written { path: target, bytes })
        }
        Err(error) => {
            // The write already failed; a partial directory that cannot be removed is removed by the next run.
            let _ = fs::remove_dir_all(&temporary);
            let full = matches!(&error, TrainError::Io { source, .. }
                if matches!(source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded));
            if !full {
                return Err(error);
            }
            Err(TrainError::DiskFull {
                step: state.step,
                bytes: size(spaces.values(), counts),
                path: checkpoints.to_owned(),
                kept: list(checkpoints)?.last().copied(),
            })
        }
    }
}

/// Removes all checkpoints but the `keep` newest (at least one), and what a killed process left behind.
pub fn prune(checkpoints: &Path, keep: u64) -> Result<(), TrainError> {
    let steps = list(checkpoints)?;
    let keep = usize::try_from(keep).unwrap_or(usize::MAX).max(1);
    for step in steps.iter().take(steps.len().saturating_sub(keep)) {
        let victim = path(checkpoints, *step);
        // Renamed first, so that a kill half-way leaves no damaged checkpoint behind.
        let grave = checkpoints.join(TEMPORARY);
        remove(&grave)?;
        fs::rename(&victim, &grave).map_err(TrainError::io("remove", victim))?;
        remove(&grave)?;
    }
    Ok(())
}

fn size(parameters: usize, counts: &[u64]) -> u64 {
    (header(parameters, counts.len()).len() + 12 * parameters + 8 * counts.len()) as u64
}

fn remove(path: &Path) -> Result<(), TrainError> {
    match fs::remove_dir_all(path) {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        Err(source) => Err(TrainError::Io { action: "remove", path: path.to_owned(), source }),
    }
}

fn write_into(dir: &Path, state: &State, spaces: &dyn Source, counts: &[u64]) -> Result<u64, TrainError> {
    fs::create_dir(dir).map_err(TrainError::io("create", dir))?;
    let mut text = serde_json::to_vec_pretty(state)?;
    text.push(b'\n');
    let files = vec![
        write_file(dir, STATE, |out| out.write_all(&text))?,
        write_file(dir, TENSORS, |out| {
            let parameters = spaces.values();
            out.write_all(&header(parameters, counts.len()))?;
            let mut values = vec![0f32; CHUNK.min(parameters)];
            let mut buffer = Vec::with_capacity(1 << 16);
            for index in 0..3 {
                for from in (0..parameters).step_by(CHUNK) {
                    values.resize(CHUNK.min(parameters - from), 0.0);
                    spaces.read(index, from, &mut values)?;
                    for chunk in values.chunks(1 << 14) {
                        buffer.clear();
                        buffer.extend(chunk.iter().flat_map(|x| x.to_le_bytes()));
                        out.write_all(&buffer)?;
                    }
                }
                values.resize(CHUNK.min(parameters), 0.0);
            }
            for count in counts {
                out.write_all(&count.to_le_bytes())?;
            }
            Ok(())
        })?,
    ];
    let bytes: u64 = files.iter().map(|f| f.bytes).sum();
    let mut manifest = serde_json::to_vec_pretty(&Manifest { format: FORMAT, files })?;
    manifest.push(b'\n');
    write_file(dir, MANIFEST, |out| out.write_all(&manifest))?;
    sync_directory(dir)?;
    debug_assert!(name(state.step).starts_with("step-"));
    Ok(bytes + manifest.len() as u64)
}

fn write_file(
    dir: &Path,
    name: &str,
    content: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<Entry, TrainError> {
    let path = dir.join(name);
    let attempt = || -> std::io::Result<Entry> {
        let file = File::create_new(&path)?;
        let mut out = Hashing {
            inner: BufWriter::with_capacity(1 << 16, &file),
            hasher: blake3::Hasher::new(),
            bytes: 0,
        };
        content(&mut out)?;
        out.inner.flush()?;
        let entry =
            Entry { name: name.to_owned(), bytes: out.bytes, blake3: out.hasher.finalize().to_string() };
        drop(out);
        file.sync_all()?;
        Ok(entry)
    };
    attempt().map_err(TrainError::io("write", &path))
}

/// Hashes what passes through it.
struct Hashing<W> {
    inner: W,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        let n = self.inner.write(buffer)?;
        self.hasher.update(buffer.get(..n).unwrap_or_default());
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}
