// Opens the report of a run over lengths of context and prints what its charts show as JSON.
// node context.mjs CHROMIUM ADDRESS

import { withPage } from "./driver.mjs";

const [chromium, address] = process.argv.slice(2);

const seen = await withPage(chromium, address, async (page) => {
  const seen = {};
  const figures = "[...document.querySelectorAll('figure[id^=chart-context]')]";
  seen.ids = await page.value(`${figures}.map((figure) => figure.id)`);
  seen.labels = await page.value(`${figures}.map((figure) => figure.querySelector('.canvas').getAttribute('aria-label'))`);
  seen.texts = await page.value(`${figures}.map((figure) => [...figure.querySelectorAll('svg text')].map((text) => text.textContent))`);
  seen.tables = await page.value(`${figures}.map((figure) => [...figure.querySelectorAll('table tr')].map((row) => [...row.cells].map((cell) => cell.textContent).join(' | ')))`);
  await page.size(390, 844);
  seen.phone_width = await page.value("document.documentElement.scrollWidth");
  seen.problems = page.problems;
  return seen;
});
console.log(JSON.stringify(seen));
