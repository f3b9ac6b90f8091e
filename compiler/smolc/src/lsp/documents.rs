//! The texts that the editor holds, and the workspace around them.

use super::{library, uri};
use crate::files;
use crate::world::RealWorld;
use serde_json::Value;
use smolc_ide::Overlay;
use smolc_syntax::Memo;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// An open text.
#[derive(Debug, Default)]
pub struct Document {
    /// Its path, or a module of the standard library.
    pub path: String,
    /// Its text.
    pub text: String,
    /// Its version, as the editor counts.
    pub version: Option<i64>,
    /// Its diagnostics are out of date.
    pub dirty: bool,
    /// Paths that it read when it was checked last.
    pub reads: BTreeSet<String>,
    /// Addresses that it published diagnostics for.
    pub published: BTreeSet<String>,
}

/// Open texts by address, and the folders of the workspace.
#[derive(Debug, Default)]
pub struct Documents {
    /// Open texts by address.
    pub open: BTreeMap<String, Document>,
    folders: Vec<PathBuf>,
    /// What is remembered of texts that were parsed before.
    memo: RefCell<Memo>,
}

/// Specs of a workspace that are looked at for names; more would make an editor wait.
const MOST: usize = 200;

impl Documents {
    /// No text, in the folders that the client names.
    pub fn new(params: &Value) -> Documents {
        let folders = params.get("workspaceFolders").and_then(Value::as_array);
        let named = folders.into_iter().flatten().filter_map(|f| f.get("uri")).filter_map(Value::as_str);
        let mut folders: Vec<PathBuf> = named.map(|u| PathBuf::from(uri::to_path(u))).collect();
        if folders.is_empty() {
            folders.extend(params.get("rootUri").and_then(Value::as_str).map(|u| uri::to_path(u).into()));
        }
        Documents { open: BTreeMap::new(), folders, memo: RefCell::default() }
    }

    /// The path that an address stands for.
    pub fn path(address: &str) -> String {
        let path = uri::to_path(address);
        library::module(&path).unwrap_or(path)
    }

    /// Opens a text or replaces it; what reads it is out of date too.
    pub fn set(&mut self, address: &str, text: &str, version: Option<i64>) {
        let path = Documents::path(address);
        for other in self.open.values_mut().filter(|d| d.reads.contains(&path)) {
            other.dirty = true;
        }
        let document = self.open.entry(address.to_owned()).or_default();
        document.path = path;
        document.text = text.to_owned();
        document.version = version;
        document.dirty = true;
    }

    /// Something on disk may have changed.
    pub fn touch(&mut self) {
        self.open.values_mut().for_each(|d| d.dirty = true);
    }

    /// Closes a text; gives the addresses whose diagnostics go with it.
    pub fn close(&mut self, address: &str) -> Vec<String> {
        let Some(closed) = self.open.remove(address) else { return Vec::new() };
        // What reads it now reads what is on disk.
        for other in self.open.values_mut().filter(|d| d.reads.contains(&closed.path)) {
            other.dirty = true;
        }
        let mut gone = closed.published;
        gone.insert(address.to_owned());
        gone.into_iter().filter(|a| !self.open.contains_key(a)).collect()
    }

    /// Whether some diagnostics are out of date.
    pub fn is_dirty(&self) -> bool {
        self.open.values().any(|d| d.dirty)
    }

    /// The machine, with open texts in place of what is on disk.
    pub fn world(&self) -> Overlay<'_> {
        let files = self.open.values().map(|d| (d.path.clone(), d.text.clone())).collect();
        Overlay { base: &RealWorld, files, memo: Some(&self.memo) }
    }

    /// Paths of every spec that may name something: open texts first, then the workspace; and how many were left out.
    pub fn roots(&self) -> (Vec<String>, usize) {
        let mut paths: Vec<String> = self.open.values().map(|d| d.path.clone()).collect();
        let folders: Vec<PathBuf> = self.folders.iter().filter(|f| f.is_dir()).cloned().collect();
        for folder in folders {
            // A folder without specs, or one that cannot be read, adds none.
            for path in files::specs(&[folder]).unwrap_or_default() {
                if let Some(path) = path.to_str().filter(|p| !paths.iter().any(|q| q == p)) {
                    paths.push(path.to_owned());
                }
            }
        }
        let left_out = paths.len().saturating_sub(MOST);
        paths.truncate(MOST);
        (paths, left_out)
    }
}
