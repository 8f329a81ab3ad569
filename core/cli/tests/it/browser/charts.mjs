// Opens a report as a file and prints, for each chart on a desk and on a phone, its axes and what cannot be read.
// node charts.mjs CHROMIUM ADDRESS

import { withPage } from "./driver.mjs";

const [chromium, address] = process.argv.slice(2);

/** Runs in the page. */
function look() {
  const box = (node) => node.getBoundingClientRect();
  const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
  return [...document.querySelectorAll("#charts figure")].map((figure) => {
    const canvas = figure.querySelector(".canvas");
    const model = echarts.getInstanceByDom(canvas).getModel();
    const extent = (name) => model.getComponent(name, 0).axis.scale.getExtent();
    const texts = [...canvas.querySelectorAll("svg text")].filter((text) => text.textContent.trim() !== "" && box(text).width > 0);
    const inside = texts.filter((text) => meet(box(text), box(canvas)));
    const pairs = inside.flatMap((one, place) => inside.slice(place + 1).filter((other) => meet(box(one), box(other))).map((other) => [one.textContent, other.textContent]));
    const all = box(canvas);
    const cut = inside.filter((text) => box(text).left < all.left - 1 || box(text).right > all.right + 1 || box(text).top < all.top - 1 || box(text).bottom > all.bottom + 1);
    const place = box(figure);
    const beside = [...document.querySelectorAll("#charts figure")].some((other) => other !== figure && box(other).top < place.bottom && place.top < box(other).bottom);
    return {
      id: figure.id, x: extent("xAxis"), y: extent("yAxis"), texts: inside.map((text) => text.textContent), pairs,
      cut: cut.map((text) => text.textContent), half_empty: !beside && place.width < 0.9 * box(figure.parentElement).width,
      lines: model.getSeries().filter((series) => series.subType === "line").map((series) => ({ name: series.name, points: series.getData().count(), width: series.getModel("lineStyle").get("width"), hollow: series.getModel("itemStyle").get("borderWidth") === 2 })),
    };
  });
}

const seen = await withPage(chromium, address, async (page) => {
  const seen = {};
  for (const [name, width] of [["desk", 1280], ["phone", 390]]) {
    await page.size(width, 900);
    // The page draws again a moment after its width has changed.
    await page.until(`Math.abs(echarts.getInstanceByDom(document.querySelector('.canvas')).getWidth() - document.querySelector('.canvas').clientWidth) < 1`);
    seen[name] = await page.value(`(${look})()`);
  }
  seen.badges = await page.value("[...document.querySelectorAll('#attempts-table .badge')].map((badge) => badge.textContent)");
  seen.problems = page.problems;
  return seen;
});
console.log(JSON.stringify(seen));
