//! datatrove's tokenized files.
//!
//! `X.ds` holds u16 or u32 ids and nothing else, `X.ds.index` the u64 end of each document in tokens, `X.ds.metadata` (which may
//! be missing) begins with a line `tokenizer|bytes of an id`, and `X.ds.loss` (usually missing) a byte for each token
//! (datatrove/pipeline/tokens/tokenizer.py). The width of an id follows from the length of the file and its last document's end.

use super::{Shard, TokensError, Width, beside, u64s};
use crate::error::DataError;
use crate::store::map;
use std::path::Path;

const LAYOUT: &str = "a tokenized file of datatrove";

pub(super) fn open(path: &Path) -> Result<Shard, DataError> {
    let index = beside(path, ".index");
    if !index.exists() {
        return Err(TokensError::Missing { path: path.to_path_buf(), what: "index", missing: index }.into());
    }
    let loss = beside(path, ".loss");
    if loss.exists() {
        return Err(TokensError::LossMask { path: loss }.into());
    }
    let metadata = beside(path, ".metadata");
    let stated = match std::fs::read_to_string(&metadata) {
        Ok(text) => stated_width(&text),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
        Err(e) => return Err(DataError::io("read", &metadata, e)),
    };
    let data = map(path)?;
    let ends = map(&index)?;
    let layout =
        |path: &Path, problem| TokensError::Layout { path: path.to_path_buf(), layout: LAYOUT, problem };
    let ends = parse_ends(ends.as_deref().unwrap_or_default()).map_err(|problem| layout(&index, problem))?;
    let bytes = data.as_deref().map_or(0, <[u8]>::len) as u64;
    let width =
        width(bytes, ends.last().copied().unwrap_or(0), stated).map_err(|problem| layout(path, problem))?;
    Ok(Shard { path: path.to_path_buf(), data, width, ends, validation: false })
}

fn parse_ends(index: &[u8]) -> Result<Vec<u64>, String> {
    if !index.len().is_multiple_of(8) {
        return Err(format!("its {} bytes are no whole number of document ends of 8 bytes", index.len()));
    }
    let ends: Vec<u64> = u64s(index).collect();
    match ends.windows(2).position(|w| w.first() > w.last()) {
        Some(i) => Err(format!("document {} ends before the one before it", i + 1)),
        None => Ok(ends),
    }
}

/// Bytes of an id in the first line of the metadata.
fn stated_width(metadata: &str) -> Option<u64> {
    metadata.lines().next()?.rsplit_once('|')?.1.trim().parse().ok()
}

fn width(bytes: u64, tokens: u64, stated: Option<u64>) -> Result<Width, String> {
    let width = match (bytes, tokens) {
        (0, 0) => Width::U16,
        _ if tokens.checked_mul(2) == Some(bytes) => Width::U16,
        _ if tokens.checked_mul(4) == Some(bytes) => Width::U32,
        _ => {
            return Err(format!(
                "its index ends at token {tokens}, and its {bytes} bytes hold {} ids of 2 bytes or {} of 4",
                bytes / 2,
                bytes / 4
            ));
        }
    };
    match stated {
        Some(stated) if bytes > 0 && stated != width.bytes() as u64 => Err(format!(
            "its metadata says that an id takes {stated} bytes, and its length says {}",
            width.bytes()
        )),
        _ => Ok(width),
    }
}
