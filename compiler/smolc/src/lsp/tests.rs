//! The server, talked to in this process. Every answer is read back as the protocol's own type.

use super::{Log, serve, uri};
use gen_lsp_types as lsp;
use lsp_server::{Connection, Message, Notification, Request, RequestId};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::thread::JoinHandle;

const SPEC: &str = include_str!("../../../../specs/quickstart.smol");
const MAIN: &str = "file:///work%20space/a.smol";

/// A client, and the server's thread.
struct Client {
    connection: Connection,
    server: Option<JoinHandle<Result<(), String>>>,
    next: i32,
    initialized: Value,
}

impl Client {
    fn with(capabilities: Value) -> Client {
        let (server, connection) = Connection::memory();
        let server = std::thread::spawn(move || serve(&server, Log::default()));
        let mut client = Client { connection, server: Some(server), next: 0, initialized: Value::Null };
        client.initialized = client.raw("initialize", json!({ "capabilities": capabilities })).unwrap();
        client.notify("initialized", json!({}));
        client
    }

    fn new() -> Client {
        Client::with(json!({ "general": { "positionEncodings": ["utf-8", "utf-16"] } }))
    }

    fn notify(&self, method: &str, params: Value) {
        let notification = Notification { method: method.into(), params };
        self.connection.sender.send(Message::Notification(notification)).unwrap();
    }

    /// Sends a request and waits for its answer; notifications on the way are dropped.
    fn raw(&mut self, method: &str, params: Value) -> Result<Value, (i32, String)> {
        self.next += 1;
        let id = RequestId::from(self.next);
        let request = Request { id: id.clone(), method: method.into(), params };
        self.connection.sender.send(Message::Request(request)).unwrap();
        loop {
            if let Message::Response(response) = self.connection.receiver.recv().unwrap()
                && response.id == id
            {
                return response.response_result.map_err(|e| (e.code, e.message));
            }
        }
    }

    /// A request whose answer has a type.
    fn ask<T: DeserializeOwned>(&mut self, method: &str, params: Value) -> T {
        let answer = self.raw(method, params).unwrap_or_else(|e| panic!("{method}: {e:?}"));
        serde_json::from_value(answer.clone()).unwrap_or_else(|e| panic!("{method}: {e}: {answer:#}"))
    }

    /// A request about a place in [`MAIN`].
    fn at<T: DeserializeOwned>(&mut self, method: &str, text: &str, place: &str, more: Value) -> T {
        let mut params = place_of(text, place);
        for (key, value) in more.as_object().into_iter().flatten() {
            params[key] = value.clone();
        }
        self.ask(method, params)
    }

    fn open(&self, address: &str, text: &str) {
        let document = json!({ "uri": address, "languageId": "smol", "version": 1, "text": text });
        self.notify("textDocument/didOpen", json!({ "textDocument": document }));
    }

    fn change(&self, address: &str, version: i64, text: &str) {
        let document = json!({ "uri": address, "version": version });
        self.notify(
            "textDocument/didChange",
            json!({ "textDocument": document, "contentChanges": [{ "text": text }] }),
        );
    }

    /// The next diagnostics of an address.
    fn diagnostics(&self, address: &str) -> lsp::PublishDiagnosticsParams {
        loop {
            if let Message::Notification(n) = self.connection.receiver.recv().unwrap()
                && n.method == "textDocument/publishDiagnostics"
                && n.params["uri"] == address
            {
                return serde_json::from_value(n.params).unwrap();
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.raw("shutdown", Value::Null), Ok(Value::Null));
            self.notify("exit", Value::Null);
            assert_eq!(self.server.take().unwrap().join().unwrap(), Ok(()));
        }
    }
}

/// The position of the `$0` in `place`, which stands in the text without it. Columns are bytes.
fn place_of(text: &str, place: &str) -> Value {
    let (before, after) = place.split_once("$0").unwrap();
    let at = text.find(&format!("{before}{after}")).unwrap_or_else(|| panic!("no {place}")) + before.len();
    let line = text[..at].matches('\n').count();
    let character = at - text[..at].rfind('\n').map_or(0, |n| n + 1);
    json!({ "textDocument": { "uri": MAIN }, "position": { "line": line, "character": character } })
}

