// A VS Code workbench: code-server over a folder, shown by headless Chromium. Used by vscode.mjs.
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const ENTRY = "node_modules/code-server/out/node/entry.js";
const CHROMIUM_FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const PATIENCE = 30_000;
const QUICK_INPUT = ".quick-input-widget:not([style*='display: none'])";

/** Asks until the answer is not empty, false or missing. */
export async function until(what, question) {
  const end = Date.now() + PATIENCE;
  let last;
  for (;;) {
    const answer = await question().catch((error) => void (last = error));
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`never: ${what}${last ? ` (${last.message})` : ""}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Text as an editor shows it: its blanks are no-break spaces, some with marks beside them. */
const words = (text) => text.replaceAll("\u00a0", " ").replaceAll(/[\u200b-\u200f\u202a-\u202e]/g, "");

/** Where a piece of a text begins, counted from 1. */
export function place(text, piece) {
  const before = text.slice(0, text.indexOf(piece)).split("\n");
  return [before.length, before.at(-1).length + 1];
}

export class Workbench {
  /** Installs the extension and opens a folder of specs. */
  static async start({ folder, program, extension, specs }) {
    const dirs = Object.fromEntries(["home", "user", "extensions", "specs"].map((d) => [d, join(folder, d)]));
    for (const dir of [...Object.values(dirs), join(dirs.user, "User"), join(dirs.user, "Machine")]) {
      mkdirSync(dir, { recursive: true });
    }
    for (const [name, text] of Object.entries(specs)) writeFileSync(join(dirs.specs, name), text);
    const settings = {
      "workbench.startupEditor": "none",
      "workbench.colorTheme": "Default Dark Modern",
      "workbench.enableExperiments": false,
      "git.enabled": false,
      "files.autoSave": "off",
      // Terminals that are text.
      "terminal.integrated.gpuAcceleration": "off",
    };
    writeFileSync(join(dirs.user, "User/settings.json"), JSON.stringify(settings));
    const env = { ...process.env, HOME: dirs.home, XDG_CACHE_HOME: join(dirs.home, "cache"), CARGO_HOME: join(dirs.home, "cargo") };
    const folders = ["--user-data-dir", dirs.user, "--extensions-dir", dirs.extensions];
    execFileSync(process.execPath, [ENTRY, ...folders, "--install-extension", extension], { env, stdio: "pipe" });

    const flags = ["--auth", "none", "--bind-addr", "127.0.0.1:0", "--disable-telemetry", "--disable-update-check"];
    const more = ["--disable-workspace-trust", "--disable-getting-started-override"];
    // A group of its own, so that it ends with everything it started.
    const server = spawn(process.execPath, [ENTRY, ...flags, ...more, ...folders], { env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    const bench = new Workbench();
    Object.assign(bench, { dirs, server, log: "" });
    bench.choose(program);
    try {
      const url = await new Promise((resolve, reject) => {
        const read = (data) => {
          bench.log += data;
          const found = /listening on (http:\S+?)\/?\s/.exec(bench.log);
          if (found) resolve(found[1]);
        };
        server.stdout.on("data", read);
        server.stderr.on("data", read);
        server.on("exit", () => reject(new Error(`code-server ended: ${bench.log}`)));
      });
      bench.browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: CHROMIUM_FLAGS });
      bench.page = await bench.browser.newPage({ viewport: { width: 1500, height: 1200 } });
      bench.page.setDefaultTimeout(PATIENCE);
      await bench.page.goto(`${url}/?folder=${dirs.specs}`);
      await bench.page.waitForSelector(".monaco-workbench .part.editor");
    } catch (error) {
      await bench.end();
      throw error;
    }
    return bench;
  }

  async end() {
    await this.browser?.close();
    try {
      process.kill(-this.server.pid, "SIGTERM");
    } catch {
      // It has ended already.
    }
  }

  /** Sets `smolc.path`, which belongs to the machine: the program runs there. */
  choose(program) {
    writeFileSync(join(this.dirs.user, "Machine/settings.json"), JSON.stringify({ "smolc.path": program }));
  }

  async press(...keys) {
    for (const key of keys) await this.page.keyboard.press(key);
  }

  /** Types into the box that `key` opens, and takes the choice that holds `choice` if there are any to take from. */
  async ask(key, text, choice) {
    await until(`the box of ${key}`, async () => {
      await this.press(key);
      return this.page.waitForSelector(`${QUICK_INPUT} .quick-input-box input`, { timeout: 2000 });
    });
    const box = this.page.locator(`${QUICK_INPUT} .quick-input-box input`);
    await box.fill(key === "F1" ? `>${text}` : text);
    if (choice) {
      const row = this.page.locator(`${QUICK_INPUT} .monaco-list-row.focused`, { hasText: choice });
      await row.waitFor();
    }
    await until(`the box of ${key} closes`, async () => {
      // The box passes over a key that comes before its choices.
      await this.press("Enter");
      return this.page.locator(QUICK_INPUT).waitFor({ state: "hidden", timeout: 2000 }).then(() => true);
    });
  }

  command(title) {
    return this.ask("F1", title, title);
  }

  async open(name) {
    await this.ask("Control+p", join(this.dirs.specs, name), name);
    await this.tab(name);
  }

  /** Waits until a file's tab is the active one and its text takes keys. */
  async tab(name) {
    const group = this.page.locator(".editor-group-container.active");
    await until(`the tab of ${name}`, () => group.locator(".tab.active", { hasText: name }).count());
    await until(`the text of ${name}`, async () => {
      if (await group.locator(".monaco-editor.focused").count()) return true;
      await this.press("Control+1");
    });
  }

  async go([line, column]) {
    await this.ask("Control+g", `:${line}:${column}`);
    await until(`line ${line}`, async () => (await this.page.locator(".statusbar").innerText()).includes(`Ln ${line}, Col ${column}`));
  }

  /** The lines that an editor shows, in order. */
  async lines() {
    const found = await this.page.locator(".editor-group-container.active .view-lines .view-line").evaluateAll((all) =>
      all.map((line) => [parseFloat(line.style.top), line.innerText]).sort((a, b) => a[0] - b[0]).map(([, text]) => text),
    );
    return words(found.join("\n"));
  }

  async shows(piece) {
    await until(`\`${piece}\` in the editor`, async () => (await this.lines()).includes(piece));
  }

  /** Waits for text in whatever a selector finds. */
  async text(selector, piece) {
    await until(`\`${piece}\` in ${selector}`, async () =>
      (await this.page.locator(selector).allInnerTexts()).some((text) => words(text).replaceAll(/\s+/g, " ").includes(piece)),
    );
  }

  /** Waits for text in the hover over the cursor. */
  async hover(piece) {
    await until(`\`${piece}\` in the hover`, async () => {
      await this.press("Control+k", "Control+i");
      const hover = this.page.locator(".monaco-hover:not(.hidden)", { hasText: piece });
      return hover.first().waitFor({ timeout: 1500 }).then(() => true);
    });
    await this.press("Escape");
  }

  /** The inside of a webview whose heading is `heading`. */
  webview(heading) {
    return until(`a page headed \`${heading}\``, async () => {
      for (const frame of this.page.frames()) {
        const found = await frame.locator("h1").first().innerText({ timeout: 200 }).catch(() => "");
        if (found === heading) return frame;
      }
    });
  }

  /** Saves the active file and waits until it holds a piece of text. */
  async saved(name, piece) {
    await this.press("Control+s");
    await until(`\`${piece}\` in the file ${name}`, async () => readFileSync(join(this.dirs.specs, name), "utf8").includes(piece));
  }
}
