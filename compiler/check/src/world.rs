//! Everything the compiler may learn from outside a spec's text.
//!
//! The command line, the language server and the tests each bring a [`World`]; the checker is the same code in all of
//! them. A world may decline to look (`None`): a plan for a cluster is made on a laptop.

use smolc_diag::FileId;
use smolc_syntax::Parsed;
use std::collections::BTreeMap;
use std::io;

/// A column of a data file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub holds: Holds,
}

/// What a column of a data file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holds {
    /// Whole numbers.
    Integers,
    /// Numbers.
    Numbers,
    /// Truth values.
    Truths,
    /// Texts.
    Texts,
    /// Something that no expression reads, in the words of the file: `List(Utf8)`.
    Other(String),
    /// Nothing in what was looked at tells.
    Unknown,
}

impl Column {
    /// A column.
    pub fn new(name: impl Into<String>, holds: Holds) -> Column {
        Column { name: name.into(), holds }
    }
}

/// Files, environment and paths, as the compiler sees them.
pub trait World {
    /// The text of a file. Invalid UTF-8 is [`io::ErrorKind::InvalidData`], a directory is an error like any other.
    fn read_file(&self, path: &str) -> io::Result<String>;
    /// An environment variable; `None` when unset or not UTF-8.
    fn env(&self, name: &str) -> Option<String>;
    /// The user's home directory, for `~/`.
    fn home(&self) -> Option<String>;
    /// Whether a path exists; `None` = cannot look.
    fn exists(&self, path: &str) -> Option<bool>;
    /// Whether at least one file matches a glob pattern; `None` = cannot look. It may stop at the first match.
    fn matches(&self, pattern: &str) -> Option<bool>;
    /// The columns of the first file that matches a pattern, for JSON lines and Parquet; `None` = cannot look, or no such
    /// file.
    fn columns(&self, _pattern: &str) -> Option<Vec<Column>> {
        None
    }
    /// Number of tokens (the largest id plus one) of a Hugging Face `tokenizer.json`; `Ok(None)` = cannot look or no
    /// such file; `Err` says why a file that is there cannot be used.
    fn tokenizer_vocab(&self, path: &str) -> Result<Option<u64>, String>;
    /// The tree of a text. A world that lives through many checks of nearly the same texts may remember parts of it; it
    /// must yield what [`smolc_syntax::parse`] does.
    fn parse(&self, file: FileId, text: &str) -> Parsed {
        smolc_syntax::parse(file, text)
    }

    /// `path` as said in file `from`: `~/` is the home directory, a relative path starts at the directory of `from`.
    /// `.` and `..` are resolved textually, so that one file has one name.
    fn resolve(&self, from: &str, path: &str) -> String {
        if is_url(path) {
            return path.to_string();
        }
        if (path == "~" || path.starts_with("~/"))
            && let Some(home) = self.home()
        {
            return normalize(&format!("{home}{}", path.get(1..).unwrap_or("")));
        }
        if path.starts_with('/') {
            return normalize(path);
        }
        match from.rfind('/') {
            Some(i) => normalize(&format!("{}/{path}", from.get(..i).unwrap_or(""))),
            None => normalize(path),
        }
    }
}

/// Whether a path names an object store or a server: `s3://…`, `gs://…`, `hf://…`, `https://…`. The compiler never looks
/// there.
pub fn is_url(path: &str) -> bool {
    path.split_once("://").is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+.-".contains(c))
    })
}

/// Resolves `.` and `..` in a path, textually; a leading `..` of a relative path stays.
pub fn normalize(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|p| *p != "..") => {
                parts.pop();
            }
            ".." if path.starts_with('/') => {}
            other => parts.push(other),
        }
    }
    let joined = parts.join("/");
    match (path.starts_with('/'), joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".into(),
        (false, false) => joined,
    }
}

/// A world of strings, for tests and documentation examples.
#[derive(Clone, Debug, Default)]
pub struct MemoryWorld {
    /// Files by path.
    pub files: BTreeMap<String, String>,
    /// Environment variables.
    pub variables: BTreeMap<String, String>,
    /// The home directory.
    pub home: Option<String>,
    /// Patterns and paths that exist besides `files`; when `None`, the world declines to look.
    pub patterns: Option<Vec<String>>,
    /// Columns of data files, by pattern.
    pub columns: BTreeMap<String, Vec<Column>>,
    /// Vocabulary sizes of tokenizer files.
    pub tokenizers: BTreeMap<String, Result<u64, String>>,
}

impl MemoryWorld {
    /// A world with one file.
    pub fn with_file(path: &str, text: &str) -> MemoryWorld {
        MemoryWorld::default().file(path, text)
    }

    /// Adds a file.
    pub fn file(mut self, path: &str, text: &str) -> MemoryWorld {
        self.files.insert(path.into(), text.into());
        self
    }
}

impl World for MemoryWorld {
    fn read_file(&self, path: &str) -> io::Result<String> {
        self.files.get(path).cloned().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    fn env(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    fn home(&self) -> Option<String> {
        self.home.clone()
    }

    fn exists(&self, path: &str) -> Option<bool> {
        let patterns = self.patterns.as_ref()?;
        let inside = |p: &String| p == path || p.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
        Some(self.files.keys().any(inside) || patterns.iter().any(inside))
    }

    fn matches(&self, pattern: &str) -> Option<bool> {
        let patterns = self.patterns.as_ref()?;
        Some(self.files.contains_key(pattern) || patterns.iter().any(|p| p == pattern))
    }

    fn columns(&self, pattern: &str) -> Option<Vec<Column>> {
        self.columns.get(pattern).cloned()
    }

    fn tokenizer_vocab(&self, path: &str) -> Result<Option<u64>, String> {
        self.tokenizers.get(path).cloned().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_to_the_file_that_says_them() {
        let world = MemoryWorld { home: Some("/home/u".into()), ..MemoryWorld::default() };
        for (from, path, is) in [
            ("specs/a.smol", "b.smol", "specs/b.smol"),
            ("specs/a.smol", "../data/*.md", "data/*.md"),
            ("a.smol", "./b.smol", "b.smol"),
            ("a.smol", "../b.smol", "../b.smol"),
            ("/s/a.smol", "/x//y/./z", "/x/y/z"),
            ("a.smol", "~/.cargo", "/home/u/.cargo"),
            ("a.smol", ".", "."),
            ("specs/a.smol", "s3://bucket/x/../*.parquet", "s3://bucket/x/../*.parquet"),
        ] {
            assert_eq!(world.resolve(from, path), is, "{path} in {from}");
        }
    }
}
