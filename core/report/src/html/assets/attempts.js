// The table of attempts, a page at a time.

const PER_PAGE = 50;
const attemptOrder = { column: null, down: false };
let pageNumber = 0;

function attemptColumns() {
  const figure = (name, label, title, decimals, show = number) => ({
    label, title, numeric: true, value: (place) => page.rows[place][at[name]], show: (place) => show(page.rows[place][at[name]], decimals),
  });
  const text = (label, value, more = {}) => ({ label, value, show: value, ...more });
  const open = (place) => el("button", { type: "button", class: "link", "aria-label": idOf(page.rows[place]), title: idOf(page.rows[place]), onclick: () => openAttempt(place, true) }, shortId(page.rows[place]));
  const has = (name) => page.rows.some((row) => row[at[name]] !== null);
  return [
    { label: "Attempt", value: (place) => place, show: open, head: true },
    page.series.length > 1 && text("Model", (place) => page.series[page.rows[place][at.series]].label),
    text("Fixture", (place) => fixtureName(page.rows[place][at.fixture])),
    text("Run", (place) => page.rows[place][at.run], { numeric: true }),
    { label: "Status", value: (place) => statusOf(page.rows[place]), show: (place) => badge(page.rows[place]) },
    page.isScored && figure("score", `Score /${page.maxScore}`, "The rules are in docs/scoring.md", 2, score),
    has("compiles") && { label: "Compiles", value: (place) => page.rows[place][at.compiles], show: (place) => yesNo(page.rows[place][at.compiles]) },
    text("First error", (place) => firstError(page.rows[place]), { class: "error-text", show: (place) => firstError(page.rows[place]) ?? "" }),
    has("ast") && figure("ast", "AST /10", "Structure alone", 1, score),
    figure("speed", "tok/s", "Generated tokens per second of decode time", 1),
    figure("duration", "Duration s", "From sending the request to the end of the answer", 2),
    { ...figure("ttft", "TTFT s", "From sending the request to the first text", 3), show: (place) => [number(page.rows[place][at.ttft], 3), page.rows[place][at.cached] === 1 && page.rows[place][at.ttft] !== null && el("span", { class: "remark" }, " cached")] },
    figure("tokens", "Tokens", "Tokens generated, counted by the server", 0),
    figure("gpu", "GPU %", "Mean utilisation during generation", 0),
    figure("gpu_gb", "GPU GB", "Highest memory in use", 2),
    figure("energy", "Energy J", "Energy of the GPUs during generation", 0),
    figure("errors", "Errors", "What was wrong", 0),
  ].filter(Boolean);
}

/** The number in front of an id; model, fixture and run stand in columns of their own. */
function shortId(row) {
  return typeof row[at.id] === "string" ? row[at.id] : String(row[at.id]).padStart(5, "0");
}

function badge(row) {
  return el("span", { class: `badge ${row[at.status]}` }, statusOf(row));
}

function yesNo(value) {
  return value === null ? ABSENT : value === 1 ? "yes" : "no";
}

/** Draws the table again; the heading in `focus` keeps the keyboard. */
function drawAttempts(focus = null) {
  const pages = Math.max(1, Math.ceil(chosen.length / PER_PAGE));
  pageNumber = Math.min(pageNumber, pages - 1);
  const from = pageNumber * PER_PAGE;
  const to = Math.min(from + PER_PAGE, chosen.length);
  const columns = attemptColumns();
  const redraw = (place) => {
    pageNumber = 0;
    drawAttempts(place);
    announce(`sorted by ${columns[place].label}, ${attemptOrder.down ? "descending" : "ascending"}`);
  };
  const table = sortable({
    caption: `Attempts ${chosen.length === 0 ? 0 : from + 1}–${to} of ${chosen.length.toLocaleString("en")}`,
    columns, rows: chosen, order: attemptOrder, redraw, limit: [from, to], rowClass: (place) => (place === openPlace ? "open" : null),
  });
  const turn = (by) => () => {
    pageNumber += by;
    drawAttempts();
    byId(by < 0 ? "page-before" : "page-after").focus();
  };
  fill(byId("attempts-table"), table, el("div", { class: "pager", role: "group", "aria-label": "Pages of the table" },
    el("button", { type: "button", id: "page-before", disabled: pageNumber === 0, onclick: turn(-1) }, "← earlier"),
    el("span", {}, `page ${pageNumber + 1} of ${pages}`),
    el("button", { type: "button", id: "page-after", disabled: pageNumber >= pages - 1, onclick: turn(1) }, "later →")));
  if (focus !== null) byId("attempts-table").querySelectorAll("thead button")[focus]?.focus();
}
