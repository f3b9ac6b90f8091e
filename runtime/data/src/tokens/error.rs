//! What can be wrong with files of tokens.

use std::path::PathBuf;
use thiserror::Error;

/// Why tokenized files cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TokensError {
    /// A file that is not of the layout.
    #[error("{} is not {layout}: {problem}", path.display())]
    Layout {
        /// The file.
        path: PathBuf,
        /// The layout it should have.
        layout: &'static str,
        /// What is wrong, with the numbers.
        problem: String,
    },
    /// A file that belongs to another one is missing.
    #[error("{} has no {what}: {} is missing", path.display(), missing.display())]
    Missing {
        /// The file that is there.
        path: PathBuf,
        /// What is missing.
        what: &'static str,
        /// Its path.
        missing: PathBuf,
    },
    /// An id that the vocabulary does not have.
    #[error(
        "{}: token {offset} (document {document}) is {id}, and the tokenizer has {vocabulary} tokens; the file was made with \
         another tokenizer, or holds integers of another size", path.display()
    )]
    Vocabulary {
        /// The file.
        path: PathBuf,
        /// Index of the token in the file.
        offset: u64,
        /// Index of its document in the file.
        document: u64,
        /// The id.
        id: i64,
        /// Tokens of the tokenizer.
        vocabulary: u64,
    },
    /// Some documents end in the end-of-document token and some do not.
    #[error(
        "{}: {ended} of {documents} documents end with the end-of-document token {eos}, and document {first} is the first that \
         does not; either all or none must: is {eos} the right token?", path.display()
    )]
    MixedEnds {
        /// The file with the first document that does not.
        path: PathBuf,
        /// Documents that end with it, in all files.
        ended: u64,
        /// Documents in all files.
        documents: u64,
        /// Index of that document in its file.
        first: u64,
        /// The token.
        eos: u32,
    },
    /// A mask that shards cannot carry.
    #[error(
        "{} says which tokens count in the loss, and a dataset for pretraining cannot keep that; remove the file if all count",
        path.display()
    )]
    LossMask {
        /// The file.
        path: PathBuf,
    },
    /// A split of what is split already.
    #[error("{} has a validation split of its own; leave `split` out", path.display())]
    SplitTwice {
        /// The prepared dataset.
        path: PathBuf,
    },
}
