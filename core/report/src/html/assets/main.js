// Puts the page together and keeps it up to date.

/** Width of a chart on paper, in CSS pixels: A4 and Letter have room for it. */
const PAPER_WIDTH = 640;
/** How often a served page asks for newer data. */
const POLL_MS = 2000;

function build() {
  fill(byId("head"), headline());
  const parts = [
    ["results", "Results"], ["charts", "Charts"], page.levels.length > 1 && ["levels", "Levels"], !page.hasLoads && ["fixtures", "Fixtures"], ["attempts", "Attempts"], ["remarks", "Warnings and remarks"], ["setup", "Settings and machine"],
  ].filter(Boolean);
  fill(byId("contents"), el("ul", {}, parts.map(([id, title]) => el("li", {}, el("a", { href: `#${id}` }, title)))));
  fill(byId("main"), filterBar(update),
    section("results", "Results", el("p", { class: "remark" }, page.hasLoads ? "Each figure is the mean over runs of what one run measured. Small figures are [95 % intervals] over runs, or lowest–highest where there are too few. – is what was not measured; rest the pointer on it for the reason." : "Over all fixtures the score is the mean of the fixtures' means; other figures pool the attempts. Small figures are [95 % intervals], or lowest–highest where there are too few values for an interval. – is what was not measured; rest the pointer on it for the reason."), el("div", { id: "results-table" })),
    section("charts", "Charts", el("div", { id: "charts-place" })),
    page.levels.length > 1 && section("levels", "Levels", el("div", { id: "levels-table" })),
    !page.hasLoads && section("fixtures", "Fixtures", el("div", { id: "fixtures-table" })),
    section("attempts", "Attempts", page.left_out > 0 && el("p", { class: "note" }, `The table has all attempts. Prompts, answers and samples of ${count(page.left_out, "attempt")} are not in this file, so that it stays small: llmbench report with --serve shows them.`), el("div", { id: "attempts-table" })),
    el("section", { id: "attempt", hidden: true, "aria-labelledby": "attempt-title" }),
    section("remarks", "Warnings and remarks", remarks()),
    section("setup", "Settings and machine", setup()));
  byId("attempts-title").tabIndex = -1;
  fill(byId("foot"), el("p", {}, `Made by ${page.generator}. Charts: Apache ECharts.`));
  update();
}

/** Shows what the filters leave. */
function update() {
  choose();
  pageNumber = 0;
  fill(byId("results-table"), page.hasLoads ? loadTable() : resultTable("models", "Results by model"));
  if (page.levels.length > 1) fill(byId("levels-table"), resultTable("levels", "Results by model and level"));
  if (!page.hasLoads) fill(byId("fixtures-table"), resultTable("groups", "Results by model and fixture"));
  fill(byId("charts-place"), charts());
  drawAttempts();
  drawCharts();
  announce(`${showCount()} shown`);
}

/** The system's colours, until the reader decides otherwise. */
function switchTheme() {
  const root = document.documentElement;
  const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = isDark ? "light" : "dark";
  drawCharts();
}

/** Charts in the colours and the width of paper, and back again. */
function followPrinter() {
  const root = document.documentElement;
  let before;
  window.addEventListener("beforeprint", () => {
    before = root.dataset.theme;
    root.dataset.theme = "light";
    drawCharts(PAPER_WIDTH);
  });
  window.addEventListener("afterprint", () => {
    if (before === undefined) delete root.dataset.theme;
    else root.dataset.theme = before;
    drawCharts();
  });
}

function openFromAddress() {
  const place = location.hash.startsWith("#attempt=") ? page.rows.findIndex((row) => addressOf(row) === location.hash) : -1;
  if (place >= 0) openAttempt(place, true);
}

/** Asks a serving llmbench for newer data; what is chosen, sorted and open stays so. */
async function follow(tag) {
  let next = tag;
  try {
    const answer = await fetch("data", { cache: "no-store", headers: tag ? { "If-None-Match": tag } : {} });
    if (answer.status === 200) {
      next = answer.headers.get("ETag");
      // The first answer is what the page was made of.
      if (tag) refresh(await answer.json());
    }
    document.documentElement.dataset.connection = "good";
  } catch {
    document.documentElement.dataset.connection = "lost";
  }
  setTimeout(() => follow(next), POLL_MS);
}

function refresh(data) {
  const open = openPlace === null ? null : addressOf(page.rows[openPlace]);
  const number = pageNumber;
  const scroll = window.scrollY;
  const panel = byId("attempt");
  const active = document.activeElement?.id;
  load(data);
  build();
  if (open !== null) {
    openPlace = page.rows.findIndex((row) => addressOf(row) === open);
    byId("attempt").replaceWith(panel);
  }
  pageNumber = number;
  drawAttempts();
  drawCharts();
  window.scrollTo(0, scroll);
  if (active) byId(active)?.focus({ preventScroll: true });
  announce(`updated: ${count(page.rows.length, "attempt")}`);
}

load(JSON.parse(byId("data").textContent));
build();
openFromAddress();
window.addEventListener("hashchange", openFromAddress);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawCharts());
followPrinter();
let resized = 0;
window.addEventListener("resize", () => {
  clearTimeout(resized);
  resized = setTimeout(() => drawCharts(), 120);
});
document.addEventListener("toggle", () => drawCharts(), true);
if (page.served) follow(page.tag);
