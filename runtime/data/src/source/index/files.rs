//! One document a file.

use super::Found;
use super::lines::{TEXT, text_columns};
use crate::error::DataError;
use crate::pipeline::Filters;
use crate::progress::Progress;
use crate::source::{Corpus, DocumentRef, Skipped, sample};
use smolc_plan::Take;
use std::path::Path;
use xxhash_rust::xxh3::xxh3_64;

/// One document a file. A file that cannot be used is listed, not fatal: such patterns sweep up whatever lies about. With a
/// sample, files are read in the sample's order and only while there is room, so that a small sample of a large tree is
/// quick.
pub(in crate::source) fn files(
    corpus: &mut Corpus,
    sample: Option<&Take>,
    filters: &Filters,
    progress: &dyn Progress,
) -> Result<Found, DataError> {
    let mut order: Vec<usize> = (0..corpus.files.len()).collect();
    if let Some(sample) = sample {
        let keys: Vec<u64> = corpus.files.iter().map(|f| sample::key(sample.seed, &f.key, 0)).collect();
        order.sort_by_key(|&i| (keys.get(i).copied(), i));
    }
    let mut room = sample.map_or(u64::MAX, |s| s.bytes);
    let mut found = Found::default();
    let mut skipped = std::mem::take(&mut corpus.skipped);
    for index in order {
        let Some(file) = corpus.files.get(index) else { continue };
        progress.advance(file.length);
        if file.length > room {
            found.beyond = true;
            continue;
        }
        match read(&file.path) {
            Err(reason) => skipped.push(Skipped { path: file.path.display().to_string(), reason }),
            Ok(text) => {
                let bytes = text.len() as u64;
                // The file may have grown since it was listed.
                if bytes > room {
                    found.beyond = true;
                    continue;
                }
                room -= bytes;
                let hash = xxh3_64(text.as_bytes());
                let document =
                    DocumentRef { file: index as u32, offset: 0, length: bytes, line: 0, bytes, hash };
                if filters.is_empty() || bytes == 0 {
                    found.unasked(document);
                    continue;
                }
                let bound = filters.bind(&TEXT, &file.path.display().to_string())?;
                let marks = bound
                    .marks(1, &text_columns(&[text.as_str()]), |seed, _| sample::key(seed, &file.key, 0));
                let marks = marks.map_err(|reason| DataError::filters(&file.path, reason))?;
                found.judged(filters, marks.first().copied().unwrap_or(0), Some(document));
            }
        }
    }
    if sample.is_some() {
        found.documents.sort_by_key(|d| d.file);
    }
    skipped.sort_by(|a, b| a.path.cmp(&b.path));
    corpus.skipped = skipped;
    Ok(found)
}

fn read(path: &Path) -> Result<String, String> {
    let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
    String::from_utf8(bytes)
        .map_err(|e| format!("the byte at offset {} is not UTF-8", e.utf8_error().valid_up_to()))
}
