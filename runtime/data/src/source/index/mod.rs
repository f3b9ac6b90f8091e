//! Finding the documents of a source.

mod files;
mod lines;
mod rows;

pub(super) use files::files;
pub(super) use lines::{check_columns, lines};
pub(super) use rows::rows;

use super::DocumentRef;

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
    /// There are documents that were not read, because a sample has no room for them.
    pub(super) beyond: bool,
}

impl Found {
    fn append(&mut self, other: Found) {
        self.documents.extend(other.documents);
        self.marks.extend(other.marks);
        self.empty += other.empty;
        self.dropped += other.dropped;
        self.beyond |= other.beyond;
    }

    /// A row that the filters were asked about, with its marks and its document.
    fn judged(&mut self, passes: bool, mark: Option<u64>, document: DocumentRef) {
        if document.bytes == 0 {
            self.empty += 1;
        } else if passes {
            self.documents.push(document);
            self.marks.extend(mark);
        } else {
            self.dropped += 1;
        }
    }
}
