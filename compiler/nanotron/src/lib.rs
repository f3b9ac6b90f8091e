//! Training configurations of nanotron: [`import`] reads one or several stage files and writes one spec, with a
//! [`Finding`] for everything that the configuration gets wrong, leaves open, or that a spec says in another way;
//! [`export`] writes a plan's run as a configuration, or says what it cannot say.
//!
//! Nothing in a configuration is passed over: a key that is not known is a finding.
//!
//! What does not live here: I/O and printing (`compiler/smolc`), whether the spec is right (`smolc check` says that).

mod config;
mod export;
mod import;
mod mix;
mod model;
mod names;
mod schedule;
mod spec;
mod stages;

pub use export::{Exported, Note, export};
pub use import::{Imported, import};

use std::fmt;
use thiserror::Error;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The configuration is wrong: it does not do what it says.
    Wrong,
    /// The spec does not say the same: something has no counterpart.
    Lost,
    /// The configuration is silent and the spec must not be: a number or a name was chosen.
    Assumed,
}

/// Something a person should know about a configuration that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub kind: Kind,
    /// File and key, `stage3.yaml: data_stages[2].data.dataset.dataset_weights`.
    pub at: String,
    /// What, with the numbers.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Wrong => "wrong",
            Kind::Lost => "lost",
            Kind::Assumed => "assumed",
        };
        write!(f, "{kind}: {}: {}", self.at, self.text)
    }
}

/// Why files are not a configuration that can be read.
#[derive(Debug, Error)]
pub enum ImportError {
    /// Not YAML.
    #[error("`{file}` is not YAML: {reason}")]
    Yaml {
        /// The file.
        file: String,
        /// Why.
        reason: String,
    },
    /// A key that must be there is not, or has another kind of value.
    #[error("`{file}`: {key} {reason}")]
    Key {
        /// The file.
        file: String,
        /// The key.
        key: String,
        /// `is missing`, `is "x", not a number`.
        reason: String,
    },
    /// The spec would not parse: a configuration this reader does not know well enough.
    #[error("no spec can be written for it: {reason}")]
    Unwritable {
        /// What its syntax errors say.
        reason: String,
    },
    /// No file at all.
    #[error("no file was given")]
    Nothing,
}
