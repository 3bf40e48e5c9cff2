// A headless Chromium whose every request, error and violation is seen. Shared by the tests of all pages.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

function browserPath() {
  const places = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
  const found = places.find((path) => path && existsSync(path));
  assert.ok(found, "no Chromium: install Debian's package chromium or name one in CHROMIUM");
  return found;
}

/// Starts a browser with a profile of its own; `close()` ends it and removes the profile.
export async function start() {
  const profile = mkdtempSync(join(tmpdir(), "runner-browser-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: browserPath(),
    headless: true,
    args: FLAGS,
    viewport: { width: 1280, height: 900 },
  });
  context.setDefaultTimeout(10_000);
  return {
    context,
    async close() {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

/// Opens a file of the disk (or an address). What the page asks for, prints as an error, throws or is refused is kept
/// in `seen`; `clean()` fails where there is any.
export async function open(browser, target, options = {}) {
  const page = await browser.context.newPage();
  const seen = [];
  const address = /^[a-z]+:\/\//.test(target) ? target : pathToFileURL(target).href;
  const home = options.home ?? address;
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) seen.push(`console ${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => seen.push(`thrown: ${error}`));
  page.on("request", (request) => {
    const url = request.url();
    // The page itself and data inside it; everything else is an outside request, also one that the policy stops.
    const own = url.split("#")[0] === address.split("#")[0] || url.startsWith("data:") || (options.home && url.startsWith(home));
    if (!own) seen.push(`request: ${url}`);
  });
  await page.addInitScript(() => {
    window.refusals = [];
    document.addEventListener("securitypolicyviolation", (event) => window.refusals.push(`${event.violatedDirective} ${event.blockedURI}`));
  });
  await page.emulateMedia({ colorScheme: options.dark ? "dark" : "light", media: "screen" });
  if (options.width) await page.setViewportSize({ width: options.width, height: 844 });
  const response = await page.goto(address);
  // `bare`: a page that does not say when it is ready.
  if (options.javaScript !== false && !options.bare) await page.waitForSelector("html[data-ready]", { state: "attached" });
  return {
    page,
    seen,
    response,
    async clean() {
      const refused = await page.evaluate(() => window.refusals ?? []);
      assert.deepEqual([...seen, ...refused.map((r) => `refused: ${r}`)], [], address);
    },
    async close() {
      await page.close();
    },
  };
}

/// Fails where axe finds something serious or critical.
export async function accessible(page, what) {
  // Evaluated by the debugger, not by a script element: the page's policy stays as it is.
  await page.evaluate(axe);
  const violations = await page.evaluate(async () => {
    const result = await window.axe.run(document, { resultTypes: ["violations"] });
    return result.violations
      .filter((v) => ["serious", "critical"].includes(v.impact))
      .map((v) => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(" | ")}`);
  });
  assert.deepEqual(violations, [], `axe: ${what}`);
}

/// Fails where the page is wider than the window: wide things scroll in boxes of their own.
export async function fits(page, what) {
  const wide = await page.evaluate(() => {
    const room = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= room + 1) return [];
    const inBox = (e) => e.parentElement?.closest(".scroll, pre, details > div");
    return [...document.querySelectorAll("body *")]
      .filter((e) => e.getBoundingClientRect().right > room + 1 && !inBox(e))
      .slice(0, 5).map((e) => `${e.tagName}.${e.className} ${Math.round(e.getBoundingClientRect().right)} > ${room}`)
      .concat("the page scrolls sideways");
  });
  assert.deepEqual(wide, [], what);
}

/// Fails where something is cut off on paper, where nothing scrolls.
export async function prints(page, what) {
  await page.emulateMedia({ media: "print" });
  // A4 less 12 mm on both sides, at 96 dots per inch.
  await page.setViewportSize({ width: 703, height: 1000 });
  const wide = await page.evaluate(() => {
    const room = document.documentElement.clientWidth;
    return [...document.querySelectorAll("main *")]
      .filter((e) => e.checkVisibility() && e.getBoundingClientRect().right > room + 1 && !e.closest(".unseen"))
      .slice(0, 5).map((e) => `${e.tagName}.${e.getAttribute("class")} ${Math.round(e.getBoundingClientRect().right)} > ${room}: ${e.textContent.slice(0, 60)}`);
  });
  assert.deepEqual(wide, [], `${what}, printed`);
  const scheme = await page.evaluate(() => getComputedStyle(document.documentElement).colorScheme);
  assert.equal(scheme, "light", `${what}: paper is light`);
  const pdf = await page.pdf({ format: "A4" });
  assert.ok(pdf.length > 1000, `${what}: no PDF`);
  await page.emulateMedia({ media: "screen" });
}

