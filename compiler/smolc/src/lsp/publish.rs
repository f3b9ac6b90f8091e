//! Diagnostics, as they change.

use super::Server;
use super::convert::address;
use serde_json::{Value, json};
use smolc_diag::{Diagnostic, LineIndex, Severity, Sources, codes};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

impl Server<'_> {
    /// Checks every text whose diagnostics are out of date and sends them.
    pub fn publish(&mut self) {
        let dirty: Vec<String> =
            self.documents.open.iter().filter(|(_, d)| d.dirty).map(|(a, _)| a.clone()).collect();
        for address in dirty {
            let Some(document) = self.documents.open.get_mut(&address) else { continue };
            document.dirty = false;
            let (path, version) = (document.path.clone(), document.version);
            let world = self.documents.world();
            let checked = catch_unwind(AssertUnwindSafe(|| smolc_ide::diagnostics(&world, &path, &[])));
            let Ok((mut list, sources)) = checked else {
                self.log.line(&format!("checking `{path}` failed: this is a bug in smolc"));
                continue;
            };
            if super::library::file(&path).is_some() {
                // The library is ours; its lints are for those who change it.
                list.clear();
            }
            self.send_diagnostics(&address, &path, version, &list, &sources);
        }
    }

    fn send_diagnostics(
        &mut self,
        own: &str,
        path: &str,
        version: Option<i64>,
        list: &[Diagnostic],
        sources: &Sources,
    ) {
        let mut by_file: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        by_file.insert(own.to_owned(), Vec::new());
        for d in list {
            let of = sources.path(d.primary.span.file);
            let uri = if of == path { Some(own.to_owned()) } else { address(of) };
            // A file that is open speaks for itself.
            let Some(uri) = uri.filter(|u| u == own || !self.documents.open.contains_key(u)) else {
                continue;
            };
            by_file.entry(uri).or_default().push(self.diagnostic(d, sources));
        }
        let before = match self.documents.open.get_mut(own) {
            Some(document) => {
                document.reads = (0..)
                    .map(|i| sources.path(smolc_diag::FileId(i)).to_owned())
                    .take_while(|p| !p.is_empty())
                    .collect();
                std::mem::replace(&mut document.published, by_file.keys().cloned().collect())
            }
            None => Default::default(),
        };
        for gone in
            before.iter().filter(|u| !by_file.contains_key(*u) && !self.documents.open.contains_key(*u))
        {
            self.notify("textDocument/publishDiagnostics", json!({ "uri": gone, "diagnostics": [] }));
        }
        for (uri, diagnostics) in by_file {
            let mut params = json!({ "uri": uri, "diagnostics": diagnostics });
            if uri == own
                && let (Some(version), Some(map)) = (version, params.as_object_mut())
            {
                map.insert("version".to_owned(), json!(version));
            }
            self.notify("textDocument/publishDiagnostics", params);
        }
    }

    /// A diagnostic: what is wrong, what is said at the place, and what to do, in one message.
    pub fn diagnostic(&self, d: &Diagnostic, sources: &Sources) -> Value {
        let span = d.primary.span;
        let index = LineIndex::new(sources.text(span.file));
        let mut message = d.message.clone();
        if !d.primary.text.is_empty() {
            message += &format!("\n{}", d.primary.text);
        }
        for help in &d.help {
            message += &format!("\nhelp: {help}");
        }
        let related: Vec<Value> = d
            .secondary
            .iter()
            .filter_map(|l| {
                let index = LineIndex::new(sources.text(l.span.file));
                let uri = address(sources.path(l.span.file))?;
                let range = self.wire.range(&index, l.span.start, l.span.end);
                Some(json!({ "location": { "uri": uri, "range": range }, "message": l.text }))
            })
            .collect();
        let mut value = json!({
            "range": self.wire.range(&index, span.start, span.end),
            "severity": match d.severity { Severity::Error => 1, Severity::Warning => 2, Severity::Info => 3 },
            "code": d.code,
            "source": "smolc",
            "message": message,
        });
        if let Some(map) = value.as_object_mut() {
            if let Some(url) = codes::url(d.code).filter(|u| u.starts_with("http")) {
                map.insert("codeDescription".to_owned(), json!({ "href": url }));
            }
            if !related.is_empty() {
                map.insert("relatedInformation".to_owned(), json!(related));
            }
            if d.code == "smol::name::unused" {
                map.insert("tags".to_owned(), json!([1]));
            }
        }
        value
    }
}
