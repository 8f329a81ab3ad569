// What is chosen in the bar of filters, and which attempts that leaves.

const filters = { series: "", fixture: "", level: "", status: "", text: "" };
/** Places of the rows that are left, in the run's order. */
let chosen = [];

function choose() {
  const words = filters.text.toLowerCase().split(/\s+/).filter(Boolean);
  chosen = [];
  page.rows.forEach((row, place) => {
    if (seriesIsChosen(row[at.series]) && fixtureIsChosen(row[at.fixture])
      && (filters.status === "" || row[at.status] === filters.status)
      && (words.length === 0 || holds(row, words))) chosen.push(place);
  });
}

function seriesIsChosen(place) {
  return filters.series === "" || Number(filters.series) === place;
}

function fixtureIsChosen(place) {
  if (filters.fixture !== "" && Number(filters.fixture) !== place) return false;
  return filters.level === "" || page.fixtures[place]?.level === Number(filters.level);
}

function holds(row, words) {
  const text = `${idOf(row)} ${page.series[row[at.series]].label} ${fixtureName(row[at.fixture])} ${statusOf(row)} ${firstError(row) ?? ""}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

/** The groups of the summary that belong to what is chosen. */
function chosenGroups(name) {
  return page.summary[name].filter((group) => {
    if (!seriesIsChosen(group.series)) return false;
    if (group.fixture !== null) return fixtureIsChosen(page.fixtures.findIndex((fixture) => fixture.name === group.fixture));
    return group.level === null || filters.level === "" || group.level === Number(filters.level);
  });
}

/** The bar; `changed` is called after each change, typing only when it pauses. */
function filterBar(changed) {
  const set = (name, value) => {
    filters[name] = value;
    changed();
  };
  const select = (name, label, options) =>
    el("label", { class: "field" }, el("span", {}, label),
      el("select", { id: `filter-${name}`, onchange: (event) => set(name, event.target.value) },
        el("option", { value: "" }, "all"),
        options.map(([value, text]) => el("option", { value, selected: filters[name] === String(value) }, text))));
  let pause = 0;
  const typed = (event) => {
    clearTimeout(pause);
    pause = setTimeout(() => set("text", event.target.value), 150);
  };
  const used = new Map();
  for (const row of page.rows) used.set(row[at.status], (used.get(row[at.status]) ?? new Set()).add(statusOf(row)));
  const reset = () => {
    for (const name of Object.keys(filters)) {
      filters[name] = "";
      const control = byId(`filter-${name}`);
      if (control) control.value = "";
    }
    changed();
  };
  return el("form", { id: "filters", role: "search", "aria-label": "Filter the page", onsubmit: (event) => event.preventDefault() },
    page.series.length > 1 && select("series", "Model", page.series.map((series, place) => [place, series.label])),
    page.fixtures.length > 1 && select("fixture", "Fixture", page.fixtures.map((fixture, place) => [place, fixture.name])),
    page.levels.length > 1 && select("level", "Level", page.levels.map((level) => [level, `level ${level}`])),
    select("status", "Status", Object.keys(STATUSES).filter((letter) => used.has(letter)).map((letter) => [letter, [...used.get(letter)].join(" or ")])),
    el("label", { class: "field grow" }, el("span", {}, "Text"),
      el("input", { id: "filter-text", type: "search", value: filters.text, placeholder: "id, model, fixture, error", oninput: typed })),
    el("button", { type: "button", id: "filter-reset", onclick: reset }, "Reset"),
    el("output", { id: "filter-count" }));
}

/** Says how many attempts are left. */
function showCount() {
  const all = page.rows.length;
  const text = chosen.length === all ? count(all, "attempt") : `${chosen.length.toLocaleString("en")} of ${count(all, "attempt")}`;
  byId("filter-count").textContent = text;
  return text;
}