#[test]
fn every_request_is_answered_in_the_protocols_types() {
    let mut c = Client::new();
    let _: lsp::InitializeResult = serde_json::from_value(c.initialized.clone()).unwrap();
    c.open(MAIN, SPEC);
    assert_eq!(c.diagnostics(MAIN).version, Some(1));
    let document = json!({ "textDocument": { "uri": MAIN } });

    let hover: lsp::Hover = c.at("textDocument/hover", SPEC, "lr: ws$0d(", json!({}));
    assert!(serde_json::to_string(&hover).unwrap().contains("fn wsd(peak: Rate"));
    let items: Vec<lsp::CompletionItem> = c.at("textDocument/completion", SPEC, "model: $0small", json!({}));
    assert!(items.iter().any(|i| i.label == "small") && items.iter().all(|i| i.label != "docs"));
    let help: lsp::SignatureHelp = c.at("textDocument/signatureHelp", SPEC, "wsd(peak: 2e-3, $0", json!({}));
    assert_eq!(help.signatures.len(), 1);
    let place: lsp::Location = c.at("textDocument/definition", SPEC, "model: sma$0ll", json!({}));
    assert_eq!(
        place.range.start.line,
        SPEC.lines().position(|l| l.starts_with("model small")).unwrap() as u32
    );
    let all: Vec<lsp::Location> = c.at(
        "textDocument/references",
        SPEC,
        "model: sma$0ll",
        json!({ "context": { "includeDeclaration": true } }),
    );
    let uses: Vec<lsp::Location> = c.at(
        "textDocument/references",
        SPEC,
        "model: sma$0ll",
        json!({ "context": { "includeDeclaration": false } }),
    );
    assert_eq!((all.len(), uses.len()), (2, 1));
    let marks: Vec<lsp::DocumentHighlight> =
        c.at("textDocument/documentHighlight", SPEC, "model: sma$0ll", json!({}));
    assert_eq!(marks.len(), 2);
    let outline: Vec<lsp::DocumentSymbol> = c.ask("textDocument/documentSymbol", document.clone());
    assert!(
        outline.iter().any(|s| s.name == "pretrain" && s.children.as_ref().is_some_and(|c| c.len() == 2))
    );
    let found: Vec<lsp::WorkspaceSymbol> = c.ask("workspace/symbol", json!({ "query": "wsd" }));
    assert_eq!(found.len(), 1);
    let lenses: Vec<lsp::CodeLens> = c.ask("textDocument/codeLens", document.clone());
    assert_eq!(lenses.len(), 2);
    let folds: Vec<lsp::FoldingRange> = c.ask("textDocument/foldingRange", document.clone());
    assert!(folds.len() >= 3);
    let at = place_of(SPEC, "model: sma$0ll")["position"].clone();
    let ranges: Vec<lsp::SelectionRange> =
        c.ask("textDocument/selectionRange", json!({ "textDocument": { "uri": MAIN }, "positions": [at] }));
    assert!(ranges[0].parent.is_some());
    let tokens: lsp::SemanticTokens = c.ask("textDocument/semanticTokens/full", document.clone());
    assert!(serde_json::to_value(tokens).unwrap()["data"].as_array().unwrap().len() > 500);
    let whole = json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 999, "character": 0 } });
    let hints: Vec<lsp::InlayHint> =
        c.ask("textDocument/inlayHint", json!({ "textDocument": { "uri": MAIN }, "range": whole }));
    assert!(hints.len() >= 8, "{}", hints.len());
    let options =
        json!({ "textDocument": { "uri": MAIN }, "options": { "tabSize": 2, "insertSpaces": true } });
    let edits: Vec<lsp::TextEdit> = c.ask("textDocument/formatting", options);
    assert!(edits.is_empty());
    let range: lsp::Range = c.at("textDocument/prepareRename", SPEC, "model: sma$0ll", json!({}));
    assert_eq!(range.end.character - range.start.character, 5);
    let edit: lsp::WorkspaceEdit =
        c.at("textDocument/rename", SPEC, "model: sma$0ll", json!({ "newName": "tiny" }));
    assert_eq!(serde_json::to_value(edit).unwrap()["changes"][MAIN].as_array().unwrap().len(), 2);
    let actions: Vec<lsp::CodeAction> = c.ask(
        "textDocument/codeAction",
        json!({ "textDocument": { "uri": MAIN }, "range": whole, "context": { "diagnostics": [] } }),
    );
    assert!(actions.is_empty(), "{actions:?}");
    let plan = c.raw("smolc/plan", document).unwrap();
    assert!(plan["text"].as_str().unwrap().contains("pretrain"), "{plan}");
    let asked = |run: &str| json!({ "textDocument": { "uri": MAIN }, "run": run, "format": "html" });
    let page = c.raw("smolc/plan", asked("pretrain")).unwrap();
    assert!(page["html"].as_str().unwrap().contains("<h1>"), "{page}");
    let (_, error) = c.raw("smolc/plan", asked("posttrain")).unwrap_err();
    assert!(error.contains("no run `posttrain`"), "{error}");
}

#[test]
fn diagnostics_follow_the_text_and_fixes_repair_it() {
    let mut c = Client::new();
    let broken = SPEC.replace("  tokenizer: words", "  Tokenizer: words");
    c.open(MAIN, &broken);
    let list = c.diagnostics(MAIN).diagnostics;
    assert!(list.len() == 1 || list.iter().all(|d| d.source.as_deref() == Some("smolc")), "{list:?}");
    let at = place_of(&broken, "  Toke$0nizer: words")["position"].clone();
    let actions: Vec<lsp::CodeAction> = c.ask(
        "textDocument/codeAction",
        json!({ "textDocument": { "uri": MAIN }, "range": { "start": at, "end": at },
            "context": { "diagnostics": [], "only": ["quickfix"] } }),
    );
    assert_eq!(actions.len(), 1);
    let edit = &serde_json::to_value(&actions[0]).unwrap()["edit"]["changes"][MAIN][0];
    assert_eq!(edit["newText"], "tokenizer");
    c.change(MAIN, 2, SPEC);
    let repaired = c.diagnostics(MAIN);
    assert_eq!(repaired.version, Some(2));
    let errors = serde_json::to_value(&repaired.diagnostics).unwrap();
    assert!(errors.as_array().unwrap().iter().all(|d| d["severity"] != 1), "{errors:#}");
    c.notify("textDocument/didClose", json!({ "textDocument": { "uri": MAIN } }));
    assert!(c.diagnostics(MAIN).diagnostics.is_empty());
}

