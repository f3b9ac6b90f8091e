//! Memory-mapped files: the one place with `unsafe` in this crate.
#![allow(unsafe_code)]

use crate::error::DataError;
use memmap2::Mmap;
use std::fs::File;
use std::path::Path;

/// Maps a file read-only. An empty file maps to no bytes.
pub(crate) fn map(path: &Path) -> Result<Option<Mmap>, DataError> {
    let io = |e| DataError::io("read", path, e);
    let file = File::open(path).map_err(io)?;
    if file.metadata().map_err(io)?.len() == 0 {
        return Ok(None);
    }
    // SAFETY: the mapping is only read. Shards are written under another name, renamed once complete and never written
    // again by this program; a file that another program cuts short while it is mapped ends the process (SIGBUS), as with
    // every mapped file. Tokens are checked against the vocabulary when a shard is opened and are plain integers, for which
    // every bit pattern is valid.
    let map = unsafe { Mmap::map(&file) }.map_err(io)?;
    Ok(Some(map))
}
