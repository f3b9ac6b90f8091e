//! The language server: `smolc-ide` behind the language server protocol.
//!
//! One thread reads a message, answers it and reads the next. Texts are synchronized whole; diagnostics are computed
//! when no message waits, so that fast typing is not checked letter by letter. A request that panics is answered with an
//! internal error and logged. Run-time expressions are interpreted: the JIT does not run here.
//!
//! Answers are written as JSON; tests read each of them back as the protocol's types.

mod answers;
mod convert;
mod dispatch;
mod documents;
mod library;
mod log;
mod publish;
mod uri;

#[cfg(test)]
mod tests;

pub use log::Log;

use convert::Wire;
use documents::Documents;
use lsp_server::{Connection, Message, Notification};
use serde_json::{Value, json};
use smolc_diag::Encoding;

/// What the server knows between two messages.
struct Server<'c> {
    connection: &'c Connection,
    documents: Documents,
    wire: Wire,
    log: Log,
}

/// Serves one client until it shuts the server down or the connection ends.
///
/// # Errors
/// When the client breaks the protocol before it can be served.
pub fn serve(connection: &Connection, log: Log) -> Result<(), String> {
    let (id, params) = connection.initialize_start().map_err(|e| e.to_string())?;
    let wire = Wire::negotiate(&params);
    let result = json!({
        "capabilities": capabilities(wire.encoding),
        "serverInfo": { "name": "smolc", "version": env!("CARGO_PKG_VERSION") },
    });
    connection.initialize_finish(id, result).map_err(|e| e.to_string())?;
    let documents = Documents::new(&params);
    Server { connection, documents, wire, log }.run()
}

fn capabilities(encoding: Encoding) -> Value {
    json!({
        "positionEncoding": if encoding == Encoding::Utf8 { "utf-8" } else { "utf-16" },
        "textDocumentSync": { "openClose": true, "change": 1, "save": true },
        "hoverProvider": true,
        "completionProvider": { "triggerCharacters": [".", ":", "{", "("] },
        "signatureHelpProvider": { "triggerCharacters": ["(", ","] },
        "definitionProvider": true,
        "referencesProvider": true,
        "documentHighlightProvider": true,
        "documentSymbolProvider": true,
        "workspaceSymbolProvider": true,
        "codeActionProvider": { "codeActionKinds": ["quickfix", "source.fixAll"] },
        "codeLensProvider": {},
        "documentFormattingProvider": true,
        "renameProvider": { "prepareProvider": true },
        "foldingRangeProvider": true,
        "selectionRangeProvider": true,
        "semanticTokensProvider": {
            "legend": { "tokenTypes": smolc_ide::TOKEN_TYPES, "tokenModifiers": smolc_ide::MODIFIERS },
            "full": true,
        },
        "inlayHintProvider": true,
    })
}

impl Server<'_> {
    fn run(mut self) -> Result<(), String> {
        loop {
            let message = if self.documents.is_dirty() {
                match self.connection.receiver.try_recv() {
                    Ok(message) => message,
                    Err(_) => {
                        self.publish();
                        continue;
                    }
                }
            } else {
                match self.connection.receiver.recv() {
                    Ok(message) => message,
                    // The client has gone.
                    Err(_) => return Ok(()),
                }
            };
            match message {
                Message::Request(request) => {
                    if self.connection.handle_shutdown(&request).map_err(|e| e.to_string())? {
                        return Ok(());
                    }
                    let response = self.answer(request);
                    self.send(Message::Response(response));
                }
                Message::Notification(notification) => self.notified(&notification),
                Message::Response(_) => {}
            }
        }
    }

    fn send(&self, message: Message) {
        // A client that has gone is noticed where the next message is read.
        let _ = self.connection.sender.send(message);
    }

    fn notify(&self, method: &str, params: Value) {
        self.send(Message::Notification(Notification { method: method.to_owned(), params }));
    }

    fn notified(&mut self, notification: &Notification) {
        let params = &notification.params;
        let uri = params.pointer("/textDocument/uri").and_then(Value::as_str);
        match (notification.method.as_str(), uri) {
            ("textDocument/didOpen", Some(uri)) => {
                let text = params.pointer("/textDocument/text").and_then(Value::as_str).unwrap_or("");
                let version = params.pointer("/textDocument/version").and_then(Value::as_i64);
                self.documents.set(uri, text, version);
            }
            ("textDocument/didChange", Some(uri)) => {
                let version = params.pointer("/textDocument/version").and_then(Value::as_i64);
                let changes = params.get("contentChanges").and_then(Value::as_array);
                for change in changes.into_iter().flatten() {
                    let text = change.get("text").and_then(Value::as_str);
                    match (text, change.get("range")) {
                        (Some(text), None) => self.documents.set(uri, text, version),
                        _ => self.log.line("a change of a part of a text came, which was not agreed on"),
                    }
                }
            }
            ("textDocument/didSave" | "workspace/didChangeWatchedFiles", _) => self.documents.touch(),
            ("textDocument/didClose", Some(uri)) => {
                for uri in self.documents.close(uri) {
                    self.notify("textDocument/publishDiagnostics", json!({ "uri": uri, "diagnostics": [] }));
                }
            }
            _ => {}
        }
    }
}
