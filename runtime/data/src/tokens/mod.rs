//! Data that is tokenized already: our own shards, Megatron-LM's `.bin` with `.idx`, datatrove's `.ds` with its index.
//!
//! A file is mapped, never copied into memory. [`Tokenized::open`] checks that sizes, types and indices fit each other;
//! [`Tokenized::survey`] reads every id. [`prepare_tokens`](crate::prepare_tokens) makes shards of them.

mod datatrove;
mod error;
mod megatron;
mod own;
mod survey;

pub use error::TokensError;
pub use survey::{Ends, Survey};

use crate::error::DataError;
use memmap2::Mmap;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// How tokenized files are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// A directory that [`prepare_dataset`](crate::prepare_dataset) wrote; paths name directories.
    Own,
    /// `X.bin` and `X.idx` (Megatron-LM, `indexed_dataset.py`); paths name the `.bin`.
    Megatron,
    /// `X.ds` and `X.ds.index` (datatrove); paths name the `.ds`.
    Datatrove,
}

/// How an id is stored, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Width {
    U8,
    U16,
    I16,
    U32,
    I32,
    I64,
}

impl Width {
    fn bytes(self) -> usize {
        match self {
            Width::U8 => 1,
            Width::U16 | Width::I16 => 2,
            Width::U32 | Width::I32 => 4,
            Width::I64 => 8,
        }
    }

    /// The id in exactly [`Width::bytes`] bytes; negative ones are kept to be refused by number.
    fn read(self, bytes: &[u8]) -> i64 {
        match (self, bytes) {
            (Width::U8, &[a]) => i64::from(a),
            (Width::U16, &[a, b]) => i64::from(u16::from_le_bytes([a, b])),
            (Width::I16, &[a, b]) => i64::from(i16::from_le_bytes([a, b])),
            (Width::U32, &[a, b, c, d]) => i64::from(u32::from_le_bytes([a, b, c, d])),
            (Width::I32, &[a, b, c, d]) => i64::from(i32::from_le_bytes([a, b, c, d])),
            (Width::I64, &[a, b, c, d, e, f, g, h]) => i64::from_le_bytes([a, b, c, d, e, f, g, h]),
            // Chunks have the width's size.
            _ => -1,
        }
    }
}

/// One file of tokens and where its documents end.
#[derive(Debug)]
struct Shard {
    path: PathBuf,
    data: Option<Mmap>,
    width: Width,
    /// Token behind each document, ascending, not strictly; the last is the number of tokens.
    ends: Vec<u64>,
    /// Set aside for validation by whoever made it.
    validation: bool,
}

impl Shard {
    fn documents(&self) -> u64 {
        self.ends.len() as u64
    }

    fn tokens(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    /// Tokens of a document, as a range of the file's; empty beyond the last.
    fn range(&self, document: u64) -> Range<u64> {
        let Ok(i) = usize::try_from(document) else { return 0..0 };
        let Some(&end) = self.ends.get(i) else { return 0..0 };
        let start = i.checked_sub(1).and_then(|i| self.ends.get(i)).copied().unwrap_or(0);
        start..end
    }

    /// Ids of a document.
    fn ids(&self, document: u64) -> impl Iterator<Item = i64> + '_ {
        let range = self.range(document);
        let size = self.width.bytes();
        let bytes = self.data.as_deref().unwrap_or_default();
        let place = |token: u64| usize::try_from(token).unwrap_or(usize::MAX).saturating_mul(size);
        let bytes = bytes.get(place(range.start)..place(range.end)).unwrap_or_default();
        bytes.chunks_exact(size).map(|id| self.width.read(id))
    }
}

/// Tokenized files whose structure was checked.
#[derive(Debug)]
pub struct Tokenized {
    shards: Vec<Shard>,
}

impl Tokenized {
    /// Opens files of a layout, in the order given.
    ///
    /// Errors: a file, or the index that belongs to it, is missing or not of the layout: magic, version, type of the ids,
    /// sizes, and indices that do not ascend or lead out of the file.
    pub fn open(layout: Layout, paths: &[PathBuf]) -> Result<Tokenized, DataError> {
        let mut shards = Vec::new();
        for path in paths {
            match layout {
                Layout::Own => shards.extend(own::open(path)?),
                Layout::Megatron => shards.push(megatron::open(path)?),
                Layout::Datatrove => shards.push(datatrove::open(path)?),
            }
        }
        Ok(Tokenized { shards })
    }

    /// [`Tokenized::open`] on the files that patterns match, in the order of their paths below the patterns' fixed parts.
    /// Patterns name `.bin` files, `.ds` files, or directories of ours. `dataset` names it in errors.
    pub fn find(dataset: &str, layout: Layout, patterns: &[String]) -> Result<Tokenized, DataError> {
        let patterns: Vec<String> = match layout {
            // A directory is ours by its manifest.
            Layout::Own => {
                patterns.iter().map(|p| format!("{}/manifest.json", p.trim_end_matches('/'))).collect()
            }
            Layout::Megatron | Layout::Datatrove => patterns.to_vec(),
        };
        let (files, _) = crate::source::pattern::expand(dataset, &patterns, false)?;
        let path = |file: crate::source::pattern::SourceFile| match layout {
            Layout::Own => file.path.parent().unwrap_or(Path::new("")).to_path_buf(),
            Layout::Megatron | Layout::Datatrove => file.path,
        };
        Tokenized::open(layout, &files.into_iter().map(path).collect::<Vec<_>>())
    }

    /// Tokens in all files.
    pub fn tokens(&self) -> u64 {
        self.shards.iter().map(Shard::tokens).sum()
    }

    /// Documents in all files, empty ones included.
    pub fn documents(&self) -> u64 {
        self.shards.iter().map(Shard::documents).sum()
    }

    /// The file that was split for validation already, if one was.
    pub(crate) fn split_by(&self) -> Option<&Path> {
        self.shards.iter().find(|s| s.validation && s.documents() > 0).map(|s| s.path.as_path())
    }

    /// Number of files.
    pub(crate) fn files(&self) -> u64 {
        self.shards.len() as u64
    }

    /// Every document in order: whether it is set aside for validation, and its ids. [`Tokenized::survey`] must have
    /// passed; ids beyond 32 bits are cut.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (bool, impl Iterator<Item = u32> + '_)> + '_ {
        self.shards
            .iter()
            .flat_map(|s| (0..s.documents()).map(move |d| (s.validation, s.ids(d).map(|id| id as u32))))
    }
}

/// The path with something behind its whole name.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(ending);
    PathBuf::from(name)
}

/// Little-endian numbers of eight bytes.
fn u64s(bytes: &[u8]) -> impl Iterator<Item = u64> + '_ {
    bytes.chunks_exact(8).map(|c| c.iter().rev().fold(0, |n, &b| n << 8 | u64::from(b)))
}

/// Little-endian numbers of four bytes.
fn i32s(bytes: &[u8]) -> impl Iterator<Item = i32> + '_ {
    bytes.chunks_exact(4).map(|c| c.iter().rev().fold(0u32, |n, &b| n << 8 | u32::from(b)) as i32)
}
