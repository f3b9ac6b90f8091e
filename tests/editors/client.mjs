// The protocol's own library for Node against `smolc lsp` over stdio. Run by tests/editors/node; argument: the program.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import assert from "node:assert/strict";
import * as lsp from "vscode-languageserver-protocol/node";

const [, , program, specPath] = process.argv;
const spec = readFileSync(specPath, "utf8");
const home = mkdtempSync(join(tmpdir(), "smolc-node-"));
const server = spawn(program, ["lsp", "--stdio"], { stdio: ["pipe", "pipe", "inherit"], env: { ...process.env, XDG_CACHE_HOME: home } });
const connection = lsp.createProtocolConnection(
  new lsp.StreamMessageReader(server.stdout),
  new lsp.StreamMessageWriter(server.stdin),
);
connection.listen();

const published = [];
let wake = () => {};
connection.onNotification(lsp.PublishDiagnosticsNotification.type, (params) => {
  published.push(params);
  wake();
});
async function diagnostics(version) {
  for (;;) {
    const found = published.find((p) => p.version === version);
    if (found) return found.diagnostics;
    await new Promise((resolve) => (wake = resolve));
  }
}
function place(text, pattern) {
  const at = text.indexOf(pattern);
  assert.notEqual(at, -1, pattern);
  const before = text.slice(0, at).split("\n");
  return { line: before.length - 1, character: before.at(-1).length };
}

const timer = setTimeout(() => {
  console.error("FAILED  no answer within 60 s");
  process.exit(1);
}, 60_000);

const { capabilities } = await connection.sendRequest(lsp.InitializeRequest.type, {
  processId: process.pid,
  rootUri: null,
  capabilities: { general: { positionEncodings: ["utf-16"] } },
});
assert.equal(capabilities.positionEncoding, "utf-16");
await connection.sendNotification(lsp.InitializedNotification.type, {});

// A line in front whose characters count differently in UTF-8 and UTF-16.
const uri = "file:///specs/a.smol";
const broken = spec.replace("run pretrain {", "// 世界 \u{1F600}\nrun pretrain {").replace("  tokenizer: words", "  /* */");
const document = { uri, languageId: "smol", version: 1, text: broken };
await connection.sendNotification(lsp.DidOpenTextDocumentNotification.type, { textDocument: document });
const first = await diagnostics(1);
assert.ok(first.length >= 1 && first.every((d) => d.source === "smolc"), JSON.stringify(first));
console.log("ok      diagnostics");

const wide = spec.replace("let window = 256 tokens", 'let window = 256 tokens\nlet wide = "世\u{1F600}" + wndow');
await connection.sendNotification(lsp.DidChangeTextDocumentNotification.type, {
  textDocument: { uri, version: 2 },
  contentChanges: [{ text: wide }],
});
const second = await diagnostics(2);
const unknown = second.find((d) => d.code === "smol::name::unknown");
assert.deepEqual(unknown.range.start, place(wide, "wndow"));
console.log("ok      positions in UTF-16");

const ask = (type, pattern, more = {}) =>
  connection.sendRequest(type, { textDocument: { uri }, position: place(wide, pattern), ...more });
const hover = await ask(lsp.HoverRequest.type, "wsd(peak");
assert.match(hover.contents.value, /fn wsd\(peak: Rate/);
console.log("ok      hover");

const actions = await connection.sendRequest(lsp.CodeActionRequest.type, {
  textDocument: { uri },
  range: unknown.range,
  context: { diagnostics: [unknown] },
});
assert.equal(actions[0].edit.changes[uri][0].newText, "window");
console.log("ok      quick fix");

const items = await ask(lsp.CompletionRequest.type, "model: small");
assert.ok(items.some((i) => i.label === "tokenizer") || items.length > 0);
const edit = await ask(lsp.RenameRequest.type, "small = Llama", { newName: "tiny" });
assert.equal(edit.changes[uri].length, 2);
console.log("ok      completion and rename");

const edits = await connection.sendRequest(lsp.DocumentFormattingRequest.type, {
  textDocument: { uri },
  options: { tabSize: 2, insertSpaces: true },
});
assert.deepEqual(edits ?? [], []);
const tokens = await connection.sendRequest(lsp.SemanticTokensRequest.type, { textDocument: { uri } });
assert.equal(tokens.data.length % 5, 0);
const hints = await connection.sendRequest(lsp.InlayHintRequest.type, {
  textDocument: { uri },
  range: { start: { line: 0, character: 0 }, end: { line: 999, character: 0 } },
});
assert.ok(hints.length > 0);
console.log("ok      formatting, semantic tokens, inlay hints");

await assert.rejects(connection.sendRequest("no/such"), (e) => e.code === -32601);
await connection.sendRequest(lsp.ShutdownRequest.type);
await connection.sendNotification(lsp.ExitNotification.type);
const code = await new Promise((resolve) => server.on("exit", resolve));
assert.equal(code, 0);
console.log("ok      shutdown");
clearTimeout(timer);
connection.dispose();
rmSync(home, { recursive: true });
