//! Hugging Face model folders: `config.json`, `model.safetensors` and what `transformers` needs beside them.
//!
//! Names and shapes on disk are Hugging Face's; the parameter table of the plan says which rows of which program tensor
//! they are. Both spellings of the RoPE settings are read and written: `rope_parameters` (transformers 5) and
//! `rope_theta` with `rope_scaling` (before). What this engine does not compute is refused, never ignored.

mod config;
mod error;
mod load;
mod save;

pub use config::{Config, read_config};
pub use error::HfError;
pub use load::load;
pub use save::save;

/// Ids of the special tokens, as `config.json` and `generation_config.json` state them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Special {
    /// Begins a text, if the model uses one.
    pub bos: Option<u32>,
    /// Any of these ends a text; the first is the one written between documents.
    pub eos: Vec<u32>,
}
