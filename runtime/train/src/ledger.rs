//! `ledger.jsonl`: one JSON object a line, one line an event, in the order in which things happened.
//!
//! A line is appended by one `write` call, so a killed process leaves at most one torn last line, which the next
//! opening removes. When a run goes on from a checkpoint, what was written after it and will happen again is cut away,
//! so that each step stands exactly once.

use crate::error::TrainError;
use crate::event::Event;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// A line: the event's own fields, then the time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
    /// When: seconds since 1970 UTC.
    pub time: f64,
}

/// The ledger of a run, open for appending.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl Ledger {
    /// Opens or creates a ledger and removes a torn last line.
    pub fn open(path: &Path) -> Result<Ledger, TrainError> {
        let file =
            File::options().create(true).append(true).open(path).map_err(TrainError::io("open", path))?;
        let text = std::fs::read(path).map_err(TrainError::io("read", path))?;
        let whole = text.iter().rposition(|b| *b == b'\n').map_or(0, |at| at as u64 + 1);
        if whole < text.len() as u64 {
            file.set_len(whole).map_err(TrainError::io("truncate", path))?;
        }
        Ok(Ledger { path: path.to_owned(), file, bytes: whole })
    }

    /// Bytes written so far, a whole number of lines.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Appends an event. When the disk is full nothing of the line stays.
    pub fn append(&mut self, event: &Event) -> Result<(), TrainError> {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64());
        let mut line = serde_json::to_vec(&Line { event: event.clone(), time: (time * 1e3).round() / 1e3 })?;
        line.push(b'\n');
        if let Err(source) = self.file.write_all(&line) {
            // Best effort: the next opening would cut the torn line away too.
            let _ = self.file.set_len(self.bytes);
            return Err(TrainError::Io { action: "append to", path: self.path.clone(), source });
        }
        self.bytes += line.len() as u64;
        Ok(())
    }

    /// Makes everything appended so far durable.
    pub fn sync(&self) -> Result<(), TrainError> {
        self.file.sync_data().map_err(TrainError::io("sync", &self.path))
    }

    /// Goes back to the checkpoint of `step`, which was written when the ledger had `bytes` bytes. What is after them
    /// and belongs to the future of that checkpoint goes; starts, warnings and ends stay, being history. Returns how
    /// many bytes before the checkpoint are missing, 0 unless somebody shortened the file.
    pub fn rewind(&mut self, step: u64, bytes: u64) -> Result<u64, TrainError> {
        if self.bytes < bytes {
            return Ok(bytes - self.bytes);
        }
        let text = std::fs::read(&self.path).map_err(TrainError::io("read", &self.path))?;
        let (past, future) = text.split_at_checked(bytes as usize).unwrap_or((&text, &[]));
        let mut kept = past.to_vec();
        for line in future.split_inclusive(|b| *b == b'\n') {
            let event = serde_json::from_slice::<Line>(line).map(|line| line.event);
            let keep = match event {
                Ok(Event::Start(_) | Event::Warning(_) | Event::Amendment(_) | Event::End(_)) => true,
                Ok(Event::Checkpoint(e)) => e.step == step,
                // What pipelines kept is told again where a run begins again.
                Ok(Event::Prepared(_) | Event::Step(_) | Event::Validation(_) | Event::Stage(_)) | Err(_) => {
                    false
                }
            };
            if keep {
                kept.extend_from_slice(line);
            }
        }
        if kept.len() != text.len() {
            crate::durable::write_whole(&self.path, &kept)?;
            self.file =
                File::options().append(true).open(&self.path).map_err(TrainError::io("open", &self.path))?;
            self.bytes = kept.len() as u64;
        }
        Ok(0)
    }
}

/// Every line of a ledger that reads; a torn last line is left out. A missing ledger is empty.
pub fn read(path: &Path) -> Result<Vec<Line>, TrainError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(TrainError::Io { action: "read", path: path.to_owned(), source }),
    };
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Step, Warning};
    use indexmap::IndexMap;

    fn step(step: u64) -> Event {
        Event::Step(Step {
            step,
            tokens: step * 8,
            loss: 2.5,
            lr: 1e-3,
            grad_norm: 0.5,
            tokens_per_second: 100.0,
            stage: "prose".into(),
            seconds: 0.08,
            targets: 8.0,
            shares: IndexMap::new(),
        })
    }

    fn warning() -> Event {
        Event::Warning(Warning { about: "test".into(), message: "one \"line\"\nonly".into() })
    }

    #[test]
    fn lines_have_the_fields_scripts_rely_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.jsonl");
        let mut ledger = Ledger::open(&path).unwrap();
        ledger.append(&step(1)).unwrap();
        ledger.append(&warning()).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 2);
        assert_eq!(text.len() as u64, ledger.bytes());
        let value: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(value["event"], "step");
        for key in ["step", "tokens", "loss", "lr", "grad_norm", "tokens_per_second"] {
            assert!(value[key].is_number(), "{key}");
        }
        assert_eq!(value["stage"], "prose");
        assert_eq!(read(&path).unwrap().len(), 2);
    }

    #[test]
    fn a_torn_last_line_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.jsonl");
        Ledger::open(&path).unwrap().append(&step(1)).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for cut in 1..whole.len() {
            let mut torn = whole.clone();
            torn.extend_from_slice(&whole[..cut]);
            std::fs::write(&path, &torn).unwrap();
            assert_eq!(Ledger::open(&path).unwrap().bytes(), whole.len() as u64);
            assert_eq!(std::fs::read(&path).unwrap(), whole);
        }
    }

    #[test]
    fn rewinding_leaves_each_step_once_and_keeps_history() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.jsonl");
        let mut ledger = Ledger::open(&path).unwrap();
        ledger.append(&step(1)).unwrap();
        ledger.append(&step(2)).unwrap();
        let mark = ledger.bytes();
        ledger.append(&warning()).unwrap();
        ledger.append(&step(3)).unwrap();
        assert_eq!(ledger.rewind(2, mark).unwrap(), 0);
        ledger.append(&step(3)).unwrap();
        let events: Vec<Event> = read(&path).unwrap().into_iter().map(|l| l.event).collect();
        assert_eq!(events, [step(1), step(2), warning(), step(3)]);
        // Twice is the same as once.
        let now = std::fs::read(&path).unwrap();
        assert_eq!(ledger.rewind(3, ledger.bytes()).unwrap(), 0);
        assert_eq!(std::fs::read(&path).unwrap(), now);
        assert_eq!(ledger.rewind(9, ledger.bytes() + 5).unwrap(), 5);
    }
}
