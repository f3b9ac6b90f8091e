import { randomBytes } from "node:crypto";
import * as vscode from "vscode";

/** What a server answers: a page, or from one that is older than pages the text of `smolc plan`. */
export interface Plan {
  html?: string;
  text?: string;
}

/** Asks for the plan of a spec, or of one of its runs. */
export type Ask = (spec: vscode.Uri, run?: string) => Promise<Plan>;

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

/** The page of a server as a webview shows it: it loads nothing, has the colors of the editor, and keeps its place. */
function page(html: string, notice: string): string {
  const nonce = randomBytes(16).toString("hex");
  const kind = vscode.window.activeColorTheme.kind;
  const dark = kind === vscode.ColorThemeKind.Dark || kind === vscode.ColorThemeKind.HighContrast;
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-${nonce}'`;
  const style = `:root{--bg:var(--vscode-editor-background);--fg:var(--vscode-editor-foreground);
--soft:var(--vscode-descriptionForeground);--band:color-mix(in srgb,var(--fg) 7%,transparent);
--line:color-mix(in srgb,var(--fg) 16%,transparent)}
body{padding:0;font-family:var(--vscode-font-family)}code,pre{font-family:var(--vscode-editor-font-family)}
code{color:inherit;background:none;padding:0}
.notice{position:sticky;top:0;z-index:1;padding:6px 16px;white-space:pre-wrap;
color:var(--vscode-inputValidation-warningForeground,var(--fg));
background:var(--vscode-inputValidation-warningBackground,var(--bg));
border-bottom:1px solid var(--vscode-inputValidation-warningBorder)}`;
  const keep = `const api = acquireVsCodeApi(); scrollTo(0, api.getState()?.y ?? 0);
addEventListener("scroll", () => api.setState({ y: scrollY }));`;
  return html
    .replace("<head>", () => `<head><meta http-equiv="Content-Security-Policy" content="${policy}">`)
    // The editor's theme decides, not the system's.
    .replace("@media(prefers-color-scheme:dark)", dark ? "@media all" : "@media not all")
    .replace("</head>", () => `<style>${style}</style></head>`)
    .replace("<body>", () => (notice ? `<body><div class="notice" role="status">${escaped(notice)}</div>` : "<body>"))
    .replace("</body>", () => `<script nonce="${nonce}">${keep}</script></body>`);
}

function plain(text: string): string {
  return `<!doctype html><html lang="en"><head></head><body><main><pre>${escaped(text)}</pre></main></body></html>`;
}

const NOTHING = plain("");

/** One open preview: the plan of a spec, or of one of its runs. */
class Preview {
  private html = NOTHING;
  private notice = "";
  private asked = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    readonly spec: vscode.Uri,
    private readonly run: string | undefined,
    readonly panel: vscode.WebviewPanel,
    private readonly ask: Ask,
  ) {}

  /** Soon, but once for the keystrokes of a word. */
  later(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.refresh(), 250);
  }

  async refresh(): Promise<void> {
    const turn = ++this.asked;
    let notice = "";
    let html: string | undefined;
    try {
      const plan = await this.ask(this.spec, this.run);
      html = plan.html ?? plain(plan.text ?? "");
    } catch (error) {
      // The last plan stays: a spec has errors in between while it is written.
      notice = error instanceof Error ? error.message : String(error);
    }
    if (turn === this.asked) {
      this.html = html ?? this.html;
      this.notice = notice && this.html !== NOTHING ? `${notice}; this is the plan before` : notice;
      this.draw();
    }
  }

  draw(): void {
    this.panel.webview.html = page(this.html, this.notice);
  }

  close(): void {
    // Whatever is still asked for comes too late.
    this.asked++;
    clearTimeout(this.timer);
  }
}

/** The open previews, one for a spec and run. */
export class Previews implements vscode.Disposable {
  private readonly open = new Map<string, Preview>();
  private readonly subscriptions: vscode.Disposable[];

  constructor(private readonly ask: Ask) {
    this.subscriptions = [
      vscode.workspace.onDidChangeTextDocument((event) => {
        if (event.document.languageId === "smol" && event.contentChanges.length > 0) {
          // A spec may import the one that changed.
          this.open.forEach((preview) => preview.later());
        }
      }),
      vscode.window.onDidChangeActiveColorTheme(() => this.open.forEach((preview) => preview.draw())),
    ];
  }

  /** Opens a preview beside the editor, or shows the one that is open. */
  async show(spec: vscode.Uri, run?: string): Promise<void> {
    const key = `${spec}\n${run ?? ""}`;
    let preview = this.open.get(key);
    if (preview) {
      preview.panel.reveal(undefined, true);
    } else {
      const name = run ?? spec.path.split("/").at(-1);
      const panel = vscode.window.createWebviewPanel(
        "smolc.plan",
        `plan of ${name}`,
        { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true },
        { enableScripts: true, enableFindWidget: true, localResourceRoots: [] },
      );
      preview = new Preview(spec, run, panel, this.ask);
      this.open.set(key, preview);
      panel.onDidDispose(() => {
        this.open.get(key)?.close();
        this.open.delete(key);
      });
    }
    await preview.refresh();
  }

  /** After a new start of the server. */
  refresh(): void {
    this.open.forEach((preview) => void preview.refresh());
  }

  dispose(): void {
    this.subscriptions.forEach((s) => s.dispose());
    [...this.open.values()].forEach((preview) => preview.panel.dispose());
  }
}
