//! Our own shards, as documents.

use super::{Shard, Width};
use crate::error::DataError;
use crate::prepare::TokenType;
use crate::store::{Split, Store, map};
use std::path::Path;

/// Both splits of a prepared dataset, each byte verified.
pub(super) fn open(directory: &Path) -> Result<Vec<Shard>, DataError> {
    let store = Store::open(directory)?;
    let width = match store.manifest_of().token_type {
        TokenType::U16 => Width::U16,
        TokenType::U32 => Width::U32,
    };
    [Split::Train, Split::Validation]
        .into_iter()
        .map(|split| {
            let path = directory.join(format!("{}.tokens", split.name()));
            let data = map(&path)?;
            let ends = store.split(split).ends().to_vec();
            Ok(Shard { path, data, width, ends, validation: split == Split::Validation })
        })
        .collect()
}
