//! The run directory: whose it is, what it holds, and that only one process is at work in it.
//!
//! ```text
//! DIR/.smolc            marks the directory; locked while data are prepared
//! DIR/data/, DIR/tokenizers/
//! DIR/NAME/.lock        locked while the run trains
//! DIR/NAME/plan.json    written first
//! DIR/NAME/ledger.jsonl, report.html, checkpoints/, model/
//! ```

use crate::durable::{sync_directory, write_whole};
use crate::error::TrainError;
use smolc_plan::Plan;
use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Name of the file that marks a directory as ours.
pub(crate) const MARK: &str = ".smolc";
/// What it says.
const MARK_TEXT: &str = "This directory was made by smolc. Format 1.\n";

/// A directory of a spec, `DIR`, marked as ours and locked.
#[derive(Debug)]
pub struct SpecDirectory {
    _lock: File,
}

impl SpecDirectory {
    /// Creates or takes over `dir` and locks it until dropped. Refuses a directory with files and without the mark.
    pub fn open(dir: &Path) -> Result<SpecDirectory, TrainError> {
        mark(dir)?;
        Ok(SpecDirectory { _lock: lock(dir, MARK)? })
    }
}

/// A run's directory, `DIR/NAME`, locked until dropped, with this plan in it.
#[derive(Debug)]
pub struct RunDirectory {
    path: PathBuf,
    _lock: File,
    /// Version of the compiler that wrote the plan that was already there, if it is another one.
    pub other_compiler: Option<String>,
}

impl RunDirectory {
    /// Opens `dir/name` for `plan`: creates it, or checks that it belongs to the same plan over the same data.
    pub fn open(plan: &Plan, name: &str, dir: &Path) -> Result<RunDirectory, TrainError> {
        mark(dir)?;
        let path = dir.join(name);
        refuse_foreign(&path, "plan.json")?;
        fs::create_dir_all(&path).map_err(TrainError::io("create", &path))?;
        let lock = lock(&path, ".lock")?;
        let mut other_compiler = None;
        match stored(&path)? {
            Some(stored) => {
                compare(&path, &stored, plan)?;
                if stored.compiler != plan.compiler {
                    other_compiler = Some(stored.compiler.clone());
                }
                if stored.datasets.iter().any(|d| d.measured.is_none()) {
                    write_whole(&path.join("plan.json"), plan.to_json()?.as_bytes())?;
                }
            }
            None => {
                write_whole(&path.join("plan.json"), plan.to_json()?.as_bytes())?;
                sync_directory(dir)?;
            }
        }
        let checkpoints = path.join("checkpoints");
        fs::create_dir_all(&checkpoints).map_err(TrainError::io("create", &checkpoints))?;
        sweep(&path)?;
        Ok(RunDirectory { path, _lock: lock, other_compiler })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `checkpoints/`
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    /// `ledger.jsonl`
    pub fn ledger(&self) -> PathBuf {
        self.path.join("ledger.jsonl")
    }

    /// `model/`
    pub fn model(&self) -> PathBuf {
        self.path.join("model")
    }

    /// `report.html`
    pub fn report(&self) -> PathBuf {
        self.path.join("report.html")
    }
}

/// Checks, without writing or locking anything, that every run of `plan` may use `dir`: cheap enough to do before
/// hours of tokenizing.
pub fn check(plan: &Plan, dir: &Path) -> Result<(), TrainError> {
    refuse_foreign(dir, MARK)?;
    for run in &plan.runs {
        let path = dir.join(&run.name);
        refuse_foreign(&path, "plan.json")?;
        if let Some(stored) = stored(&path)? {
            compare(&path, &stored, plan)?;
        }
    }
    Ok(())
}

fn mark(dir: &Path) -> Result<(), TrainError> {
    refuse_foreign(dir, MARK)?;
    fs::create_dir_all(dir).map_err(TrainError::io("create", dir))?;
    let path = dir.join(MARK);
    match File::options().write(true).create_new(true).open(&path) {
        Ok(mut file) => file.write_all(MARK_TEXT.as_bytes()).map_err(TrainError::io("write", path)),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(TrainError::Io { action: "create", path, source }),
    }
}

/// A directory that has entries and not the marker is somebody else's. Our own hidden files do not count: a process
/// killed between taking the lock and writing the plan leaves them.
fn refuse_foreign(dir: &Path, marker: &'static str) -> Result<(), TrainError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(source) => {
            return Err(TrainError::Io { action: "use the directory", path: dir.to_owned(), source });
        }
    };
    if dir.join(marker).exists() {
        return Ok(());
    }
    for entry in entries {
        let entry = entry.map_err(TrainError::io("read", dir))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name != ".lock" && !(name.starts_with(".smolc-") && name.ends_with(".tmp")) {
            return Err(TrainError::NotOurs { path: dir.to_owned(), found: name, marker });
        }
    }
    Ok(())
}

/// Removes what a killed process was writing: temporary files, and model folders that were not renamed yet. The caller
/// holds the lock, so nobody is writing them now.
fn sweep(run: &Path) -> Result<(), TrainError> {
    for entry in fs::read_dir(run).map_err(TrainError::io("read", run))? {
        let path = entry.map_err(TrainError::io("read", run))?.path();
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if name.starts_with(".smolc-") && name.ends_with(".tmp") {
            fs::remove_file(&path).map_err(TrainError::io("remove", &path))?;
        } else if name.starts_with(".model.new-") || name.starts_with(".model.old-") {
            fs::remove_dir_all(&path).map_err(TrainError::io("remove", &path))?;
        }
    }
    let half = run.join("checkpoints").join(crate::checkpoint::TEMPORARY);
    match fs::remove_dir_all(&half) {
        Err(e) if e.kind() != ErrorKind::NotFound => {
            Err(TrainError::Io { action: "remove", path: half, source: e })
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

pub(crate) fn lock(dir: &Path, name: &str) -> Result<File, TrainError> {
    let path = dir.join(name);
    let file = File::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(&path)
        .map_err(TrainError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let process = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok());
            return Err(TrainError::Locked { path: dir.to_owned(), process });
        }
        Err(TryLockError::Error(source)) => return Err(TrainError::Io { action: "lock", path, source }),
    }
    if name == ".lock" {
        // Only for the message another process shows; the lock is the kernel's.
        let _ = file.set_len(0).and_then(|()| write!(&file, "{}", std::process::id()));
    }
    Ok(file)
}

pub(crate) fn stored(run: &Path) -> Result<Option<Plan>, TrainError> {
    let path = run.join("plan.json");
    match fs::read(&path) {
        Ok(bytes) => Plan::from_json(&bytes)
            .map(Some)
            .map_err(|e| TrainError::BadPlanFile { path, reason: e.to_string() }),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(TrainError::Io { action: "read", path, source }),
    }
}

fn compare(path: &Path, stored: &Plan, plan: &Plan) -> Result<(), TrainError> {
    let (old, new) = (stored.hash()?, plan.hash()?);
    if old != new {
        return Err(TrainError::OtherPlan {
            path: path.to_owned(),
            old: old.short(),
            new: new.short(),
            differences: stored.diff(plan)?,
        });
    }
    for (a, b) in stored.datasets.iter().zip(&plan.datasets) {
        if let (Some(old), Some(new)) = (&a.measured, &b.measured)
            && old.uid != new.uid
        {
            return Err(TrainError::OtherData {
                path: path.to_owned(),
                dataset: a.name.clone(),
                old: old.uid,
                new: new.uid,
                old_tokens: old.tokens,
                new_tokens: new.tokens,
            });
        }
    }
    Ok(())
}
