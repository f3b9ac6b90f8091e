//! A world in which some files have another text: what an editor holds and has not saved.

use smolc_check::World;
use smolc_diag::FileId;
use smolc_syntax::{Memo, Parsed};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;

/// Another world, with texts in place of some of its files.
pub struct Overlay<'w> {
    /// Where everything else comes from.
    pub base: &'w dyn World,
    /// Texts by path, as [`World::resolve`] names them.
    pub files: BTreeMap<String, String>,
    /// What is remembered of texts between checks.
    pub memo: Option<&'w RefCell<Memo>>,
}

impl<'w> Overlay<'w> {
    /// A world with one text replaced.
    pub fn one(base: &'w dyn World, path: &str, text: String) -> Overlay<'w> {
        Overlay { base, files: BTreeMap::from([(path.to_owned(), text)]), memo: None }
    }
}

impl World for Overlay<'_> {
    fn read_file(&self, path: &str) -> io::Result<String> {
        match self.files.get(path) {
            Some(text) => Ok(text.clone()),
            None => self.base.read_file(path),
        }
    }

    fn env(&self, name: &str) -> Option<String> {
        self.base.env(name)
    }

    fn home(&self) -> Option<String> {
        self.base.home()
    }

    fn exists(&self, path: &str) -> Option<bool> {
        if self.files.contains_key(path) { Some(true) } else { self.base.exists(path) }
    }

    fn matches(&self, pattern: &str) -> Option<bool> {
        self.base.matches(pattern)
    }

    fn tokenizer_vocab(&self, path: &str) -> Result<Option<u64>, String> {
        self.base.tokenizer_vocab(path)
    }

    fn columns(&self, pattern: &str) -> Option<Vec<smolc_check::world::Column>> {
        self.base.columns(pattern)
    }

    fn parse(&self, file: FileId, text: &str) -> Parsed {
        match self.memo.and_then(|m| m.try_borrow_mut().ok()) {
            Some(mut memo) => smolc_syntax::parse_with(&mut memo, file, text),
            None => self.base.parse(file, text),
        }
    }
}