#[test]
fn an_imported_text_speaks_for_itself_once_it_is_open() {
    let c = Client::new();
    let data = uri::from_path("/work space/data.smol");
    let main = "smol 1\nuse \"data.smol\" as data\nlet a = data.size + 1 tokens\n";
    c.open(&data, "smol 1\nlet size = 1 token\n");
    assert!(c.diagnostics(&data).diagnostics.is_empty());
    c.open(MAIN, main);
    assert!(c.diagnostics(MAIN).diagnostics.is_empty());
    // The importer is checked again when what it imports changes.
    c.change(&data, 2, "smol 1\nlet size = 1 step\n");
    assert_eq!(c.diagnostics(MAIN).diagnostics.len(), 1);
    c.change(&data, 3, "smol 1\nlet sise = 1 token\n");
    let list = c.diagnostics(MAIN).diagnostics;
    assert!(serde_json::to_string(&list).unwrap().contains("the module has no `size`"), "{list:?}");
}

#[test]
fn positions_count_what_was_agreed_on() {
    let text = "smol 1\nlet a = \"世\u{1F600}é\" let\n";
    for (offered, encoding, column) in [
        (json!(["utf-16"]), "utf-16", 15),
        (json!(["utf-32", "utf-8"]), "utf-8", 20),
        (Value::Null, "utf-16", 15),
    ] {
        let c = Client::with(json!({ "general": { "positionEncodings": offered } }));
        assert_eq!(c.initialized["capabilities"]["positionEncoding"], encoding);
        c.open(MAIN, text);
        let list = c.diagnostics(MAIN).diagnostics;
        assert_eq!(list[0].range.start.character, column, "{encoding}: {list:?}");
    }
}

#[test]
fn a_panic_is_answered_and_the_server_goes_on() {
    let mut c = Client::new();
    let (code, message) = c.raw("smolc/panic", json!({})).unwrap_err();
    assert_eq!(code, -32603);
    assert!(message.contains("bug in smolc") && message.contains("as asked"), "{message}");
    assert_eq!(c.raw("no/such", json!({})).unwrap_err().0, -32601);
    assert_eq!(c.raw("textDocument/hover", json!({})).unwrap_err().0, -32602);
    c.open(MAIN, SPEC);
    let refused = c.raw("textDocument/rename", {
        let mut params = place_of(SPEC, "lr: ws$0d(");
        params["newName"] = json!("other");
        params
    });
    assert!(refused.unwrap_err().1.contains("not defined in a file of yours"));
    let hover: lsp::Hover = c.at("textDocument/hover", SPEC, "model: sma$0ll", json!({}));
    assert!(serde_json::to_string(&hover).unwrap().contains("parameters"));
}

#[test]
fn names_lead_into_the_standard_library() {
    let mut c = Client::new();
    c.open(MAIN, SPEC);
    let place: lsp::Location = c.at("textDocument/definition", SPEC, "lr: ws$0d(", json!({}));
    let address = serde_json::to_value(&place).unwrap()["uri"].as_str().unwrap().to_owned();
    let path = uri::to_path(&address);
    let text = std::fs::read_to_string(&path).unwrap();
    let line = text.lines().nth(place.range.start.line as usize).unwrap();
    assert!(line.starts_with("fn wsd("), "{line}");
    // The library is itself a text that can be asked about, and clean.
    c.open(&address, &text);
    assert_eq!(c.diagnostics(&address).diagnostics, []);
    let models = path.replace("schedules.smol", "models.smol");
    let _: Value = c.at("textDocument/definition", SPEC, "use std.mod$0els", json!({}));
    let models_text = std::fs::read_to_string(&models).unwrap();
    c.open(&uri::from_path(&models), &models_text);
    assert!(c.diagnostics(&uri::from_path(&models)).diagnostics.is_empty());
}

#[test]
fn hover_of_half_written_text_does_not_disturb_the_next_request() {
    let mut c = Client::new();
    for (i, (at, _)) in SPEC.char_indices().enumerate().step_by(97) {
        c.change(MAIN, i as i64, &SPEC[..at]);
        let line = SPEC[..at].matches('\n').count();
        let params = json!({ "textDocument": { "uri": MAIN }, "position": { "line": line, "character": 3 } });
        let _: Option<lsp::Hover> = c.ask("textDocument/hover", params.clone());
        let _: Vec<lsp::CompletionItem> = c.ask("textDocument/completion", params);
    }
}
