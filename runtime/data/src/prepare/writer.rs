//! Writing one split.

use super::manifest::{BLOCK_BYTES, SplitManifest, TokenType};
use crate::durable::PartialDirectory;
use crate::error::DataError;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use xxhash_rust::xxh3::Xxh3Default;

/// A checksum as a manifest writes it.
pub(crate) fn hex(hash: u64) -> String {
    format!("{hash:016x}")
}

/// A file with a checksum for each block.
struct BlockFile {
    path: PathBuf,
    file: BufWriter<File>,
    hasher: Xxh3Default,
    in_block: usize,
    blocks: Vec<String>,
}

impl BlockFile {
    fn create(path: PathBuf) -> Result<BlockFile, DataError> {
        let file = File::create(&path).map_err(|e| DataError::write(&path, 0, e))?;
        let file = BufWriter::with_capacity(1 << 20, file);
        Ok(BlockFile { path, file, hasher: Xxh3Default::new(), in_block: 0, blocks: Vec::new() })
    }

    fn write(&mut self, bytes: &[u8], needed: u64) -> Result<(), DataError> {
        self.file.write_all(bytes).map_err(|e| DataError::write(&self.path, needed, e))?;
        let mut rest = bytes;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(BLOCK_BYTES - self.in_block));
            self.hasher.update(now);
            self.in_block += now.len();
            if self.in_block == BLOCK_BYTES {
                self.end_block();
            }
            rest = later;
        }
        Ok(())
    }

    fn end_block(&mut self) {
        self.blocks.push(hex(self.hasher.digest()));
        self.hasher.reset();
        self.in_block = 0;
    }

    fn finish(mut self) -> Result<Vec<String>, DataError> {
        if self.in_block > 0 {
            self.end_block();
        }
        self.file.flush().map_err(|e| DataError::write(&self.path, 0, e))?;
        self.file.get_ref().sync_all().map_err(|e| DataError::write(&self.path, 0, e))?;
        Ok(self.blocks)
    }
}

/// Writes the tokens and document ends of one split.
pub(super) struct SplitWriter {
    tokens: BlockFile,
    ends: BlockFile,
    token_type: TokenType,
    manifest: SplitManifest,
    buffer: Vec<u8>,
}

impl SplitWriter {
    pub(super) fn create(
        directory: &PartialDirectory,
        split: &str,
        token_type: TokenType,
    ) -> Result<SplitWriter, DataError> {
        Ok(SplitWriter {
            tokens: BlockFile::create(directory.file(&format!("{split}.tokens")))?,
            ends: BlockFile::create(directory.file(&format!("{split}.ends")))?,
            token_type,
            manifest: SplitManifest {
                tokens: 0,
                documents: 0,
                text_bytes: 0,
                token_range: None,
                token_blocks: Vec::new(),
                end_blocks: Vec::new(),
            },
            buffer: Vec::new(),
        })
    }

    /// Appends a document, its separator included. `needed` is what the dataset will still take, for a full disk's message.
    pub(super) fn document(&mut self, ids: &[u32], text_bytes: u64, needed: u64) -> Result<(), DataError> {
        self.buffer.clear();
        match self.token_type {
            TokenType::U16 => {
                for &id in ids {
                    // The type was chosen by the vocabulary; an id beyond it would be a fault of the tokenizer library.
                    let id = u16::try_from(id)
                        .map_err(|_| DataError::Tokenize(format!("the id {id} exceeds the vocabulary")))?;
                    self.buffer.extend_from_slice(&id.to_le_bytes());
                }
            }
            TokenType::U32 => ids.iter().for_each(|id| self.buffer.extend_from_slice(&id.to_le_bytes())),
        }
        self.tokens.write(&self.buffer, needed)?;
        let m = &mut self.manifest;
        m.tokens += ids.len() as u64;
        m.documents += 1;
        m.text_bytes += text_bytes;
        for &id in ids {
            let (low, high) = m.token_range.unwrap_or((id, id));
            m.token_range = Some((low.min(id), high.max(id)));
        }
        self.ends.write(&m.tokens.to_le_bytes(), needed)
    }

    pub(super) fn finish(mut self) -> Result<SplitManifest, DataError> {
        self.manifest.token_blocks = self.tokens.finish()?;
        self.manifest.end_blocks = self.ends.finish()?;
        Ok(self.manifest)
    }
}
