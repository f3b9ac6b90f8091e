import { execFile } from "node:child_process";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { promisify } from "node:util";
import * as vscode from "vscode";

const execute = promisify(execFile);

/** What the setting names: `~` and `${workspaceFolder}` stand for folders, and so does a path's beginning that is missing. */
function configured(): string {
  const setting = vscode.workspace.getConfiguration("smolc").get<string>("path")?.trim() || "smolc";
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? homedir();
  const path = setting.replace(/^~(?=[\\/])/, homedir()).replaceAll("${workspaceFolder}", folder);
  return /[\\/]/.test(path) && !isAbsolute(path) ? join(folder, path) : path;
}

/** Why a program does not run, or nothing if it does. */
async function fault(program: string): Promise<string | undefined> {
  try {
    await execute(program, ["--version"], { timeout: 20_000 });
    return undefined;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    switch (code) {
      case "ENOENT":
        return "it is not there";
      case "EACCES":
        return "it may not be executed";
      default:
        return message;
    }
  }
}

/**
 * The program that serves the editor. An editor that was not started from a shell often lacks the folder where cargo installs, so
 * a bare `smolc` is looked for there too.
 */
export async function find(): Promise<{ program: string } | { missing: string }> {
  const program = configured();
  const why = await fault(program);
  if (why === undefined) {
    return { program };
  }
  if (program !== "smolc") {
    return { missing: `smolc cannot be started: the setting smolc.path names ${program}, and ${why}.` };
  }
  const installed = join(process.env.CARGO_HOME || join(homedir(), ".cargo"), "bin", "smolc");
  if ((await fault(installed)) === undefined) {
    return { program: installed };
  }
  return { missing: `smolc was not found, neither on the PATH nor as ${installed}.` };
}

/** Says that there is no server and what to do about it. A new setting starts the server by itself; `again` tries the old one. */
export async function complain(missing: string, again: () => Promise<void>): Promise<void> {
  const [choose, setting, retry] = ["Choose the program…", "Open the setting", "Try again"];
  const advice =
    "Specs are colored, but not checked. Install it with `cargo install --path compiler/smolc` in a checkout of smolc, " +
    "or name the program of this project.";
  switch (await vscode.window.showErrorMessage(`${missing} ${advice}`, choose, setting, retry)) {
    case choose: {
      const [chosen] = (await vscode.window.showOpenDialog({ title: "The smolc program", openLabel: "Use" })) ?? [];
      if (chosen) {
        const target = vscode.ConfigurationTarget.Global;
        await vscode.workspace.getConfiguration("smolc").update("path", chosen.fsPath, target);
      }
      break;
    }
    case setting:
      await vscode.commands.executeCommand("workbench.action.openSettings", "smolc.path");
      break;
    case retry:
      await again();
      break;
  }
}
