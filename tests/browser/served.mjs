// What `runner serve` shows to people: the page of the API, the report and the comparison. `serve(...args)` starts a server
// and gives its address and `end()`.
import assert from "node:assert/strict";
import { open, withPassword } from "./harness.mjs";

/// Answers the example of /docs by clicks; the answer as text.
async function predicts(page) {
  const operation = page.locator("#operations-default-predict");
  await operation.locator(".opblock-summary-control").click();
  await operation.getByRole("button", { name: "Execute" }).click();
  const answer = operation.locator(".live-responses-table .response").first();
  await answer.waitFor();
  assert.equal((await answer.locator(".response-col_status").textContent()).trim().slice(0, 3), "200");
  return answer.locator(".response-col_description").textContent();
}

export const servedPages = (serve) => ({
  async "served: a prediction by clicks, offline"(browser) {
    const { address, end } = await serve();
    try {
      const tab = await open(browser, `${address}/docs/`, { home: address, bare: true });
      const answer = await predicts(tab.page);
      assert.match(answer, /"labels"/);
      assert.match(answer, /"probabilities"/);
      await tab.clean();
      await tab.close();
    } finally {
      end();
    }
  },

  async "served: report and comparison"(browser) {
    const { address, end } = await serve();
    try {
      for (const [path, section] of [["/", "headline"], ["/compare", "verdict"]]) {
        const tab = await open(browser, `${address}${path}`, { home: address });
        assert.ok(await tab.page.locator(`section#${section} h2`).isVisible(), path);
        await tab.clean();
        await tab.close();
      }
    } finally {
      end();
    }
  },

  async "served: the browser asks for the token"() {
    const { address, end } = await serve("--token", "correct-horse");
    try {
      assert.equal((await fetch(`${address}/openapi.json`)).status, 401);
      await withPassword("correct-horse", async (page) => {
        await page.goto(`${address}/`);
        assert.ok(await page.locator("section#headline h2").isVisible());
        await page.goto(`${address}/docs/`);
        assert.match(await predicts(page), /"labels"/);
      });
    } finally {
      end();
    }
  },
});
