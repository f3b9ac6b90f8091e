import * as vscode from "vscode";
import { LanguageClient, TransportKind } from "vscode-languageclient/node";

let client: LanguageClient | undefined;

/** The text of a plan, by the address of its spec. */
class Plans implements vscode.TextDocumentContentProvider {
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.changed.event;

  static address(spec: vscode.Uri): vscode.Uri {
    return vscode.Uri.from({ scheme: "smolc-plan", path: `${spec.path}.plan`, query: spec.toString() });
  }

  refresh(spec: vscode.Uri): void {
    this.changed.fire(Plans.address(spec));
  }

  async provideTextDocumentContent(address: vscode.Uri): Promise<string> {
    try {
      const answer = await client?.sendRequest<{ text: string }>("smolc/plan", { textDocument: { uri: address.query } });
      return answer?.text ?? "the language server is not running";
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
}

function program(): string {
  return vscode.workspace.getConfiguration("smolc").get<string>("path") || "smolc";
}

async function start(): Promise<void> {
  const server = { command: program(), args: ["lsp"], transport: TransportKind.stdio };
  client = new LanguageClient("smolc", "smolc", server, {
    documentSelector: [{ language: "smol" }],
    synchronize: { fileEvents: vscode.workspace.createFileSystemWatcher("**/*.smol") },
  });
  try {
    await client.start();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    void vscode.window.showErrorMessage(`smolc cannot be started (${program()} lsp): ${why}`);
  }
}

async function preview(plans: Plans, spec: vscode.Uri | undefined): Promise<void> {
  const uri = spec ?? vscode.window.activeTextEditor?.document.uri;
  if (!uri) {
    return;
  }
  plans.refresh(uri);
  const document = await vscode.workspace.openTextDocument(Plans.address(uri));
  await vscode.window.showTextDocument(document, { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true });
}

/** A word as a shell of the terminal takes it. */
function quoted(word: string): string {
  return process.platform === "win32" ? `"${word}"` : `'${word.replaceAll("'", `'\\''`)}'`;
}

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const plans = new Plans();
  context.subscriptions.push(
    vscode.workspace.registerTextDocumentContentProvider("smolc-plan", plans),
    vscode.workspace.onDidChangeTextDocument((event) => {
      if (event.document.languageId === "smol") {
        plans.refresh(event.document.uri);
      }
    }),
    vscode.commands.registerCommand("smolc.preview", (uri?: vscode.Uri) => preview(plans, uri)),
    // What the lenses above a run do.
    vscode.commands.registerCommand("smolc.plan", (uri: string) => preview(plans, vscode.Uri.parse(uri))),
    vscode.commands.registerCommand("smolc.run", (uri: string, run: string) => {
      const terminal = vscode.window.createTerminal("smolc run");
      terminal.show();
      terminal.sendText(`${quoted(program())} run ${quoted(vscode.Uri.parse(uri).fsPath)} --run ${quoted(run)}`);
    }),
    vscode.commands.registerCommand("smolc.restart", async () => {
      await client?.stop();
      await start();
    }),
  );
  await start();
}

export async function deactivate(): Promise<void> {
  await client?.stop();
}
