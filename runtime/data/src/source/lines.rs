//! Reading a file line by line, decompressed on the way.

use super::compression::{self, Compression, Opened};
use crate::error::DataError;
use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

/// Longest line that is read, bytes: a document has to fit in memory, and a file without line ends must not fill it.
const MAX_LINE: u64 = 1 << 30;

/// One line.
pub(super) struct Line<'a> {
    /// From 1.
    pub(super) number: u64,
    /// Offset of its first byte in the text, that is after decompression.
    pub(super) offset: u64,
    /// Its bytes without `\n` or `\r\n`.
    pub(super) bytes: &'a [u8],
}

/// The lines of a file.
pub(super) struct Lines {
    path: PathBuf,
    opened: Opened,
    buffer: Vec<u8>,
    offset: u64,
    number: u64,
}

impl Lines {
    pub(super) fn open(path: &Path) -> Result<Lines, DataError> {
        let opened = compression::open(path)?;
        Ok(Lines { path: path.to_path_buf(), opened, buffer: Vec::new(), offset: 0, number: 0 })
    }

    /// The next line, or `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Line<'_>>, DataError> {
        self.offset += self.buffer.len() as u64;
        self.buffer.clear();
        let number = self.number + 1;
        let read = (&mut self.opened.text).take(MAX_LINE + 1).read_until(b'\n', &mut self.buffer);
        read.map_err(|e| match self.opened.compression {
            None => DataError::io("read", &self.path, e),
            Some(kind) => DataError::Decompress {
                path: self.path.clone(),
                format: kind.name(),
                line: number,
                reason: e.to_string(),
            },
        })?;
        if self.buffer.is_empty() {
            return Ok(None);
        }
        if self.buffer.len() as u64 > MAX_LINE {
            return Err(DataError::LongLine { path: self.path.clone(), line: number, limit: MAX_LINE });
        }
        self.number = number;
        let line = self.buffer.strip_suffix(b"\n").unwrap_or(&self.buffer);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        Ok(Some(Line { number, offset: self.offset, bytes: line }))
    }

    /// Bytes of the file (compressed, where it is) that were read since the last call.
    pub(super) fn consumed(&mut self) -> u64 {
        self.opened.consumed.take()
    }

    /// True where documents cannot be sought out in the file.
    pub(super) fn compressed(path: &Path) -> bool {
        Compression::of(path).is_some()
    }
}
