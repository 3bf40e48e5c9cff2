// Tests of a run's own page. `at` has the folder of the runs, the program, and the ids of two runs: one with all models,
// one with a hostile name.
import assert from "node:assert/strict";
import { join } from "node:path";
import { darkens, open, sorts, sound, still, toggles } from "./harness.mjs";

const SECTIONS = [
  "headline", "warnings", "models", "confusion", "classes", "curves", "calibration", "deployment", "importance", "learning",
  "clusters", "data", "times", "repeat",
];

export function runPage(at) {
  const page = (id) => join(at.runs, id, "report.html");
  return {
    async "run: sound"(browser) {
      await sound(browser, page(at.first()), SECTIONS);
      await darkens(browser, page(at.first()));
    },

    async "run: hostile name"(browser) {
      await sound(browser, page(at.hostile()), SECTIONS);
    },

    async "run: tables, toggle and slider"(browser) {
      const tab = await open(browser, page(at.first()));
      await sorts(tab.page, "#metric-table", "f1_macro", 3);
      await toggles(tab.page.locator("#confusion [data-views]").first());
      const cell = tab.page.locator("#alarm-table tbody tr").first().locator('[data-cell="precision"]');
      const before = await cell.textContent();
      const slider = tab.page.locator("#prevalence");
      await slider.focus();
      for (let i = 0; i < 8; i += 1) await tab.page.keyboard.press("ArrowLeft");
      const after = await cell.textContent();
      assert.ok(Number.parseFloat(after) < Number.parseFloat(before), `rarer, so less precise: ${before}, ${after}`);
      await slider.evaluate((e) => { e.value = "-0.3"; e.dispatchEvent(new Event("input", { bubbles: true })); });
      assert.ok(Number.parseFloat(await cell.textContent()) > Number.parseFloat(before));
      await tab.page.locator("#flows").fill("0");
      assert.equal(await tab.page.locator('[data-cell="alarms"]').first().textContent(), "0");
      await tab.clean();
      await tab.close();
    },

    async "run: whole without scripts"() {
      await still(page(at.first()), async (tab) => {
        assert.ok(await tab.locator("#alarm-table").isVisible());
        assert.ok(await tab.locator("#prevalence-box").isHidden(), "no slider that does nothing");
        for (const view of await tab.locator("#confusion details[open] [data-view]").all()) assert.ok(await view.isVisible());
      });
    },
  };
}
