// Pictures of a page, to be looked at: node tests/browser/shots.mjs PAGE FOLDER [light dark narrow print] [#section]
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { open, start } from "./harness.mjs";

const [file, folder, ...rest] = process.argv.slice(2);
const section = rest.find((word) => word.startsWith("#"));
const wanted = rest.filter((word) => !word.startsWith("#"));
const kinds = wanted.length ? wanted : ["light", "dark", "narrow", "print"];
mkdirSync(folder, { recursive: true });
const browser = await start();
for (const kind of kinds) {
  const tab = await open(browser, file, { dark: kind === "dark", width: kind === "narrow" ? 390 : undefined });
  if (kind === "print") {
    await tab.page.pdf({ format: "A4", path: join(folder, "print.pdf") });
    await tab.page.emulateMedia({ media: "print" });
    await tab.page.setViewportSize({ width: 703, height: 1000 });
  }
  const name = join(folder, `${kind}${section ? `-${section.slice(1)}` : ""}.png`);
  if (section) await tab.page.locator(section).first().screenshot({ path: name });
  else await tab.page.screenshot({ path: name, fullPage: true });
  console.log(name, tab.seen.join("; "));
  await tab.close();
}
await browser.close();
