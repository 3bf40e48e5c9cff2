// Tests of a run's own page.
import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { accessible, darkens, fits, open, sorts, sound, still, toggles } from "./harness.mjs";

const SECTIONS = [
  "headline", "warnings", "models", "confusion", "classes", "curves", "calibration", "deployment", "importance",
  "learning", "clusters", "data", "times", "repeat",
];

/// `at`: the folder of the runs, the program, and their ids: `first()` has all models, `hostile()` a hostile name.
export function runPage(at) {
  const page = (id) => join(at.runs, id, "report.html");
  return {
    async "run page: sound"(browser) {
      assert.ok(existsSync(page(at.first())), "a run leaves its page");
      await sound(browser, page(at.first()), SECTIONS);
      await darkens(browser, page(at.first()));
      const size = statSync(page(at.first())).size;
      assert.ok(size < 1.5e6, `the page has ${size} bytes`);
      console.log(`    ${(size / 1e6).toFixed(2)} MB`);
    },

    async "run page: everything opened"(browser) {
      // What is folded away must fit and be sound too.
      for (const [width, dark] of [[1280, false], [390, true]]) {
        const tab = await open(browser, page(at.first()), { width, dark });
        await tab.page.evaluate(() => document.querySelectorAll("main details").forEach((d) => { d.open = true; }));
        await fits(tab.page, `everything opened, ${width} px`);
        await accessible(tab.page, `everything opened, ${width} px`);
        await tab.clean();
        await tab.close();
      }
    },

    async "run page: figures have names and real text"(browser) {
      const tab = await open(browser, page(at.first()));
      const figures = await tab.page.evaluate(() => [...document.querySelectorAll("main svg")].map((svg) => ({
        named: Boolean(svg.getAttribute("aria-label") ?? document.getElementById(svg.getAttribute("aria-labelledby") ?? "")?.textContent),
        role: svg.getAttribute("role"),
        texts: svg.querySelectorAll("text").length,
      })));
      assert.ok(figures.length >= 8, `${figures.length} figures`);
      for (const figure of figures) assert.deepEqual([figure.named, figure.role, figure.texts > 0], [true, "img", true]);
      await tab.clean();
      await tab.close();
    },

    async "run page: sorts, toggles, columns"(browser) {
      const tab = await open(browser, page(at.first()));
      const { page: tabPage } = tab;
      await sorts(tabPage, "#metric-table", "accuracy", 2);
      const first = tabPage.locator("#confusion [data-views]").first();
      await toggles(first);
      const shown = () => tabPage.locator("#metric-table thead th:visible").count();
      const before = await shown();
      const chooser = tabPage.locator("#models .tools details").first();
      await chooser.locator("summary").click();
      const off = chooser.locator("input:not(:checked)").first();
      await off.focus();
      await tabPage.keyboard.press("Space");
      assert.equal(await shown(), before + 1, "one column more");
      await tab.clean();
      await tab.close();
    },

    async "run page: the slider of prevalence"(browser) {
      const tab = await open(browser, page(at.first()));
      const { page: tabPage } = tab;
      const slider = tabPage.getByRole("slider");
      assert.ok(await slider.isVisible(), "the slider is there with scripts");
      const cells = () => tabPage.evaluate(() => {
        const row = document.querySelector("#alarm-table").tBodies[0].rows[0];
        const at = (name) => Number(row.querySelector(`[data-cell="${name}"]`).dataset.value);
        return { hit: Number(row.dataset.tpr), wrong: Number(row.dataset.fpr), precision: at("precision"), alarms: at("alarms") };
      });
      const right = async () => {
        const p = 10 ** Number(await slider.inputValue());
        const { hit, wrong, precision, alarms } = await cells();
        const all = p * hit + (1 - p) * wrong;
        assert.ok(Math.abs(precision - (p * hit) / all) < 1e-9, `precision at ${p}: ${precision}`);
        const flows = Number(await tabPage.locator("#flows").inputValue());
        assert.ok(Math.abs(alarms - flows * all) <= 1e-6 * flows, `alarms at ${p}: ${alarms}`);
        return precision;
      };
      await slider.focus();
      await tabPage.keyboard.press("ArrowRight");
      const one = await right();
      for (let i = 0; i < 10; i += 1) await tabPage.keyboard.press("ArrowRight");
      const more = await right();
      assert.ok(more > one, "more of them, more precision");
      // By mouse: at the left end they are rare.
      const box = await slider.boundingBox();
      await slider.click({ position: { x: box.width * 0.1, y: box.height / 2 } });
      assert.ok(await right() < one, "by click");
      assert.match(await slider.getAttribute("aria-valuetext"), /%/);
      await tabPage.locator("#flows").fill("1000");
      await right();
      await tab.clean();
      await tab.close();
    },

    async "run page: whole without scripts"() {
      await still(page(at.first()), async (still) => {
        for (const id of SECTIONS) assert.ok(await still.locator(`section#${id}`).isVisible(), id);
        assert.equal(await still.locator("button:visible, input:visible").count(), 0, "nothing that does nothing");
        const cells = await still.locator("#alarm-table [data-cell='precision']").allTextContents();
        assert.ok(cells.length > 0 && cells.every((cell) => /%|–/.test(cell)), `a table for the prevalence of the experiment: ${cells}`);
      });
    },

    async "run page: hostile names are text"(browser) {
      const tab = await open(browser, page(at.hostile()));
      assert.equal(await tab.page.locator("script:not(head script)").count(), 0);
      assert.match(await tab.page.locator("h1").textContent(), /<script>alert\(1\)<\/script>/);
      await tab.clean();
      await tab.close();
      await sound(browser, page(at.hostile()), SECTIONS);
    },

    async "run page: made again from the record, the same bytes"() {
      const before = readFileSync(page(at.first()));
      at.runner("report", at.first(), "--no-open");
      assert.ok(before.equals(readFileSync(page(at.first()))));
    },

    async "index and comparison lead to it"(browser) {
      at.runner("report", "--no-open");
      for (const file of ["index.html", "compare.html"]) {
        const tab = await open(browser, join(at.runs, file));
        const link = tab.page.locator(`a[href="${at.first()}/report.html"]`).first();
        assert.equal(await link.count(), 1, file);
        await tab.clean();
        await tab.close();
      }
    },
  };
}
