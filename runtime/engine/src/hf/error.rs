//! What can be wrong with a model folder.

use crate::error::EngineError;
use std::path::PathBuf;
use thiserror::Error;

/// Why a folder could not be read or written; every variant names the file.
#[derive(Debug, Error)]
pub enum HfError {
    /// The system refused. The message of `fs-err` names the operation and the path.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A file is not JSON.
    #[error("{path}: {source}")]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A setting is missing, has the wrong type or an impossible value.
    #[error("{path}: `{field}` {problem}")]
    Field {
        /// The file.
        path: PathBuf,
        /// The setting.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A setting asks for something that this engine does not compute.
    #[error("{path}: `{field}` is {value}, which is not supported: {instead}")]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The setting.
        field: String,
        /// Its value.
        value: String,
        /// What is.
        instead: String,
    },
    /// Not a safetensors file.
    #[error("{path}: not a safetensors file: {problem}")]
    Header {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// The file is shorter or longer than its header says.
    #[error("{path}: {found} bytes, but its header describes {expected}: the file is truncated or damaged")]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Its size.
        found: u64,
        /// The size its header implies.
        expected: u64,
    },
    /// A tensor of the model is not in the folder.
    #[error("{path}: the tensor `{name}` is missing")]
    Missing {
        /// The file, or the index of a sharded model.
        path: PathBuf,
        /// The tensor.
        name: String,
    },
    /// The folder has a tensor that the model has no place for.
    #[error("{path}: the tensor `{name}` does not belong to this model")]
    Unknown {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
    },
    /// A tensor has another shape than the model.
    #[error("{path}: the tensor `{name}` has shape {found:?}; the model needs {expected:?}")]
    Shape {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Shape in the file.
        found: Vec<u64>,
        /// Shape of the parameter.
        expected: Vec<u64>,
    },
    /// A tensor has an element type that is not read.
    #[error("{path}: the tensor `{name}` is {found}; F32, BF16 and F16 are read")]
    Dtype {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its type.
        found: String,
    },
    /// The engine refused a value.
    #[error(transparent)]
    Engine(#[from] EngineError),
}
