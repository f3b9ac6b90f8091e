import * as vscode from "vscode";
import { LanguageClient, TransportKind } from "vscode-languageclient/node";
import { type Plan, Previews } from "./preview";
import { complain, find } from "./program";

let client: LanguageClient | undefined;
/** The program that runs now. */
let program = "smolc";
/** Starts and stops follow one another. */
let turn: Promise<void> = Promise.resolve();

async function stop(): Promise<void> {
  const old = client;
  client = undefined;
  // A client whose server has never run or has given up refuses to be stopped.
  if (old?.needsStop()) {
    await old.stop().catch(() => undefined);
  }
  await old?.dispose().catch(() => undefined);
}

async function start(fileEvents: vscode.FileSystemWatcher): Promise<void> {
  await stop();
  const found = await find();
  if ("missing" in found) {
    void complain(found.missing, () => restart(fileEvents));
    return;
  }
  program = found.program;
  const server = { command: program, args: ["lsp"], transport: TransportKind.stdio };
  client = new LanguageClient("smolc", "smolc", server, {
    documentSelector: [{ language: "smol" }],
    synchronize: { fileEvents },
  });
  try {
    await client.start();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    void complain(`smolc cannot be started (${program} lsp): ${why}.`, () => restart(fileEvents));
  }
}

function restart(fileEvents: vscode.FileSystemWatcher): Promise<void> {
  turn = turn.then(() => start(fileEvents));
  return turn;
}

async function ask(spec: vscode.Uri, run?: string): Promise<Plan> {
  if (!client?.isRunning()) {
    throw new Error("the language server is not running");
  }
  return client.sendRequest<Plan>("smolc/plan", { textDocument: { uri: spec.toString() }, run, format: "html" });
}

/** Runs one run of a spec as a task: the terminal shows it, and asks before a second begins beside it. */
async function execute(spec: vscode.Uri, run: string): Promise<void> {
  if (spec.scheme !== "file") {
    void vscode.window.showErrorMessage("A spec must be a file before it can run: save it first.");
    return;
  }
  const document = await vscode.workspace.openTextDocument(spec);
  if (document.isDirty && !(await document.save())) {
    return;
  }
  const scope = vscode.workspace.getWorkspaceFolder(spec) ?? vscode.TaskScope.Workspace;
  const process = new vscode.ProcessExecution(program, ["run", spec.fsPath, "--run", run]);
  const task = new vscode.Task({ type: "smolc", spec: spec.toString(), run }, scope, `run ${run}`, "smolc", process);
  task.presentationOptions = { reveal: vscode.TaskRevealKind.Always, clear: true };
  await vscode.tasks.executeTask(task);
}

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const fileEvents = vscode.workspace.createFileSystemWatcher("**/*.smol");
  const previews = new Previews(ask);
  const again = () => restart(fileEvents).then(() => previews.refresh());
  context.subscriptions.push(
    fileEvents,
    previews,
    vscode.commands.registerCommand("smolc.preview", async (uri?: vscode.Uri) => {
      const spec = uri ?? vscode.window.activeTextEditor?.document.uri;
      if (spec) {
        await previews.show(spec);
      }
    }),
    // What the lenses above a run do.
    vscode.commands.registerCommand("smolc.plan", (uri: string, run?: string) => previews.show(vscode.Uri.parse(uri), run)),
    vscode.commands.registerCommand("smolc.run", (uri: string, run: string) => execute(vscode.Uri.parse(uri), run)),
    vscode.commands.registerCommand("smolc.restart", again),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration("smolc.path")) {
        void again();
      }
    }),
  );
  await restart(fileEvents);
}

export async function deactivate(): Promise<void> {
  await turn;
  await stop();
}