/// What every page must hold: sections, landmarks, no error, axe in both colours, narrow and print layouts.
export async function sound(browser, file, sections) {
  for (const dark of [false, true]) {
    const tab = await open(browser, file, { dark });
    const { page } = tab;
    for (const [role, count] of [["main", 1], ["banner", 1], ["contentinfo", 1], ["navigation", 1]]) {
      assert.equal(await page.getByRole(role).count(), count, `${file}: landmark ${role}`);
    }
    assert.equal(await page.locator("h1").count(), 1, "one h1");
    for (const id of sections) {
      assert.ok(await page.locator(`section#${id} h2`).first().isVisible(), `${file}: section ${id}`);
      assert.equal(await page.locator(`nav a[href="#${id}"]`).count(), 1, `${file}: ${id} in the list of sections`);
    }
    const dead = await page.evaluate(() => [...document.querySelectorAll('a[href^="#"]')].map((a) => a.getAttribute("href"))
      .filter((href) => href.length > 1 && !document.getElementById(decodeURIComponent(href.slice(1)))));
    assert.deepEqual(dead, [], `${file}: links that lead nowhere`);
    const twice = await page.evaluate(() => [...document.querySelectorAll("[id]")].map((e) => e.id)
      .filter((id, i, all) => all.indexOf(id) !== i));
    assert.deepEqual(twice, [], `${file}: ids that are there twice`);
    await accessible(page, `${file} ${dark ? "dark" : "light"}`);
    await tab.clean();
    await tab.close();
  }
  const narrow = await open(browser, file, { width: 390 });
  await fits(narrow.page, `${file} at 390 px`);
  await accessible(narrow.page, `${file} at 390 px`);
  await narrow.clean();
  await narrow.close();
  const paper = await open(browser, file, { dark: true });
  await prints(paper.page, file);
  await paper.clean();
  await paper.close();
}

const dark = (page) => page.evaluate(() => {
  const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/[\d.]+/g).map(Number);
  return r + g + b < 384;
});

/// The button for dark colours: by click and by keyboard, remembered by the next page.
export async function darkens(browser, file) {
  const tab = await open(browser, file);
  const { page } = tab;
  await page.evaluate(() => localStorage.clear());
  await page.reload();
  assert.equal(await dark(page), false);
  const button = page.getByRole("button", { name: "Dark colours" });
  await button.click();
  assert.equal(await dark(page), true, "by click");
  assert.equal(await button.getAttribute("aria-pressed"), "true");
  await page.reload();
  assert.equal(await dark(page), true, "remembered");
  await button.focus();
  await page.keyboard.press("Space");
  assert.equal(await dark(page), false, "by keyboard");
  await page.evaluate(() => localStorage.clear());
  await tab.clean();
  await tab.close();
}

/// A column's cells as shown, of the rows that are shown.
export const column = (page, table, index) => page.evaluate(
  ([table, index]) => [...document.querySelector(table).tBodies[0].rows].filter((row) => !row.hidden)
    .map((row) => row.cells[index].dataset.value ?? row.cells[index].textContent.trim()),
  [table, index],
);

/// Sorting by a header's button: by click, then the other way by keyboard.
export async function sorts(page, table, name, index) {
  const header = page.locator(`${table} thead th`, { has: page.getByRole("button", { name, exact: true }) }).first();
  const button = header.getByRole("button");
  const ordered = (values, sign) => values.map(Number).filter((v) => !Number.isNaN(v))
    .every((v, i, all) => i === 0 || sign * (v - all[i - 1]) >= 0);
  await button.click();
  const first = await header.getAttribute("aria-sort");
  assert.ok(first, `${name}: sorted by click`);
  await button.focus();
  await page.keyboard.press("Enter");
  const second = await header.getAttribute("aria-sort");
  assert.notEqual(first, second, `${name}: turned round by keyboard`);
  const values = await column(page, table, index);
  const rest = await page.evaluate((table) => [...document.querySelector(table).tBodies[0].rows].filter((r) => !r.classList.contains("pinned")).length, table);
  assert.ok(ordered(values.slice(values.length - rest), second === "ascending" ? 1 : -1), `${name}: ${second}: ${values}`);
}

/// A field that filters a table: typed words leave the rows that hold them.
export async function filters(page, table, words, few) {
  const box = page.locator(`.tools:has(+ .scroll ${table}), .tools:has(+ ${table})`).getByRole("searchbox");
  const all = (await column(page, table, 0)).length;
  await box.focus();
  await page.keyboard.type(words);
  const left = (await column(page, table, 0)).length;
  assert.ok(left < all && left === few, `${words}: ${left} of ${all} rows, expected ${few}`);
  await box.fill("");
  assert.equal((await column(page, table, 0)).length, all);
}

/// [data-views]: of its views one is shown, the buttons change it, by click and by keyboard.
export async function toggles(box) {
  const views = box.locator(":scope > [data-view]");
  const buttons = box.locator(":scope > .tools .pair button");
  const shown = async () => [await views.nth(0).isVisible(), await views.nth(1).isVisible()];
  assert.ok(await views.count() >= 2);
  assert.equal(await views.count(), await buttons.count());
  assert.deepEqual(await shown(), [true, false]);
  await buttons.nth(1).click();
  assert.deepEqual(await shown(), [false, true], "by click");
  await buttons.nth(0).focus();
  await box.page().keyboard.press("Enter");
  assert.deepEqual(await shown(), [true, false], "by keyboard");
  assert.equal(await buttons.nth(0).getAttribute("aria-pressed"), "true");
}

async function apart(options, look) {
  const browser = await chromium.launch({ executablePath: browserPath(), headless: true, args: FLAGS });
  const context = await browser.newContext(options);
  context.setDefaultTimeout(10_000);
  try {
    await look(await context.newPage());
  } finally {
    await browser.close();
  }
}

/// The page without scripts, for `look`; it must be whole.
export async function still(file, look) {
  await apart({ javaScriptEnabled: false }, async (page) => {
    await page.goto(pathToFileURL(file).href);
    await look(page);
  });
}

/// A browser that gives this password where it is asked for one.
export const withPassword = (password, look) => apart({ httpCredentials: { username: "me", password } }, look);
