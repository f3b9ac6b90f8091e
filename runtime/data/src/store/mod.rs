//! Reading prepared datasets.

mod map;
mod verify;

pub(crate) use map::map;

use crate::error::DataError;
use crate::prepare::{Manifest, TokenType};
use memmap2::Mmap;
use smolc_plan::Measured;
use std::path::Path;

/// Which part of a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// What the model is trained on.
    Train,
    /// What it is only evaluated on.
    Validation,
}

impl Split {
    /// `"train"`, `"validation"`: the stem of the split's files.
    pub fn name(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Validation => "validation",
        }
    }
}

/// A prepared dataset, verified and mapped.
#[derive(Debug)]
pub struct Store {
    manifest: Manifest,
    train: Files,
    validation: Files,
}

#[derive(Debug)]
struct Files {
    tokens: Option<Mmap>,
    ends: Option<Mmap>,
}

/// The tokens and documents of one split.
#[derive(Clone, Copy, Debug)]
pub struct SplitView<'a> {
    tokens: Tokens<'a>,
    /// Token offset behind each document's separator, ascending; the last is the number of tokens.
    ends: &'a [u64],
}

#[derive(Clone, Copy, Debug)]
enum Tokens<'a> {
    U16(&'a [u16]),
    U32(&'a [u32]),
}

impl Store {
    /// Opens the directory of a prepared dataset and verifies every byte of it: lengths, a checksum for each 16 MiB, the
    /// range of the ids and the document ends. Errors name the file and the block.
    pub fn open(directory: &Path) -> Result<Store, DataError> {
        let manifest = Store::manifest(directory)?;
        let open = |split: Split| -> Result<Files, DataError> {
            let path = |what: &str| directory.join(format!("{}.{what}", split.name()));
            Ok(Files { tokens: map(&path("tokens"))?, ends: map(&path("ends"))? })
        };
        let store = Store { train: open(Split::Train)?, validation: open(Split::Validation)?, manifest };
        verify::verify(&store, directory)?;
        Ok(store)
    }

    /// Reads the manifest only.
    pub(crate) fn manifest(directory: &Path) -> Result<Manifest, DataError> {
        let path = directory.join("manifest.json");
        let bytes = std::fs::read(&path).map_err(|e| DataError::io("read", &path, e))?;
        serde_json::from_slice(&bytes).map_err(|e| DataError::Corrupt {
            path,
            directory: directory.to_path_buf(),
            problem: format!("it is not a manifest: {e}"),
        })
    }

    /// What the dataset says about itself.
    pub fn manifest_of(&self) -> &Manifest {
        &self.manifest
    }

    /// Sizes and content identity.
    pub fn measured(&self) -> Measured {
        self.manifest.measured()
    }

    /// Rows an embedding must have for these tokens.
    pub fn vocabulary(&self) -> u64 {
        self.manifest.vocabulary
    }

    /// One split.
    pub fn split(&self, split: Split) -> SplitView<'_> {
        let files = match split {
            Split::Train => &self.train,
            Split::Validation => &self.validation,
        };
        // The lengths were verified to be whole numbers of items, and a mapping begins on a page.
        let tokens = bytes(&files.tokens);
        SplitView {
            tokens: match self.manifest.token_type {
                TokenType::U16 => Tokens::U16(bytemuck::try_cast_slice(tokens).unwrap_or_default()),
                TokenType::U32 => Tokens::U32(bytemuck::try_cast_slice(tokens).unwrap_or_default()),
            },
            ends: bytemuck::try_cast_slice(bytes(&files.ends)).unwrap_or_default(),
        }
    }
}

fn bytes(map: &Option<Mmap>) -> &[u8] {
    map.as_deref().unwrap_or_default()
}

impl<'a> SplitView<'a> {
    /// Number of tokens, separators included.
    pub fn len(&self) -> u64 {
        match self.tokens {
            Tokens::U16(t) => t.len() as u64,
            Tokens::U32(t) => t.len() as u64,
        }
    }

    /// True without tokens.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Token offset behind each document's separator, ascending.
    pub fn ends(&self) -> &'a [u64] {
        self.ends
    }

    /// Whole windows of `window` tokens, each with the target of its last token: `(len - 1) / window`.
    pub fn windows(&self, window: u64) -> u64 {
        self.len().saturating_sub(1) / window.max(1)
    }

    /// Copies `out.len()` tokens from offset `start`; `false` (and nothing copied) if they are not all there.
    pub fn copy(&self, start: u64, out: &mut [u32]) -> bool {
        let Some(range) = usize::try_from(start).ok().and_then(|s| Some(s..s.checked_add(out.len())?)) else {
            return false;
        };
        match self.tokens {
            Tokens::U16(t) => {
                t.get(range).map(|t| out.iter_mut().zip(t).for_each(|(o, &t)| *o = u32::from(t)))
            }
            Tokens::U32(t) => t.get(range).map(|t| out.copy_from_slice(t)),
        }
        .is_some()
    }

    /// Adds how often each token occurs at offsets `start .. start + length` to `counts`, where `keep` of the offset holds.
    pub(crate) fn count(&self, start: u64, length: u64, counts: &mut [u64], keep: impl Fn(u64) -> bool) {
        for offset in start..start.saturating_add(length).min(self.len()) {
            let id = match self.tokens {
                Tokens::U16(t) => t.get(offset as usize).map(|&t| usize::from(t)),
                Tokens::U32(t) => t.get(offset as usize).map(|&t| t as usize),
            };
            if let Some(count) = id.and_then(|id| counts.get_mut(id)).filter(|_| keep(offset)) {
                *count += 1;
            }
        }
    }
}
