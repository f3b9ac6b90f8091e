//! Which documents share a key with an earlier one.
//!
//! Records `(key, document)` are collected, in memory or, beyond a limit, in files by the top bits of the key; each file is
//! then sorted by itself. Memory: the limit, a file's records, and eight bytes a document.

use crate::error::DataError;
use rayon::prelude::*;
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use tempfile::TempDir;

/// Files that keys are spread over.
const FILES: usize = 256;

/// Bytes of a record: key and document, little-endian.
const RECORD: usize = 24;

/// Records in memory before files are used: 96 MiB.
const IN_MEMORY: usize = 4 << 20;

/// Collects keys of documents.
#[derive(Debug)]
pub(crate) struct Repeats {
    limit: usize,
    records: Vec<(u128, u64)>,
    files: Option<(TempDir, Vec<BufWriter<File>>)>,
}

impl Repeats {
    pub(crate) fn new() -> Repeats {
        Repeats::with_limit(IN_MEMORY)
    }

    fn with_limit(limit: usize) -> Repeats {
        Repeats { limit, records: Vec::new(), files: None }
    }

    /// A document has a key; it may have several.
    pub(crate) fn add(&mut self, key: u128, document: u64) -> Result<(), DataError> {
        self.records.push((key, document));
        if self.records.len() >= self.limit { self.spill() } else { Ok(()) }
    }

    fn spill(&mut self) -> Result<(), DataError> {
        let directory = std::env::temp_dir();
        let failed = |e| DataError::write(&directory, 0, e);
        if self.files.is_none() {
            let dir = tempfile::Builder::new().prefix("smolc-dedup").tempdir().map_err(failed)?;
            let files: Result<Vec<_>, _> = (0..FILES)
                .map(|i| File::create(dir.path().join(i.to_string())).map(BufWriter::new))
                .collect();
            self.files = Some((dir, files.map_err(failed)?));
        }
        let Some((_, files)) = &mut self.files else { return Ok(()) };
        for (key, document) in self.records.drain(..) {
            let Some(file) = files.get_mut((key >> 120) as usize) else { continue };
            file.write_all(&key.to_le_bytes()).map_err(failed)?;
            file.write_all(&document.to_le_bytes()).map_err(failed)?;
        }
        Ok(())
    }

    /// For each of `documents` documents, the first document of those it is connected with by common keys, directly or over
    /// others; itself, if there is none before it.
    pub(crate) fn first_of_each(mut self, documents: u64) -> Result<Vec<u64>, DataError> {
        let mut sets = Sets::new(documents);
        if self.files.is_some() {
            self.spill()?;
        }
        match self.files.take() {
            None => join(&mut self.records, &mut sets),
            Some((dir, files)) => {
                for (i, file) in files.into_iter().enumerate() {
                    let path = dir.path().join(i.to_string());
                    file.into_inner().map_err(|e| DataError::write(&path, 0, e.into_error()))?;
                    let mut bytes = Vec::new();
                    File::open(&path)
                        .and_then(|mut f| f.read_to_end(&mut bytes))
                        .map_err(|e| DataError::io("read", &path, e))?;
                    let mut records: Vec<(u128, u64)> = bytes.chunks_exact(RECORD).map(record).collect();
                    join(&mut records, &mut sets);
                }
            }
        }
        Ok((0..documents).map(|d| sets.root(d)).collect())
    }
}

fn record(bytes: &[u8]) -> (u128, u64) {
    let (key, document) = bytes.split_at(16);
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0u128, |n, &b| n << 8 | u128::from(b));
    (number(key), number(document) as u64)
}

fn join(records: &mut [(u128, u64)], sets: &mut Sets) {
    records.par_sort_unstable();
    for pair in records.windows(2) {
        if let [(a, first), (b, second)] = pair
            && a == b
        {
            sets.join(*first, *second);
        }
    }
}

/// Disjoint sets whose root is their smallest member.
struct Sets(Vec<u64>);

impl Sets {
    fn new(n: u64) -> Sets {
        Sets((0..n).collect())
    }

    fn parent(&self, member: u64) -> u64 {
        usize::try_from(member).ok().and_then(|i| self.0.get(i)).copied().unwrap_or(member)
    }

    fn set_parent(&mut self, member: u64, parent: u64) {
        if let Some(slot) = usize::try_from(member).ok().and_then(|i| self.0.get_mut(i)) {
            *slot = parent;
        }
    }

    fn root(&mut self, member: u64) -> u64 {
        let mut member = member;
        loop {
            let parent = self.parent(member);
            if parent == member {
                return member;
            }
            // Halves the path (van Leeuwen and Tarjan).
            let grandparent = self.parent(parent);
            self.set_parent(member, grandparent);
            member = grandparent;
        }
    }

    fn join(&mut self, a: u64, b: u64) {
        let (a, b) = (self.root(a), self.root(b));
        self.set_parent(a.max(b), a.min(b));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Walks from document to document over common keys.
    fn brute_force(keys: &[(u128, u64)], documents: u64) -> Vec<u64> {
        let mut first: Vec<u64> = (0..documents).collect();
        loop {
            let before = first.clone();
            for (a, d) in keys {
                for (b, e) in keys {
                    if a == b {
                        let smaller = first[*d as usize].min(first[*e as usize]);
                        first[*d as usize] = smaller;
                        first[*e as usize] = smaller;
                    }
                }
            }
            if first == before {
                return first;
            }
        }
    }

    proptest! {
        #[test]
        fn as_by_brute_force_in_memory_and_in_files(
            keys in prop::collection::vec((0u128..30, 0u64..20), 0..60),
            limit in 1usize..80,
        ) {
            // Keys over all files.
            let keys: Vec<(u128, u64)> = keys.into_iter().map(|(k, d)| (k.wrapping_mul(u128::MAX / 29), d)).collect();
            let mut repeats = Repeats::with_limit(limit);
            for (key, document) in &keys {
                repeats.add(*key, *document).unwrap();
            }
            prop_assert_eq!(repeats.first_of_each(20).unwrap(), brute_force(&keys, 20));
        }
    }
}
