// Opens a served report, has an attempt appended meanwhile, and prints what was seen as JSON.
// node live.mjs CHROMIUM ADDRESS SAMPLES LINE

import { appendFileSync } from "node:fs";
import { withPage } from "./driver.mjs";

const [chromium, address, samples, line] = process.argv.slice(2);

const seen = await withPage(chromium, address, async (page) => {
  const seen = {};
  const rows = "document.querySelectorAll('#attempts-table tbody tr').length";
  seen.before = await page.value(rows);
  await page.value("document.querySelector('#attempts-table tbody button').click()");
  await page.until("document.querySelector('#attempt h3') !== null");
  appendFileSync(samples, `${line}\n`);
  await page.until(`${rows} > ${seen.before}`);
  seen.after = await page.value(rows);
  seen.still_open = await page.value("!document.getElementById('attempt').hidden && document.querySelector('#attempt h3') !== null");
  seen.charts = await page.value("document.querySelectorAll('.canvas svg').length");
  seen.problems = page.problems;
  return seen;
});
console.log(JSON.stringify(seen));
