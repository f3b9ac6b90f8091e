//! Positions and ranges as the protocol has them. Nothing else converts.

use super::{library, uri};
use serde_json::{Value, json};
use smolc_diag::{Encoding, LineIndex};
use smolc_ide::{Analysis, Place};
use std::collections::BTreeMap;

/// What was agreed on with the client.
#[derive(Clone, Copy, Debug)]
pub struct Wire {
    /// What a column counts.
    pub encoding: Encoding,
    /// Whether `$1` in a proposal is a place to fill in.
    pub snippets: bool,
}

impl Wire {
    /// UTF-8 if the client offers it, else UTF-16.
    pub fn negotiate(params: &Value) -> Wire {
        let offered = params.pointer("/capabilities/general/positionEncodings").and_then(Value::as_array);
        let utf8 = offered.is_some_and(|list| list.iter().any(|e| e == "utf-8"));
        let snippets = params
            .pointer("/capabilities/textDocument/completion/completionItem/snippetSupport")
            .and_then(Value::as_bool)
            .unwrap_or(false);
        Wire { encoding: if utf8 { Encoding::Utf8 } else { Encoding::Utf16 }, snippets }
    }

    /// A byte range of a text.
    pub fn range(&self, index: &LineIndex<'_>, start: u32, end: u32) -> Value {
        json!({ "start": self.position(index, start), "end": self.position(index, end) })
    }

    /// A byte offset of a text.
    pub fn position(&self, index: &LineIndex<'_>, offset: u32) -> Value {
        let (line, character) = index.position(offset, self.encoding);
        json!({ "line": line, "character": character })
    }

    /// The byte offset of a position.
    pub fn offset(&self, index: &LineIndex<'_>, position: &Value) -> Option<u32> {
        let number = |key| position.get(key).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
        Some(index.offset(number("line")?, number("character")?, self.encoding))
    }

    /// A place in any file of a spec.
    pub fn location(&self, analysis: &Analysis<'_>, place: &Place) -> Option<Value> {
        let index = LineIndex::new(analysis.text(&place.path));
        Some(json!({ "uri": address(&place.path)?, "range": self.range(&index, place.start, place.end) }))
    }

    /// Changes of files, by address.
    pub fn changes(&self, analysis: &Analysis<'_>, edits: &[(Place, String)]) -> Value {
        let mut files: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for (place, text) in edits {
            let Some(uri) = address(&place.path) else { continue };
            let index = LineIndex::new(analysis.text(&place.path));
            let range = self.range(&index, place.start, place.end);
            files.entry(uri).or_default().push(json!({ "range": range, "newText": text }));
        }
        json!(files)
    }
}

/// The address of a path; of a module of the standard library, the address of the file it is put in.
pub fn address(path: &str) -> Option<String> {
    if path.starts_with('/') || path.contains(':') {
        return Some(uri::from_path(path));
    }
    library::file(path).map(|file| uri::from_path(&file))
}

/// A snippet as plain text: `${1:name}` is `name`, `$0` is nothing.
pub fn plain(snippet: &str) -> String {
    let mut out = String::new();
    let mut rest = snippet;
    while let Some(at) = rest.find('$') {
        out.push_str(rest.get(..at).unwrap_or(""));
        rest = rest.get(at + 1..).unwrap_or("");
        match rest.strip_prefix('{').and_then(|r| r.split_once('}')) {
            Some((inside, behind)) => {
                out.push_str(inside.split_once(':').map_or("", |(_, text)| text));
                rest = behind;
            }
            None => rest = rest.trim_start_matches(|c: char| c.is_ascii_digit()),
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snippets_lose_their_places() {
        assert_eq!(
            plain("stage ${1:name} for ${2:1M tokens} { mix: $0 }"),
            "stage name for 1M tokens { mix:  }"
        );
        assert_eq!(plain("none"), "none");
    }
}
