//! From a request to its answer.

use super::Server;
use super::documents::Documents;
use lsp_server::{ErrorCode, Request, Response, ResponseError};
use serde_json::Value;
use smolc_diag::LineIndex;
use smolc_ide::Analysis;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Why a request has no answer.
pub(super) enum Refusal {
    /// Nobody here knows the method.
    Unknown,
    /// Something is missing in the parameters.
    Parameters(&'static str),
    /// It cannot be done, for a reason that a person should read.
    Failed(String),
}

/// A position of an open text.
pub(super) struct At {
    /// The text's path.
    pub path: String,
    /// The byte.
    pub offset: u32,
}

impl Server<'_> {
    /// Answers a request, also one that panics.
    pub(super) fn answer(&mut self, request: Request) -> Response {
        let Request { id, method, params } = request;
        let answered = catch_unwind(AssertUnwindSafe(|| self.handle(&method, &params)));
        let error =
            |code: ErrorCode, message: String| Err(ResponseError { code: code as i32, message, data: None });
        let response_result = match answered {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(Refusal::Unknown)) => {
                error(ErrorCode::MethodNotFound, format!("smolc does not know `{method}`"))
            }
            Ok(Err(Refusal::Parameters(what))) => {
                error(ErrorCode::InvalidParams, format!("`{method}` needs {what}"))
            }
            Ok(Err(Refusal::Failed(why))) => error(ErrorCode::RequestFailed, why),
            Err(payload) => {
                let what = payload
                    .downcast_ref::<String>()
                    .map(String::as_str)
                    .or_else(|| payload.downcast_ref::<&str>().copied())
                    .unwrap_or("no message");
                self.log.line(&format!("`{method}` panicked: {what}"));
                let message = format!("this is a bug in smolc {}: {what}", env!("CARGO_PKG_VERSION"));
                error(ErrorCode::InternalError, message)
            }
        };
        Response { id, response_result }
    }

    #[cfg_attr(test, allow(clippy::panic, reason = "a request that panics on purpose"))]
    fn handle(&mut self, method: &str, params: &Value) -> Result<Value, Refusal> {
        match method {
            "textDocument/hover" => self.hover(params),
            "textDocument/completion" => self.completion(params),
            "textDocument/signatureHelp" => self.signature_help(params),
            "textDocument/definition" => self.definition(params),
            "textDocument/references" => self.references(params),
            "textDocument/documentHighlight" => self.highlight(params),
            "textDocument/documentSymbol" => self.document_symbols(params),
            "workspace/symbol" => self.workspace_symbols(params),
            "textDocument/codeAction" => self.code_actions(params),
            "textDocument/codeLens" => self.code_lenses(params),
            "textDocument/formatting" => self.formatting(params),
            "textDocument/prepareRename" => self.prepare_rename(params),
            "textDocument/rename" => self.rename(params),
            "textDocument/foldingRange" => self.folding(params),
            "textDocument/selectionRange" => self.selection(params),
            "textDocument/semanticTokens/full" => self.semantic_tokens(params),
            "textDocument/inlayHint" => self.inlay_hints(params),
            "smolc/plan" => self.plan(params),
            #[cfg(test)]
            "smolc/panic" => panic!("as asked"),
            _ => Err(Refusal::Unknown),
        }
    }

    /// The path of the text that a request is about.
    pub(super) fn path_of(&self, params: &Value) -> Result<String, Refusal> {
        let uri = params.pointer("/textDocument/uri").and_then(Value::as_str);
        uri.map(Documents::path).ok_or(Refusal::Parameters("a text document"))
    }

    /// The position that a request is about.
    pub(super) fn at(&self, analysis: &Analysis<'_>, params: &Value) -> Result<At, Refusal> {
        let position = params.get("position").ok_or(Refusal::Parameters("a position"))?;
        self.at_position(analysis, params, position)
    }

    /// A position in the text that a request is about.
    pub(super) fn at_position(
        &self,
        analysis: &Analysis<'_>,
        params: &Value,
        position: &Value,
    ) -> Result<At, Refusal> {
        let path = self.path_of(params)?;
        let index = LineIndex::new(analysis.text(&path));
        let offset = self.wire.offset(&index, position).ok_or(Refusal::Parameters("a position"))?;
        Ok(At { path, offset })
    }
}
