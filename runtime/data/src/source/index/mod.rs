//! Finding the documents of a source.

mod files;
mod lines;
mod rows;

pub(super) use files::files;
pub(super) use lines::{check_columns, lines};
pub(super) use rows::rows;

use super::DocumentRef;
use crate::pipeline::Filters;

/// What a source holds, in order.
#[derive(Default)]
pub(super) struct Found {
    /// Documents that the filters before any other step keep.
    pub(super) documents: Vec<DocumentRef>,
    /// What the filters say of each; empty without filters.
    pub(super) marks: Vec<u64>,
    /// Documents without text.
    pub(super) empty: u64,
    /// Documents that those filters drop.
    pub(super) dropped: u64,
    /// Documents that the first of those filters keeps, that the second keeps of these, and so on.
    pub(super) passed: Vec<u64>,
    /// There are documents that were not read, because a sample has no room for them.
    pub(super) beyond: bool,
}

impl Found {
    fn append(&mut self, other: Found) {
        self.documents.extend(other.documents);
        self.marks.extend(other.marks);
        self.empty += other.empty;
        self.dropped += other.dropped;
        self.passed.resize(self.passed.len().max(other.passed.len()), 0);
        self.passed.iter_mut().zip(other.passed).for_each(|(all, part)| *all += part);
        self.beyond |= other.beyond;
    }

    /// A document that no filter was asked about.
    fn unasked(&mut self, document: DocumentRef) {
        if document.bytes == 0 {
            self.empty += 1;
        } else {
            self.documents.push(document);
        }
    }

    /// A row that the filters were asked about, with its mark; its document is there if they keep it.
    fn judged(&mut self, filters: &Filters, mark: u64, document: Option<DocumentRef>) {
        if document.is_some_and(|d| d.bytes == 0) {
            self.empty += 1;
            return;
        }
        self.passed.resize(filters.first(), 0);
        self.passed.iter_mut().take(filters.passed(mark)).for_each(|n| *n += 1);
        match document.filter(|_| filters.passes(mark)) {
            Some(document) => {
                self.documents.push(document);
                self.marks.push(mark);
            }
            None => self.dropped += 1,
        }
    }
}
