//! Files that are read through a decompressor.

use crate::error::DataError;
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How a file is compressed, told by the ending of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    /// RFC 1952; several members one after another are one text.
    Gzip,
    /// RFC 8878; several frames one after another are one text.
    Zstandard,
}

impl Compression {
    pub(super) fn of(path: &Path) -> Option<Compression> {
        match path.extension()?.to_str()? {
            "gz" | "gzip" => Some(Compression::Gzip),
            "zst" | "zstd" => Some(Compression::Zstandard),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Compression::Gzip => "gzip",
            Compression::Zstandard => "Zstandard",
        }
    }
}

/// A file's text and how much of the file was read for it.
pub(super) struct Opened {
    pub(super) text: Box<dyn BufRead + Send>,
    pub(super) consumed: Consumed,
    pub(super) compression: Option<Compression>,
}

/// Bytes read from a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Consumed(Arc<AtomicU64>);

impl Consumed {
    /// What was counted since the last call.
    pub(super) fn take(&self) -> u64 {
        self.0.swap(0, Ordering::Relaxed)
    }
}

/// Opens a file for reading its text. Memory: a megabyte or two, and for Zstandard the frame's window (128 MiB at most;
/// frames that ask for more are refused by the decoder).
pub(super) fn open(path: &Path) -> Result<Opened, DataError> {
    let failed = |e| DataError::io("read", path, e);
    let file = File::open(path).map_err(failed)?;
    let consumed = Consumed::default();
    let file = BufReader::with_capacity(1 << 20, Counted { file, consumed: consumed.clone() });
    let compression = Compression::of(path);
    let text: Box<dyn BufRead + Send> = match compression {
        None => Box::new(file),
        Some(Compression::Gzip) => Box::new(BufReader::with_capacity(1 << 20, MultiGzDecoder::new(file))),
        Some(Compression::Zstandard) => {
            let decoder = zstd::Decoder::with_buffer(file).map_err(failed)?;
            Box::new(BufReader::with_capacity(1 << 20, decoder))
        }
    };
    Ok(Opened { text, consumed, compression })
}

struct Counted {
    file: File,
    consumed: Consumed,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.file.read(buffer)?;
        self.consumed.0.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}
