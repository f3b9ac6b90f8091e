//! Items that parsed without a word, by their text: between two keystrokes all but one of them stay what they were.
//!
//! A chunk that the grammar accepts as it stands parses to the same tree wherever it stands, so that only its spans have to
//! be moved. One table for each thread; it changes how long parsing takes, never what it yields.

use std::cell::RefCell;
use std::collections::HashMap;

use smolc_diag::FileId;

use crate::ast::Item;
use crate::shift::Shift;

/// Bytes of text kept at most; then the table begins anew.
const MOST: usize = 4 << 20;

#[derive(Default)]
struct Memo {
    items: HashMap<Box<str>, (u32, Item)>,
    bytes: usize,
}

thread_local! {
    static MEMO: RefCell<Memo> = RefCell::default();
}

/// The tree of a text that was parsed before, as if it stood at `start` of `file`.
pub(crate) fn find(text: &str, file: FileId, start: u32) -> Option<Item> {
    MEMO.with_borrow(|memo| {
        let (stood, item) = memo.items.get(text)?;
        let mut item = item.clone();
        Shift { file, by: i64::from(start) - i64::from(*stood) }.item(&mut item);
        Some(item)
    })
}

/// Keeps the tree of a text that stands at `start`.
pub(crate) fn keep(text: &str, start: u32, item: &Item) {
    MEMO.with_borrow_mut(|memo| {
        memo.bytes += text.len();
        if memo.bytes > MOST {
            *memo = Memo { bytes: text.len(), ..Memo::default() };
        }
        memo.items.insert(text.into(), (start, item.clone()));
    });
}

#[cfg(test)]
mod tests {
    use crate::parse;
    use smolc_diag::FileId;

    /// The same text behind others, in another file: the tree is that of a thread that has not seen it.
    #[test]
    fn what_is_remembered_is_what_would_be_parsed() {
        let text = include_str!("../tests/texts/complete.smol");
        let (version, rest) = text.split_once('\n').unwrap();
        parse(FileId(0), text);
        for before in ["", "\n", "let first = 1\n", "// é\n/// docs\nlet x = \"世\"\n\n"] {
            let moved = format!("{version}\n{before}{rest}");
            let warm = parse(FileId(7), &moved);
            let copy = moved.clone();
            let cold = std::thread::spawn(move || parse(FileId(7), &copy)).join().unwrap();
            assert_eq!(format!("{:?}", warm.file), format!("{:?}", cold.file));
            assert_eq!(warm.diagnostics, cold.diagnostics);
        }
    }
}
