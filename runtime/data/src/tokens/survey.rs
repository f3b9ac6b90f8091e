//! Reading every id once, before anything is made of them.

use super::{Shard, Tokenized, TokensError};
use rayon::prelude::*;

/// Whether documents end with the end-of-document token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// Every document does.
    All,
    /// None does: it has to be added.
    None,
}

/// What the ids are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Survey {
    /// How documents end.
    pub ends: Ends,
    /// Documents without tokens.
    pub empty: u64,
    /// End-of-document tokens before a document's end: documents that hold several, or a wrong token.
    pub inside: u64,
}

/// What one document is like.
#[derive(Clone, Copy, Default)]
struct Counts {
    ended: u64,
    open: u64,
    empty: u64,
    inside: u64,
}

impl Counts {
    fn add(self, other: Counts) -> Counts {
        Counts {
            ended: self.ended + other.ended,
            open: self.open + other.open,
            empty: self.empty + other.empty,
            inside: self.inside + other.inside,
        }
    }
}

impl Tokenized {
    /// Checks every id against a vocabulary and looks at how documents end. In parallel; the error is the first one in the
    /// files' order, whatever the number of threads.
    pub fn survey(&self, vocabulary: u64, eos: u32) -> Result<Survey, TokensError> {
        let mut total = Counts::default();
        for shard in &self.shards {
            let bad = (0..shard.documents()).into_par_iter().find_map_first(|d| shard.beyond(d, vocabulary));
            if let Some(error) = bad {
                return Err(error);
            }
            let counts = (0..shard.documents())
                .into_par_iter()
                .map(|d| shard.counts(d, eos))
                .reduce(Counts::default, Counts::add);
            total = total.add(counts);
        }
        if total.ended > 0 && total.open > 0 {
            let open = self.shards.iter().find_map(|shard| {
                let documents = (0..shard.documents()).into_par_iter();
                documents.find_first(|d| shard.counts(*d, eos).open == 1).map(|first| (shard, first))
            });
            if let Some((shard, first)) = open {
                let (ended, documents) = (total.ended, total.ended + total.open);
                return Err(TokensError::MixedEnds {
                    path: shard.path.clone(),
                    ended,
                    documents,
                    first,
                    eos,
                });
            }
        }
        let ends = if total.open == 0 { Ends::All } else { Ends::None };
        Ok(Survey { ends, empty: total.empty, inside: total.inside })
    }
}

impl Shard {
    /// The first id of a document that is not in the vocabulary.
    fn beyond(&self, document: u64, vocabulary: u64) -> Option<TokensError> {
        let outside = |id: &i64| u64::try_from(*id).map_or(true, |id| id >= vocabulary);
        let (place, id) = (0u64..).zip(self.ids(document)).find(|(_, id)| outside(id))?;
        let offset = self.range(document).start + place;
        Some(TokensError::Vocabulary { path: self.path.clone(), offset, document, id, vocabulary })
    }

    fn counts(&self, document: u64, eos: u32) -> Counts {
        let mut counts = Counts::default();
        let mut last = None;
        for id in self.ids(document) {
            counts.inside += u64::from(last == Some(i64::from(eos)));
            last = Some(id);
        }
        match last {
            None => counts.empty = 1,
            Some(id) if id == i64::from(eos) => counts.ended = 1,
            Some(_) => counts.open = 1,
        }
        counts
    }
}
