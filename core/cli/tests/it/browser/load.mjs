// Opens the report of a load test as a file and prints what a reader would see as JSON.
// node load.mjs CHROMIUM ADDRESS

import { withPage } from "./driver.mjs";

const [chromium, address] = process.argv.slice(2);

const seen = await withPage(chromium, address, async (page) => {
  const seen = {};
  seen.charts = await page.value("[...document.querySelectorAll('.canvas')].map((canvas) => canvas.querySelectorAll('svg path').length)");
  seen.chart_names = await page.value("[...document.querySelectorAll('.canvas')].map((canvas) => canvas.getAttribute('aria-label'))");
  seen.labels = await page.value("[...document.querySelectorAll('#chart-load-ttft svg text')].map((text) => text.textContent)");
  seen.loads = await page.value("[...document.querySelectorAll('#results-table tbody tr')].map((row) => row.querySelector('[data-label=Load]').textContent)");
  seen.heads = await page.value("[...document.querySelectorAll('#results-table thead button')].map((button) => button.textContent)");
  seen.text = await page.value("document.getElementById('main').textContent");
  seen.unnamed = await page.value("[...document.querySelectorAll('button, select, input, table')].filter((node) => !(node.textContent.trim() || node.getAttribute('aria-label') || node.closest('label') || node.caption)).map((node) => node.outerHTML)");
  await page.value("document.querySelector('#attempts-table tbody button').click()");
  await page.until("document.querySelector('#attempt h3') !== null");
  await page.size(390, 844);
  seen.phone_width = await page.value("document.documentElement.scrollWidth");
  seen.problems = page.problems;
  return seen;
});
console.log(JSON.stringify(seen));
