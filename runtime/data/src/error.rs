//! What can be wrong with data.

use crate::order::OrderError;
use crate::source::parquet::ParquetError;
use crate::suggest::similar as suggestion;
use crate::tokens::TokensError;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why data could not be prepared or read. Every message names the place, the numbers and what to do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DataError {
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// `"read"`, `"write"`, …
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// No room.
    #[error(
        "the disk is full: writing {} failed; about {needed} more bytes are needed there. Nothing half-written is left; \
         free the space, or choose another directory with --out, and run again", path.display()
    )]
    DiskFull {
        /// What was being written.
        path: PathBuf,
        /// Bytes that were still to be written, estimated.
        needed: u64,
    },
    /// A pattern is not a glob.
    #[error("dataset `{dataset}`: `{pattern}` is not a pattern: {reason}")]
    BadPattern {
        /// The dataset.
        dataset: String,
        /// The pattern.
        pattern: String,
        /// Why.
        reason: String,
    },
    /// A pattern matches no file.
    #[error(
        "dataset `{dataset}`: no file matches `{pattern}`{}", match existing {
            Some(p) => format!("; the part that exists is {}", p.display()),
            None => String::new(),
        }
    )]
    NoMatch {
        /// The dataset.
        dataset: String,
        /// The pattern.
        pattern: String,
        /// The longest part of its fixed prefix that exists.
        existing: Option<PathBuf>,
    },
    /// A dataset of the hub that is not in the cache, or not as it is asked for.
    #[error("{place}: `{repository}` of the hub {what}; {help}")]
    Hub {
        /// Who asks: `` dataset `x` ``.
        place: String,
        /// `OWNER/NAME`
        repository: String,
        /// What is wrong with it.
        what: String,
        /// What to do.
        help: String,
    },
    /// A directory where a file is due.
    #[error(
        "dataset `{dataset}`: {} is a directory; name the files in it, for example {}/*", path.display(), path.display()
    )]
    Directory {
        /// The dataset.
        dataset: String,
        /// The directory.
        path: PathBuf,
    },
    /// Bytes that are not text.
    #[error("{}: the byte at offset {offset} is not UTF-8{}; convert the file to UTF-8", path.display(), match line {
        Some(line) => format!(" (line {line})"),
        None => String::new(),
    })]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// Offset of the first bad byte in the file.
        offset: u64,
        /// Line, from 1, where the file has documents by line.
        line: Option<u64>,
    },
    /// A line that is not JSON.
    #[error("{}:{line}:{column}: not a JSON object: {reason}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// Column in bytes, from 1.
        column: usize,
        /// What the parser said.
        reason: String,
    },
    /// An object without the text.
    #[error("{}:{line}: the object has no field `{field}`{}; it has {}", path.display(), match suggestion(field, found) {
        Some(name) => format!(", did you mean `{name}`?"),
        None => String::new(),
    }, list(found))]
    MissingField {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// The field asked for.
        field: String,
        /// Fields it has.
        found: Vec<String>,
    },
    /// A text that is not a string.
    #[error("{}:{line}: the field `{field}` is {found}, not {expected}", path.display())]
    FieldType {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// The field.
        field: String,
        /// What it is.
        found: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// A compressed file that does not decompress.
    #[error(
        "{}:{line}: {format} decompression failed: {reason}; the file is damaged, cut short or not {format}", path.display()
    )]
    Decompress {
        /// The file.
        path: PathBuf,
        /// `"gzip"`, `"Zstandard"`
        format: &'static str,
        /// Line that could not be read, from 1.
        line: u64,
        /// What the decoder said.
        reason: String,
    },
    /// A line that is too long to be a document.
    #[error(
        "{}:{line}: the line is longer than {limit} bytes; documents are lines: check that the file has line ends",
        path.display()
    )]
    LongLine {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// Longest line that is read, bytes.
        limit: u64,
    },
    /// A Parquet file that cannot be read.
    #[error(transparent)]
    Parquet(#[from] ParquetError),
    /// Tokenized files that cannot be used.
    #[error(transparent)]
    Tokens(#[from] TokensError),
    /// A source this build cannot read.
    #[error("dataset `{dataset}`: {what} cannot be read by this build; {instead}")]
    Unsupported {
        /// The dataset.
        dataset: String,
        /// What.
        what: String,
        /// What to do instead.
        instead: &'static str,
    },
    /// A dataset without documents.
    #[error(
        "dataset `{dataset}` has no documents: {files} files were found, {skipped} could not be used, {empty} documents were \
         empty{}", match budget {
             Some(b) => format!(", and none of the others fits the sample of {b} bytes; raise the sample"),
             None => String::new(),
         }
    )]
    EmptyDataset {
        /// The dataset.
        dataset: String,
        /// Files found.
        files: usize,
        /// Files skipped.
        skipped: usize,
        /// Empty documents.
        empty: u64,
        /// The sample's size, if documents were left but none fitted it.
        budget: Option<u64>,
    },
    /// A pipeline that drops every document.
    #[error(
        "dataset `{dataset}`: of {read} documents, its pipeline leaves none ({left}); loosen the step that drops them"
    )]
    NothingLeft {
        /// The dataset.
        dataset: String,
        /// Documents read.
        read: u64,
        /// Documents after each step.
        left: String,
    },
    /// A filter or another step that cannot be carried out.
    #[error("{place}: {filter}: {reason}")]
    Filter {
        /// The file, or the dataset.
        place: String,
        /// The filter, as the spec writes it, or which step.
        filter: String,
        /// Why.
        reason: String,
    },
    /// A column of a source that has none but its text.
    #[error(
        "dataset `{dataset}`: documents of `files` and `text` have the column `text` only, not `{column}` as {kind}"
    )]
    NoColumn {
        /// The dataset.
        dataset: String,
        /// The column asked for.
        column: String,
        /// What it was asked for as.
        kind: String,
    },
    /// A split shorter than a window.
    #[error(
        "the {split} split of dataset `{dataset}` has {tokens} tokens, less than one window of {window} and its last target; \
         {fix}"
    )]
    TooSmall {
        /// The dataset.
        dataset: String,
        /// `"training"` or `"validation"`.
        split: &'static str,
        /// Tokens it has.
        tokens: u64,
        /// Tokens in a window.
        window: u64,
        /// What to do.
        fix: &'static str,
    },
    /// A file changed while it was read.
    #[error("{} changed while the dataset was being prepared; run again", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// A tokenizer that does not load.
    #[error("{} is not a tokenizer: {reason}", path.display())]
    BadTokenizer {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The tokenizer library failed.
    #[error("tokenizing failed: {0}")]
    Tokenize(String),
    /// The two engines encode a document differently.
    #[error(
        "the fast engine encodes a document of {bytes} bytes in {} otherwise than the general one", path.display()
    )]
    EnginesDiffer {
        /// The document's file.
        path: PathBuf,
        /// Its length.
        bytes: u64,
    },
    /// The end-of-document token is not in the vocabulary.
    #[error(
        "tokenizer `{tokenizer}` has no token `{token}`; state one that it has as `eos:`{}",
        similar(near)
    )]
    NoToken {
        /// The tokenizer.
        tokenizer: String,
        /// The token.
        token: String,
        /// Special tokens it has.
        near: Vec<String>,
    },
    /// A tokenizer that was not told its end-of-document token.
    #[error("the tokenizer has no end-of-document token; name one with `with_end`")]
    NoEnd,
    /// A vocabulary of another size than the plan's.
    #[error("tokenizer `{tokenizer}` has {found} tokens, the plan says {planned}; {fix}")]
    Vocabulary {
        /// The tokenizer.
        tokenizer: String,
        /// Tokens it has.
        found: u64,
        /// Tokens the plan states.
        planned: u64,
        /// What to do.
        fix: String,
    },
    /// A dataset or tokenizer index that the plan does not have.
    #[error("the plan has no {what} number {index}")]
    NoSuch {
        /// `"dataset"` …
        what: &'static str,
        /// The index.
        index: usize,
    },
    /// Prepared files that belong to another plan.
    #[error(
        "{} was prepared for another plan: its {what} is {found}, this plan's {planned}; use another directory with --out, or \
         remove {}", path.display(), path.display()
    )]
    Mismatch {
        /// The prepared directory.
        path: PathBuf,
        /// What differs.
        what: String,
        /// As found.
        found: String,
        /// As planned.
        planned: String,
    },
    /// Prepared files that are damaged.
    #[error("{} is damaged: {problem}; remove {} and run again to prepare it anew", path.display(), directory.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// The dataset's directory.
        directory: PathBuf,
        /// What is wrong, with the block or byte offset.
        problem: String,
    },
    /// The order cannot be built.
    #[error("run `{run}`: {source} ({names})")]
    Order {
        /// The run.
        run: String,
        /// Why.
        source: OrderError,
        /// Datasets by index, for the message.
        names: String,
    },
}

impl DataError {
    /// True where the directory belongs to another plan (exit code 5), false for data and environment (3).
    pub fn is_mismatch(&self) -> bool {
        matches!(self, DataError::Mismatch { .. })
    }

    /// Filters that could not be asked about the rows of a file.
    pub(crate) fn filters(path: &Path, reason: String) -> DataError {
        DataError::Filter {
            place: path.display().to_string(),
            filter: "the filters of its dataset".into(),
            reason,
        }
    }

    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> DataError {
        DataError::Io { action, path: path.to_path_buf(), source }
    }

    /// An error while writing: a full disk is told apart from the rest.
    pub(crate) fn write(path: &Path, needed: u64, source: io::Error) -> DataError {
        if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            DataError::DiskFull { path: path.to_path_buf(), needed }
        } else {
            DataError::io("write", path, source)
        }
    }
}

fn list(names: &[String]) -> String {
    match names {
        [] => "none".into(),
        _ => names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", "),
    }
}

fn similar(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("; its special tokens are {}", list(names)) }
}
