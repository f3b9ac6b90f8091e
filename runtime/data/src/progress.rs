//! Where long work reports to.

/// Receives progress. Calls come from one thread at a time except [`Progress::advance`], which may come from many.
pub trait Progress: Sync {
    /// A task begins: `total` units of `unit` (`"bytes"`, `"documents"`), if known.
    fn begin(&self, what: &str, total: Option<u64>, unit: &str);
    /// So many more units are done.
    fn advance(&self, by: u64);
    /// The task has ended.
    fn end(&self);
    /// Something the user should know that is not an error.
    fn note(&self, text: &str);
}

/// Reports to nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &str, _: Option<u64>, _: &str) {}
    fn advance(&self, _: u64) {}
    fn end(&self) {}
    fn note(&self, _: &str) {}
}
