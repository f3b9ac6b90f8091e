//! Reading a file line by line with byte offsets.

use crate::error::DataError;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// One line.
pub(super) struct Line<'a> {
    /// From 1.
    pub(super) number: u64,
    /// Offset of its first byte.
    pub(super) offset: u64,
    /// Its bytes without `\n` or `\r\n`.
    pub(super) bytes: &'a [u8],
    /// Its length in the file.
    pub(super) raw_length: u64,
}

/// The lines of a file.
pub(super) struct Lines {
    path: PathBuf,
    reader: BufReader<File>,
    buffer: Vec<u8>,
    offset: u64,
    number: u64,
}

impl Lines {
    pub(super) fn open(path: &Path) -> Result<Lines, DataError> {
        let file = File::open(path).map_err(|e| DataError::io("read", path, e))?;
        Ok(Lines {
            path: path.to_path_buf(),
            reader: BufReader::with_capacity(1 << 20, file),
            buffer: Vec::new(),
            offset: 0,
            number: 0,
        })
    }

    /// The next line, or `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Line<'_>>, DataError> {
        self.offset += self.buffer.len() as u64;
        self.buffer.clear();
        self.reader.read_until(b'\n', &mut self.buffer).map_err(|e| DataError::io("read", &self.path, e))?;
        if self.buffer.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        let line = self.buffer.strip_suffix(b"\n").unwrap_or(&self.buffer);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        Ok(Some(Line {
            number: self.number,
            offset: self.offset,
            bytes: line,
            raw_length: self.buffer.len() as u64,
        }))
    }
}
