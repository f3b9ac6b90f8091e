// What a person sees of the extension in a VS Code workbench. Run by tests/editors/vscode; arguments: the program, the extension,
// a spec.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Workbench, place, until } from "./workbench.mjs";

const [, , program, extension, specPath] = process.argv;
const shots = process.env.SMOLC_SHOTS;
if (shots) mkdirSync(shots, { recursive: true });

const spec = readFileSync(specPath, "utf8");
const stated = 'dataset stated = parquet("stated/*.parquet") { text: .text, tokens: 200k }\n';
const epochs = spec.replace("let window", `${stated}let window`).replace("80% docs + 20%", "80% stated + 20%");
const faulty = spec
  .replace("  tokenizer: words", "  Tokenizer: words")
  .replace("80% docs + 20% code", "80% docs + 30% code")
  .replace("model small = Llama", "model   small=Llama");
const specs = { "quickstart.smol": spec, "epochs.smol": epochs, "faulty.smol": faulty, "new.smol": "" };

const bench = await Workbench.start({ folder: process.cwd(), program, extension, specs });
const { page } = bench;

const checks = {
  async "diagnostics in the editor and in the list of problems"() {
    await bench.open("faulty.smol");
    await until("two squiggles", async () => (await page.locator(".squiggly-error").count()) >= 2);
    await bench.press("Control+Shift+m");
    await bench.text(".markers-panel .monaco-list-rows", "run `pretrain` has no field `Tokenizer`");
    await bench.text(".markers-panel .monaco-list-rows", "the weights of stage `prose` add up to 110%, not 100%");
    await bench.press("Control+j");
  },

  async "a quick fix"() {
    await bench.open("faulty.smol");
    await bench.go(place(faulty, "Tokenizer: words"));
    await until("the fix on offer", async () => {
      await bench.press("Control+.");
      const offer = page.locator(".action-widget", { hasText: "replace `Tokenizer` by `tokenizer`" });
      return offer.waitFor({ timeout: 2000 }).then(() => true);
    });
    await bench.press("Enter");
    await bench.shows("tokenizer: words");
    await bench.saved("faulty.smol", "\n  tokenizer: words\n");
  },

  async formatting() {
    await bench.open("faulty.smol");
    await bench.command("Format Document");
    await bench.shows("model small");
    await bench.saved("faulty.smol", "\nmodel small = Llama {\n");
  },

  async "colors, hints and lenses"() {
    await bench.open("quickstart.smol");
    await bench.text(".view-line", "5.48M parameters");
    // A hint stands at the name it belongs to, not at the sign behind it.
    await until("a hint behind a weight", async () => /80% docs\s*496,384\s+\+ 20%/.test(await bench.lines()));
    await bench.text(".codelens-decoration", "plan | run");
    const color = (word) =>
      page.locator(".editor-group-container.active .view-line span span", { hasText: new RegExp(`^${word}$`) }).first()
        .evaluate((span) => getComputedStyle(span).color);
    const colors = new Set(await Promise.all(["dataset", "Llama", "wsd", "seed", "42"].map(color)));
    assert.equal(colors.size, 5, [...colors].join(" "));
  },

  async "hover over a weight and a name of the library"() {
    await bench.open("epochs.smol");
    await bench.go(place(epochs, "80% stated"));
    await bench.hover(/stated.*80% of stage prose, 496,384 tokens, 2\.48 epochs/);
    await bench.go(place(epochs, "wsd(peak"));
    await bench.hover(/fn wsd\(peak: Rate/);
  },

  async "completion of fields"() {
    await bench.open("quickstart.smol");
    await bench.go([place(spec, "  seed: 42")[0], 11]);
    await bench.press("Enter", "Control+Space");
    await bench.text(".suggest-widget .monaco-list-rows", "precision");
    assert.equal(await page.locator(".suggest-widget .monaco-list-row", { hasText: /^bytes/ }).count(), 0);
    await bench.press("Escape");
    await page.keyboard.type("prec");
    await bench.text(".suggest-widget .monaco-list-row.focused", "precision");
    await bench.press("Enter");
    await bench.shows("  precision: ");
    await bench.command("File: Revert File");
  },

  async "a definition in the library, which cannot be written"() {
    await bench.open("quickstart.smol");
    await bench.go(place(spec, "wsd(peak"));
    await bench.press("F12");
    await bench.tab("schedules.smol");
    await bench.shows("fn wsd(peak: Rate");
    await page.keyboard.type("x");
    await bench.text(".monaco-editor-overlaymessage", "read-only");
    await bench.press("Control+F4");
  },

  async rename() {
    await bench.open("quickstart.smol");
    await bench.go(place(spec, "small = Llama"));
    await bench.press("F2");
    await page.locator(".rename-box input").waitFor();
    await page.locator(".rename-box input").fill("tiny");
    await bench.press("Enter");
    await bench.shows("model: tiny");
    await bench.saved("quickstart.smol", "model tiny = Llama");
    await bench.press("Control+z");
    await bench.saved("quickstart.smol", "model small = Llama");
  },

  async "the plan beside the spec"() {
    await bench.open("quickstart.smol");
    await page.locator(".codelens-decoration a", { hasText: "plan" }).first().click();
    let plan = await bench.webview("quickstart");
    assert.match(await plan.locator("main").innerText(), /Mixture over tokens/);
    // The system is light here and the theme dark.
    const [ground, ink] = await plan.locator("body").evaluate((b) => [getComputedStyle(b).backgroundColor, getComputedStyle(b).color]);
    const light = (color) => color.match(/\d+/g).slice(0, 3).reduce((sum, c) => sum + Number(c), 0);
    assert.ok(light(ground) < 150 && light(ink) > 450, `${ink} on ${ground}`);

    await bench.go(place(spec, "2Ki tokens"));
    await bench.press("Shift+End");
    await page.keyboard.type("2Ki steps");
    await until("a notice above the plan", async () => {
      plan = await bench.webview("quickstart");
      return /has errors.*this is the plan before/s.test(await plan.locator(".notice").innerText({ timeout: 500 }));
    });
    await bench.command("File: Revert File");
    await until("the plan without a notice", async () => {
      plan = await bench.webview("quickstart");
      return (await plan.locator(".notice").count()) === 0;
    });
  },

  async "a run in a terminal"() {
    await bench.open("quickstart.smol");
    await page.locator(".codelens-decoration a", { hasText: "run" }).last().click();
    await bench.text(".panel", "run pretrain");
    // Its corpora are not there, so it ends at once.
    await bench.text(".panel .xterm-rows", "error: dataset `docs`: no file matches");
    await bench.command("View: Toggle Panel Visibility");
  },

  async "a snippet"() {
    await bench.open("new.smol");
    await page.keyboard.type("smol");
    await bench.shows("smol");
    await bench.press("Control+Space");
    await bench.text(".suggest-widget .monaco-list-row.focused", "smol");
    await bench.press("Enter");
    await bench.shows("stage main for 1M tokens { mix: 100% prose");
  },

  async "a server that was killed comes back"() {
    await bench.open("epochs.smol");
    const server = () => execFileSync("pgrep", ["-f", `^${program} lsp`]).toString().trim();
    const before = server();
    process.kill(Number(before), "SIGKILL");
    await until("another server", async () => server() !== before);
    await bench.go(place(epochs, "wsd(peak"));
    await bench.hover(/fn wsd\(peak: Rate/);
  },

  async "a program that is not there"() {
    const nowhere = join(process.cwd(), "nowhere");
    bench.choose(nowhere);
    await bench.text(".notifications-toasts", `the setting smolc.path names ${nowhere}, and it is not there`);
    for (const offer of ["Choose the program…", "Open the setting", "Try again"]) {
      await bench.text(".notifications-toasts .monaco-button", offer);
    }
    await until("a notice above the plan", async () => {
      const plan = await bench.webview("quickstart");
      return (await plan.locator(".notice").count()) === 1;
    });
    bench.choose(program);
    // The open preview asks the new server.
    await until("the plan without a notice", async () => {
      const plan = await bench.webview("quickstart");
      return (await plan.locator(".notice").count()) === 0;
    });
  },
};

let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  try {
    await check();
    console.log(`ok      ${name}`);
  } catch (error) {
    console.log(`FAILED  ${name}: ${error.message}`);
    failed++;
  }
  if (shots) await page.screenshot({ path: join(shots, `${name.replaceAll(" ", "-")}.png`) });
  if (failed) break;
}
await bench.end();
process.exit(failed ? 1 : 0);
