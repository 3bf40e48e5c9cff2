// The pages in headless Chromium. Makes its own runs with the release binary, which needs no data for them:
//   node tests/browser/pages.mjs [words]     words: only tests with one of them in their name
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { column, darkens, filters, open, sorts, sound, start, still, toggles } from "./harness.mjs";
import { makeRuns } from "./many.mjs";
import { runPage } from "./run-page.mjs";
import { servedPages } from "./served.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const binary = process.env.RUNNER ?? join(root, "target/release/runner");
assert.ok(existsSync(binary), `no ${binary}: cargo build --release`);
const folder = mkdtempSync(join(tmpdir(), "runner-pages-"));
const runs = join(folder, "runs");

function runner(...args) {
  const env = { ...process.env, RUNNER_RUNS: runs };
  return execFileSync(binary, args, { cwd: root, env, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
}

/// Serves the first run until `end()`.
async function serve(...args) {
  const command = ["--runs", runs, "serve", "--run", made[0], "--addr", "127.0.0.1:0", "--log", "off", ...args];
  const child = spawn(binary, command, { cwd: root, stdio: ["ignore", "ignore", "pipe"] });
  for await (const line of createInterface({ input: child.stderr })) {
    if (line.startsWith("http://")) {
      child.stderr.resume();
      return { address: line.trim().replace("/docs", ""), end: () => child.kill("SIGTERM") };
    }
  }
  throw new Error("the server did not start");
}

const hostile = `<script>alert(1)</script>"'&=1+1 😀 \u202eשלום ${"long ".repeat(60)}`;

// The ids in the order in which they were made; those of one second would be in the order of chance.
const made = [];

function prepare() {
  const baseline = join(root, "experiments/baseline.yaml");
  for (const set of [
    [],
    ["prepare.select.top=6", "models.mlp=null"],
    ["prepare.select.top=10", `name=${JSON.stringify(hostile)}`],
    // Other rows: the page must say so.
    ["split.stratified.test_size=0.3", "models.mlp=null"],
  ]) {
    const told = runner("run", baseline, ...set.flatMap((value) => ["--set", value]));
    made.push(basename(told.trim().split("\n").at(-1)));
    assert.ok(existsSync(join(runs, made.at(-1), "record.json")), told);
  }
}

const tests = {
  async "comparison: sound"(browser) {
    runner("compare", ...made);
    await sound(browser, join(runs, "compare.html"),
      ["verdict", "differences", "results", "tests", "sweep", "confusion", "timings", "runs"]);
    await darkens(browser, join(runs, "compare.html"));
  },

  async "comparison: tables and tools"(browser) {
    const tab = await open(browser, join(runs, "compare.html"));
    const { page } = tab;
    assert.ok((await page.locator("#differences tbody th").allTextContents()).includes("prepare.2.select.top"));
    assert.match(await page.locator("#verdict").textContent(), /different sets of test rows/);
    await sorts(page, "#result-table", "f1_macro", 2);
    await sorts(page, "#test-table", "accuracy", 3);
    const forests = (await column(page, "#result-table", 1)).filter((t) => t.includes("random_forest")).length;
    await filters(page, "#result-table", "random_forest", forests);
    await toggles(page.locator("#confusion [data-views]").first());
    // Columns: chosen by keyboard.
    const cells = () => page.locator("#result-table thead th:visible").count();
    const before = await cells();
    const chooser = page.locator("#results details");
    await chooser.locator("summary").focus();
    await page.keyboard.press("Enter");
    await chooser.getByLabel("log_loss", { exact: true }).focus();
    await page.keyboard.press("Space");
    assert.equal(await cells(), before + 1, "one column more");
    await page.keyboard.press("Escape");
    assert.equal(await chooser.getAttribute("open"), null);
    // Pinning: another line is what the others are measured by.
    const row = page.locator("#result-table tbody tr", { hasText: "mlp" }).first();
    const entry = await row.getAttribute("data-entry");
    const pin = row.getByRole("button", { name: "pin" });
    await pin.focus();
    await page.keyboard.press("Enter");
    assert.equal(await page.locator("#result-table tbody tr").first().getAttribute("data-entry"), entry);
    assert.equal(await page.locator("#result-table .pin[aria-pressed=true]").count(), 1);
    const [own, other] = await page.evaluate(() => {
      const rows = document.querySelector("#result-table").tBodies[0].rows;
      return [rows[0].cells[2].textContent, [rows[0], rows[1]].map((r) => Number(r.cells[2].dataset.value)).concat(rows[1].cells[2].querySelector(".delta").textContent)];
    });
    assert.doesNotMatch(own, /[+−]\d/);
    const shown = Number(other[2].replace("−", "-"));
    assert.ok(Math.abs(shown - (other[1] - other[0])) < 6e-5, `difference ${other}`);
    const pairs = await page.evaluate((entry) => [...document.querySelector("#test-table").tBodies[0].rows]
      .filter((r) => !r.hidden).map((r) => r.dataset.first === entry || r.dataset.second === entry), entry);
    assert.ok(pairs.length > 0 && pairs.every(Boolean), "only tests with the pinned one");
    await page.getByRole("button", { name: "Show all tests" }).click();
    assert.equal(await page.locator("#test-table tbody tr:not([hidden])").count(), await page.locator("#test-table tbody tr").count());
    await tab.clean();
    await tab.close();
  },

  async "comparison: whole without scripts"() {
    await still(join(runs, "compare.html"), async (page) => {
      assert.ok(await page.locator("#confusion [data-view='Shares']").first().isVisible(), "both views are there");
      assert.ok(await page.locator("#result-table .delta").first().isVisible(), "differences are there");
      assert.equal(await page.locator("button:visible").count(), 0, "no button that does nothing");
    });
  },

  async "one run: its models against each other"(browser) {
    const first = made[0];
    const file = join(folder, "one.html");
    runner("compare", first, "-o", file);
    await sound(browser, file, ["verdict", "differences", "results", "tests", "confusion", "timings", "runs"]);
  },

  async "a thousand runs"(browser) {
    const many = join(folder, "many");
    makeRuns(join(runs, made[0]), many, 1000);
    runner("--runs", many, "compare", "--all");
    const file = join(many, "compare.html");
    const size = statSync(file).size;
    assert.ok(size < 3e6, `the page has ${size} bytes`);
    const tab = await open(browser, file);
    const { page } = tab;
    assert.equal(await page.locator("#result-table tbody tr").count(), 1000);
    assert.equal(await page.locator("svg.sweep polyline").count(), 1000);
    await sorts(page, "#result-table", "f1_macro", 2);
    await page.locator("#results").getByRole("searchbox").fill("0000f");
    const left = (await column(page, "#result-table", 0)).length;
    assert.ok(left > 0 && left < 100);
    assert.equal(await page.locator("svg.sweep polyline:not(.out)").count(), left, "lines follow the filter");
    const times = await page.evaluate(() => performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd);
    console.log(`    ${(size / 1e6).toFixed(2)} MB, interactive after ${Math.round(times)} ms`);
    await tab.clean();
    await tab.close();
    runner("--runs", many, "report", "--no-open");
    const index = await open(browser, join(many, "index.html"));
    assert.equal(await index.page.locator("#run-table tbody tr").count(), 1000);
    await index.clean();
    await index.close();
  },

  async "index: sound"(browser) {
    runner("report", "--no-open");
    const file = join(runs, "index.html");
    await sound(browser, file, ["runs"]);
    await darkens(browser, file);
    const tab = await open(browser, file);
    const { page } = tab;
    assert.equal(await page.locator("#run-table tbody tr").count(), made.length);
    await sorts(page, "#run-table", "value", 7);
    await filters(page, "#run-table", "alert(1)", 1);
    assert.equal(await page.locator("script:not(head script)").count(), 0, "a hostile name is text");
    await tab.clean();
    await tab.close();
  },

  async "templates of one's own"(browser) {
    const own = mkdtempSync(join(folder, "own-"));
    writeFileSync(join(own, "style.css"), "body { color: rgb(1, 2, 3) }");
    const file = join(folder, "own.html");
    runner("compare", "latest", "-o", file, "--templates", own);
    const tab = await open(browser, file);
    assert.equal(await tab.page.evaluate(() => getComputedStyle(document.body).color), "rgb(1, 2, 3)");
    await tab.clean();
    await tab.close();
  },

  ...runPage({ runs, root, folder, runner, first: () => made[0], hostile: () => made[2] }),
  ...servedPages(serve),
};

const words = process.argv.slice(2);
const browser = await start();
let failed = 0;
try {
  prepare();
  for (const [name, test] of Object.entries(tests)) {
    if (words.length && !words.some((word) => name.includes(word))) continue;
    const begun = Date.now();
    try {
      await test(browser);
      console.log(`ok    ${name} (${((Date.now() - begun) / 1000).toFixed(1)} s)`);
    } catch (error) {
      failed += 1;
      console.log(`FAIL  ${name}\n${error.stack ?? error}`);
    }
  }
} finally {
  await browser.close();
  if (process.env.KEEP) console.log(`kept ${folder}`);
  else rmSync(folder, { recursive: true, force: true });
}
console.log(failed ? `${failed} failed` : "all pages are as they should be");
process.exit(failed ? 1 : 0);
