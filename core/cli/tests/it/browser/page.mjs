// Opens a report as a file, uses it as a reader would, and prints what was seen as JSON.
// node page.mjs CHROMIUM ADDRESS

import { withPage } from "./driver.mjs";

const [chromium, address] = process.argv.slice(2);

const seen = await withPage(chromium, address, async (page) => {
  const seen = {};
  const rows = "document.querySelectorAll('#attempts-table tbody tr').length";
  seen.charts = await page.value("[...document.querySelectorAll('.canvas')].map((canvas) => canvas.querySelectorAll('svg path').length)");
  seen.spreads = await page.value("[...document.querySelectorAll('#results .spread')].map((spread) => spread.textContent)");
  seen.chart_names = await page.value("[...document.querySelectorAll('.canvas')].map((canvas) => canvas.getAttribute('aria-label'))");
  seen.rows = await page.value(rows);
  seen.landmarks = await page.value("['header', 'nav', 'main', 'footer', 'h1'].filter((tag) => document.querySelectorAll(tag).length === 1)");
  seen.unnamed = await page.value("[...document.querySelectorAll('button, select, input, table')].filter((node) => !(node.textContent.trim() || node.getAttribute('aria-label') || node.closest('label') || node.caption)).map((node) => node.outerHTML)");

  await page.value("document.getElementById('filter-text').focus()");
  await page.send("Input.insertText", { text: "-r2" });
  await page.until(`${rows} === 1`);
  seen.filtered = await page.value("document.getElementById('filter-count').textContent");
  await page.value("document.getElementById('filter-reset').click()");
  await page.until(`${rows} === ${seen.rows}`);

  // By keyboard alone: the heading is a button, Enter sorts, and the focus stays.
  const runs = "[...document.querySelectorAll('#attempts-table tbody tr')].map((row) => row.querySelector('[data-label=Run]').textContent).join('')";
  await page.value("[...document.querySelectorAll('#attempts-table thead button')].find((button) => button.textContent.startsWith('Run')).focus()");
  await page.key("Enter", 13, "\r");
  seen.sorted = [await page.value(runs), await page.value("document.activeElement.closest('th').getAttribute('aria-sort')")];
  await page.key("Enter", 13, "\r");
  seen.sorted_again = [await page.value(runs), await page.value("document.activeElement.closest('th').getAttribute('aria-sort')")];

  await page.value("document.querySelector('#attempts-table tbody button').click()");
  await page.until("document.querySelector('#attempt h3') !== null");
  seen.focus = await page.value("document.activeElement.id");
  await page.value("document.querySelectorAll('#attempt .folded button').forEach((button) => button.click())");
  seen.attempt = await page.value("document.getElementById('attempt').textContent");
  seen.changed_lines = await page.value("document.querySelectorAll('#attempt tr.changed').length");
  seen.said_below = await page.value("[...document.querySelectorAll('#attempt tr.said')].map((row) => row.previousElementSibling.querySelector('.line-number').textContent)");
  seen.foreign = await page.value("document.querySelectorAll('main img, main script, main iframe, main [onclick], main [onerror]').length");
  seen.title = await page.value("document.title");

  await page.scheme("dark");
  seen.dark = await page.value("getComputedStyle(document.body).backgroundColor");
  await page.value("document.getElementById('theme').click()");
  seen.switched = await page.value("getComputedStyle(document.body).backgroundColor");
  await page.size(390, 844);
  seen.phone_width = await page.value("document.documentElement.scrollWidth");
  const pdf = await page.print();
  seen.pdf = [pdf.subarray(0, 5).toString(), pdf.length];
  seen.requests = page.requests.filter((url) => !url.startsWith("data:"));
  seen.problems = page.problems;
  return seen;
});
console.log(JSON.stringify(seen));
