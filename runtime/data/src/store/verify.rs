//! Checking a prepared dataset byte by byte.

use super::{Files, Split, Store, Tokens, bytes};
use crate::error::DataError;
use crate::prepare::{BLOCK_BYTES, SplitManifest, hex};
use rayon::prelude::*;
use std::path::Path;
use xxhash_rust::xxh3::xxh3_64;

pub(super) fn verify(store: &Store, directory: &Path) -> Result<(), DataError> {
    let m = &store.manifest;
    let corrupt = |name: &str, problem: String| DataError::Corrupt {
        path: directory.join(name),
        directory: directory.to_path_buf(),
        problem,
    };
    if m.request.format != crate::prepare::FORMAT_VERSION {
        return Err(corrupt(
            "manifest.json",
            format!("it has format version {}, not {}", m.request.format, crate::prepare::FORMAT_VERSION),
        ));
    }
    if m.uid != m.content_uid() {
        return Err(corrupt(
            "manifest.json",
            "its content identity does not follow from its contents".into(),
        ));
    }
    for (split, files, manifest) in
        [(Split::Train, &store.train, &m.train), (Split::Validation, &store.validation, &m.validation)]
    {
        let name = |what: &str| format!("{}.{what}", split.name());
        blocks(
            bytes(&files.tokens),
            manifest.tokens.checked_mul(m.token_type.bytes()),
            &manifest.token_blocks,
        )
        .map_err(|problem| corrupt(&name("tokens"), problem))?;
        blocks(bytes(&files.ends), manifest.documents.checked_mul(8), &manifest.end_blocks)
            .map_err(|problem| corrupt(&name("ends"), problem))?;
        contents(store, split, files, manifest).map_err(|(what, problem)| corrupt(&name(what), problem))?;
    }
    Ok(())
}

fn blocks(bytes: &[u8], length: Option<u64>, checksums: &[String]) -> Result<(), String> {
    if Some(bytes.len() as u64) != length {
        let said = length.map_or("an impossible number of".into(), |l| l.to_string());
        return Err(format!("it has {} bytes, the manifest says {said}", bytes.len()));
    }
    let found: Vec<String> = bytes.par_chunks(BLOCK_BYTES).map(|block| hex(xxh3_64(block))).collect();
    if found.len() != checksums.len() {
        return Err(format!("it has {} blocks, the manifest {} checksums", found.len(), checksums.len()));
    }
    match found.iter().zip(checksums).position(|(a, b)| a != b) {
        Some(block) => {
            let (from, to) = (block * BLOCK_BYTES, ((block + 1) * BLOCK_BYTES).min(bytes.len()));
            Err(format!("the checksum of block {block} (bytes {from} to {to}) does not match"))
        }
        None => Ok(()),
    }
}

/// What checksums cannot say: a manifest may be as wrong as its files.
fn contents(
    store: &Store,
    split: Split,
    _files: &Files,
    manifest: &SplitManifest,
) -> Result<(), (&'static str, String)> {
    let view = store.split(split);
    if view.len() != manifest.tokens || view.ends.len() as u64 != manifest.documents {
        return Err(("tokens", "it could not be mapped as tokens".into()));
    }
    let range = match view.tokens {
        Tokens::U16(t) => t.par_iter().map(|&t| (u32::from(t), u32::from(t))).reduce_with(widen),
        Tokens::U32(t) => t.par_iter().map(|&t| (t, t)).reduce_with(widen),
    };
    if range != manifest.token_range {
        return Err((
            "tokens",
            format!("its ids are {range:?}, the manifest says {:?}", manifest.token_range),
        ));
    }
    if range.is_some_and(|(_, high)| u64::from(high) >= store.manifest.vocabulary) {
        return Err(("tokens", format!("its ids exceed the vocabulary of {}", store.manifest.vocabulary)));
    }
    let ascending = view.ends.is_sorted_by(|a, b| a < b);
    if !ascending
        || view.ends.first() == Some(&0)
        || view.ends.last().copied().unwrap_or(0) != manifest.tokens
    {
        return Err(("ends", "the document ends are not ascending up to the number of tokens".into()));
    }
    Ok(())
}

fn widen(a: (u32, u32), b: (u32, u32)) -> (u32, u32) {
    (a.0.min(b.0), a.1.max(b.1))
}
