//! Megatron-LM's indexed datasets.
//!
//! `.idx`, little-endian, nothing aligned behind the header (megatron/core/datasets/indexed_dataset.py): 9 bytes of magic,
//! u64 version, u8 type, u64 number of sequences S, u64 number of document indices N; then S × i32 lengths in tokens, S × i64
//! byte offsets into `.bin`, N × i64 sequence numbers of document ends (the first is 0), and, if there is room for it, S × i8
//! modes. `.bin` holds the ids alone.

use super::{Shard, TokensError, Width, i32s, u64s};
use crate::error::DataError;
use crate::store::map;
use std::path::Path;

const MAGIC: &[u8] = b"MMIDIDX\0\0";
const HEADER: u64 = 34;
const LAYOUT: &str = "an index of Megatron-LM";

pub(super) fn open(bin: &Path) -> Result<Shard, DataError> {
    let idx = bin.with_extension("idx");
    if !idx.exists() {
        let (path, missing) = (bin.to_path_buf(), idx);
        return Err(TokensError::Missing { path, what: "index", missing }.into());
    }
    let data = map(bin)?;
    let index = map(&idx)?;
    let found = data.as_deref().map_or(0, <[u8]>::len) as u64;
    let (width, ends) = parse(index.as_deref().unwrap_or_default(), found)
        .map_err(|problem| TokensError::Layout { path: idx, layout: LAYOUT, problem })?;
    Ok(Shard { path: bin.to_path_buf(), data, width, ends, validation: false })
}

/// Width of the ids and the token behind each document.
fn parse(index: &[u8], data_bytes: u64) -> Result<(Width, Vec<u64>), String> {
    if index.get(..MAGIC.len()) != Some(MAGIC) {
        return Err("it does not begin with MMIDIDX".into());
    }
    let short = || format!("it has {} bytes, less than its header of {HEADER}", index.len());
    let number = |at: usize| index.get(at..at + 8).and_then(|b| u64s(b).next()).ok_or_else(short);
    let version = number(9)?;
    if version != 1 {
        return Err(format!("it has version {version}, and only 1 is known"));
    }
    let width = match *index.get(17).ok_or_else(short)? {
        1 => Width::U8,
        3 => Width::I16,
        4 => Width::I32,
        5 => Width::I64,
        8 => Width::U16,
        code @ (2 | 6 | 7) => {
            let name = ["i8", "", "", "", "f64", "f32"].get(usize::from(code) - 2).copied().unwrap_or("?");
            return Err(format!("its ids are stored as {name} (type {code}), which cannot hold token ids"));
        }
        code => return Err(format!("it has the unknown type {code}")),
    };
    let (sequences, documents) = (number(18)?, number(26)?);
    let size = |modes: bool| {
        let items = sequences.checked_mul(if modes { 13 } else { 12 })?;
        items.checked_add(documents.checked_mul(8)?)?.checked_add(HEADER)
    };
    let length = index.len() as u64;
    if size(false) != Some(length) && size(true) != Some(length) {
        let said = size(false).map_or("more than fit 64 bits".to_string(), |n| n.to_string());
        return Err(format!(
            "it has {length} bytes, and {sequences} sequences and {documents} document indices take {said}"
        ));
    }
    // The file holds as many, so the numbers fit memory.
    let (s, n) = (sequences as usize, documents as usize);
    let part = |from: usize, bytes: usize| index.get(from..from + bytes).unwrap_or_default();
    let header = HEADER as usize;
    let mut end = 0u64;
    let mut ends = Vec::with_capacity(s);
    for (i, (length, offset)) in i32s(part(header, 4 * s)).zip(u64s(part(header + 4 * s, 8 * s))).enumerate()
    {
        if offset != end * width.bytes() as u64 {
            return Err(format!(
                "sequence {i} begins at byte {offset}, where {} is the end of the one before; sequences that do not follow \
                 each other are not read",
                end * width.bytes() as u64
            ));
        }
        end += u64::try_from(length).map_err(|_| format!("sequence {i} has a length of {length}"))?;
        ends.push(end);
    }
    if end * width.bytes() as u64 != data_bytes {
        return Err(format!(
            "its sequences have {end} tokens of {} bytes each, and the .bin beside it has {data_bytes} bytes",
            width.bytes()
        ));
    }
    Ok((width, documents_of(&ends, u64s(part(header + 12 * s, 8 * n)))?))
}

/// Token behind each document, from the one behind each sequence and the sequence behind each document.
fn documents_of(sequences: &[u64], indices: impl Iterator<Item = u64>) -> Result<Vec<u64>, String> {
    let mut ends = Vec::new();
    let mut before = None;
    for (i, index) in indices.enumerate() {
        match before {
            None if index != 0 => return Err(format!("its first document index is {index}, not 0")),
            Some(b) if index < b => {
                return Err(format!("document index {i} is {index}, less than the one before"));
            }
            None => {}
            Some(_) => {
                let last = usize::try_from(index).ok().filter(|&l| l <= sequences.len());
                let last = last.ok_or_else(|| {
                    format!("document index {i} is {index}, and there are {} sequences", sequences.len())
                })?;
                ends.push(last.checked_sub(1).and_then(|l| sequences.get(l)).copied().unwrap_or(0));
            }
        }
        before = Some(index);
    }
    if before.unwrap_or(0) != sequences.len() as u64 {
        return Err(format!(
            "its last document index is {}, and there are {} sequences",
            before.map_or("missing".to_string(), |b| b.to_string()),
            sequences.len()
        ));
    }
    Ok(ends)
}
