//! From glob patterns to files in an order that no machine can change.

use super::Skipped;
use crate::error::DataError;
use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};

/// A file to read.
#[derive(Clone, Debug)]
pub(crate) struct SourceFile {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Its path below the pattern's fixed part, with `/` between names: identity across machines.
    pub(super) key: Vec<u8>,
    /// Length when it was listed, bytes.
    pub(super) length: u64,
}

impl SourceFile {
    /// A file that something else than a pattern has named.
    pub(super) fn new(path: PathBuf, key: Vec<u8>, length: u64) -> SourceFile {
        SourceFile { path, key, length }
    }
}

/// Expands patterns to files, sorted by key, each file once. Lenient patterns list what cannot be used; strict ones refuse it.
pub(crate) fn expand(
    dataset: &str,
    patterns: &[String],
    lenient: bool,
) -> Result<(Vec<SourceFile>, Vec<Skipped>), DataError> {
    let mut files = Vec::new();
    let mut skipped = Vec::new();
    let mut seen = HashSet::new();
    for pattern in patterns {
        let prefix = fixed_prefix(pattern);
        let paths = glob::glob(pattern).map_err(|e| DataError::BadPattern {
            dataset: dataset.to_string(),
            pattern: pattern.clone(),
            reason: e.to_string(),
        })?;
        let mut matched = false;
        for path in paths {
            let path = match path {
                Ok(path) => path,
                Err(e) if lenient => {
                    let reason = e.error().to_string();
                    skipped.push(Skipped { path: e.path().display().to_string(), reason });
                    continue;
                }
                Err(e) => {
                    let path = e.path().to_path_buf();
                    return Err(DataError::Io { action: "list", path, source: e.into() });
                }
            };
            matched = true;
            // Metadata follows links; a loop of links is an error of the operating system like any other.
            let metadata = match std::fs::metadata(&path) {
                Ok(metadata) => metadata,
                Err(e) if lenient => {
                    skipped.push(Skipped { path: path.display().to_string(), reason: e.to_string() });
                    continue;
                }
                Err(e) => return Err(DataError::io("read", &path, e)),
            };
            if metadata.is_dir() {
                if !lenient || prefix == Path::new(pattern) {
                    return Err(DataError::Directory { dataset: dataset.to_string(), path });
                }
                skipped
                    .push(Skipped { path: path.display().to_string(), reason: "it is a directory".into() });
                continue;
            }
            let canonical = std::fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
            if seen.insert(canonical) {
                let key = key(&path, &prefix);
                files.push(SourceFile { path, key, length: metadata.len() });
            }
        }
        if !matched {
            let existing =
                prefix.ancestors().find(|p| p.exists() && *p != Path::new("")).map(Path::to_path_buf);
            return Err(DataError::NoMatch {
                dataset: dataset.to_string(),
                pattern: pattern.clone(),
                existing,
            });
        }
    }
    files.sort_by(|a, b| a.key.cmp(&b.key).then_with(|| a.path.cmp(&b.path)));
    Ok((files, skipped))
}

/// The components before the first one with a wildcard.
fn fixed_prefix(pattern: &str) -> PathBuf {
    Path::new(pattern)
        .components()
        .take_while(|c| !c.as_os_str().as_encoded_bytes().iter().any(|b| b"*?[".contains(b)))
        .collect()
}

fn key(path: &Path, prefix: &Path) -> Vec<u8> {
    let below = path.strip_prefix(prefix).ok().filter(|p| p.components().next().is_some());
    // A pattern without wildcards is one file: its name identifies it.
    let below = below.unwrap_or_else(|| path.file_name().map_or(path, Path::new));
    let names: Vec<&[u8]> = below
        .components()
        .filter(|c| !matches!(c, Component::CurDir))
        .map(|c| c.as_os_str().as_encoded_bytes())
        .collect();
    names.join(&b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_leave_out_where_the_tree_stands() {
        for root in ["/home/a", "/b", "c"] {
            let prefix = fixed_prefix(&format!("{root}/src/*/**/*.md"));
            assert_eq!(prefix, Path::new(root).join("src"));
            assert_eq!(key(&Path::new(root).join("src/x/y/z.md"), &prefix), b"x/y/z.md");
        }
        assert_eq!(key(Path::new("/a/b.txt"), &fixed_prefix("/a/b.txt")), b"b.txt");
    }
}
