//! What this machine offers, one file a subject. Reads `/proc`, `/sys` and library folders below a root, so that tests
//! can bring a machine of their own. Only for the machine it runs on does it load libraries and ask the GPU.

mod build;
mod cpu;
mod cuda;
mod gpu;
mod memory;

use serde::Serialize;
use std::path::{Path, PathBuf};

/// How a finding is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Fine.
    Ok,
    /// Absent or unknown, and nothing depends on it.
    Info,
    /// Works, but worse than it could.
    Warn,
}

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Subject: `CPU`, `memory`.
    pub what: &'static str,
    /// How it is meant.
    pub level: Level,
    /// What was found, with numbers.
    pub found: String,
    /// What to do, for warnings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl Finding {
    fn new(what: &'static str, level: Level, found: impl Into<String>) -> Finding {
        Finding { what, level, found: found.into(), fix: None }
    }

    fn fix(mut self, text: impl Into<String>) -> Finding {
        self.fix = Some(text.into());
        self
    }
}

/// A machine, seen below a root directory.
#[derive(Clone, Debug)]
pub struct Machine {
    root: PathBuf,
    library_path: Vec<PathBuf>,
    /// Whether it is the machine this process runs on.
    own: bool,
}

impl Machine {
    /// The machine this process runs on.
    pub fn here() -> Machine {
        let library_path = std::env::var_os("LD_LIBRARY_PATH")
            .map(|v| std::env::split_paths(&v).filter(|p| !p.as_os_str().is_empty()).collect())
            .unwrap_or_default();
        Machine { root: PathBuf::from("/"), library_path, own: true }
    }

    fn path(&self, below: &str) -> PathBuf {
        self.root.join(below.trim_start_matches('/'))
    }

    /// A file of `/proc` or `/sys`; `None` when it is not there or cannot be read.
    fn read(&self, below: &str) -> Option<String> {
        std::fs::read_to_string(self.path(below)).ok()
    }

    /// Names in a directory, sorted; empty when it is not there.
    fn list(&self, below: &str) -> Vec<String> {
        names(&self.path(below))
    }
}

fn names(dir: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.filter_map(Result::ok).filter_map(|e| e.file_name().into_string().ok()).collect();
    names.sort();
    names
}

/// Everything there is to say.
pub fn examine(machine: &Machine) -> Vec<Finding> {
    let mut findings = build::findings();
    findings.extend(cpu::findings(machine));
    findings.extend(memory::findings(machine));
    findings.extend(gpu::findings(machine));
    findings
}

#[cfg(test)]
mod tests;
