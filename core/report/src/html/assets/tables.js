// Tables that can be sorted by mouse and keyboard: each heading is a button.

/**
 * A table. A column has `label`, `value(row)` to sort by, `show(row)` for the
 * cell, and where they apply `title`, `numeric` and `head` (the cell names the row).
 * `order` keeps `{ column, down }` between two drawings; `limit` cuts the rows after sorting.
 */
function sortable({ caption, columns, rows, order, redraw, limit, rowClass }) {
  const heading = (column, place) => {
    const isSorted = order.column === place;
    const sort = isSorted ? (order.down ? "descending" : "ascending") : "none";
    const click = () => {
      // Numbers are most wanted from the highest, names from the first.
      order.down = isSorted ? !order.down : Boolean(column.numeric);
      order.column = place;
      redraw(place);
    };
    return el("th", { scope: "col", "aria-sort": sort, class: column.numeric ? "number" : null },
      el("button", { type: "button", class: "sort", title: column.title, onclick: click }, column.label,
        el("span", { class: "arrow", "aria-hidden": "true" }, isSorted ? (order.down ? "▼" : "▲") : "↕")));
  };
  const shown = limit ? sorted(rows, columns, order).slice(...limit) : sorted(rows, columns, order);
  const cell = (column, row) => {
    const attributes = { class: column.numeric ? "number" : column.class ?? null, "data-label": column.label };
    return column.head ? el("th", { scope: "row", ...attributes }, column.show(row)) : el("td", attributes, column.show(row));
  };
  return scrolling(caption, el("table", {}, el("caption", {}, caption),
    el("thead", {}, el("tr", {}, columns.map(heading))),
    el("tbody", {}, shown.map((row) => el("tr", { class: rowClass?.(row) ?? null }, columns.map((column) => cell(column, row)))))));
}

/** Rows in the wanted order; what was not measured comes last whichever way. */
function sorted(rows, columns, order) {
  const column = columns[order.column];
  if (!column) return rows;
  const direction = order.down ? -1 : 1;
  const keyed = rows.map((row) => ({ row, key: column.value(row) }));
  const isAbsent = (key) => key === null || key === undefined;
  keyed.sort((a, b) => {
    if (isAbsent(a.key) || isAbsent(b.key)) return isAbsent(a.key) - isAbsent(b.key);
    const way = typeof a.key === "string" ? a.key.localeCompare(b.key, "en", { numeric: true }) : a.key - b.key;
    return direction * way;
  });
  return keyed.map((entry) => entry.row);
}

/** A place that scrolls sideways on its own, by keyboard too. */
function scrolling(label, table) {
  return el("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": label }, table);
}

/** A table without sorting, for figures behind a chart and for settings. */
function plainTable(caption, head, rows) {
  return scrolling(caption, el("table", { class: "plain" }, el("caption", {}, caption),
    el("thead", {}, el("tr", {}, head.map((text) => el("th", { scope: "col" }, text)))),
    el("tbody", {}, rows.map((row) => el("tr", {}, row.map((cell, place) => place === 0 ? el("th", { scope: "row" }, cell) : el("td", {}, cell)))))));
}

/**
 * A mean with its interval, or with its range where there is none; why values are missing is its title.
 * Equal values have no interval that means anything: they are called equal.
 */
function statCell(stat, decimals, show = number) {
  if (stat.mean === null) return el("span", { class: "absent", title: stat.missing ?? "not measured" }, ABSENT);
  const known = interval(stat);
  const [low, high] = known ?? [stat.min, stat.max];
  const range = known ? `[${show(low, decimals)}, ${show(high, decimals)}]` : `${show(low, decimals)}–${show(high, decimals)}`;
  const spread = stat.n > 1 ? el("span", { class: "spread" }, low === high ? "no spread" : range) : null;
  return el("span", { title: stat.missing }, show(stat.mean, decimals), stat.missing && el("sup", { role: "img", "aria-label": stat.missing }, "?"), spread);
}

/** A count of a number, with the interval of its share where there is one. */
function rateCell(rate) {
  if (rate.n === 0) return el("span", { class: "absent" }, ABSENT);
  const percent = (share) => number(share * 100);
  return [`${rate.count}/${rate.n}`, rate.ci95 && el("span", { class: "spread" }, `[${percent(rate.ci95.low)}, ${percent(rate.ci95.high)}] %`)];
}
