// Apache ECharts within a figure: caption, text for those who cannot see it, and the figures as a table.

/** Charts on the page, to be drawn again when its width or its colours change. */
const drawn = new Set();

/** A colour of the style sheet. */
function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** The colour of a model: the same in every chart. */
function seriesColour(place) {
  return colour(`series-${(place % 8) + 1}`);
}

/** Symbols tell models apart where colours do not. */
function seriesSymbol(place) {
  return ["circle", "rect", "triangle", "diamond", "pin", "arrow", "roundRect", "emptyCircle"][place % 8];
}

/**
 * A figure. `option()` gives what ECharts draws, in the colours of the moment;
 * `summary` says in words what is to be seen; `table` is `[head, rows]`.
 */
function figure({ id, title, note, summary, height, option, table }) {
  const canvas = el("div", { class: "canvas", role: "img", "aria-label": `${title}. ${summary}` });
  canvas.style.height = `${height}px`;
  drawn.add({ canvas, option, chart: null });
  return el("figure", { id }, el("figcaption", {}, el("strong", {}, title), note && el("span", { class: "remark" }, note)),
    canvas, el("details", { class: "figures" }, el("summary", {}, "Show the figures as a table"), plainTable(title, ...table)));
}

/** Draws what is on the page, as wide as there is room or as told, and forgets what no longer is. */
function drawCharts(width = "auto") {
  for (const entry of drawn) {
    if (!entry.canvas.isConnected) {
      entry.chart?.dispose();
      drawn.delete(entry);
      continue;
    }
    if (entry.canvas.clientWidth === 0) continue;
    entry.chart ??= echarts.init(entry.canvas, null, { renderer: "svg" });
    entry.chart.resize({ width });
    // Anew: labels that are moved apart would be taken where they last stood.
    entry.chart.clear();
    entry.chart.setOption(base(entry.option()));
    // At once: a browser that prints waits for no frame.
    entry.chart.getZr().flush();
  }
}

/** What all charts share. Tooltips are drawn, not written as markup, so that no name can become a tag. */
function base(option) {
  const text = { color: colour("text"), fontFamily: getComputedStyle(document.body).fontFamily, fontSize: 12 };
  return {
    animation: false,
    textStyle: text,
    tooltip: { renderMode: "richText", confine: true, backgroundColor: colour("raised"), borderColor: colour("line"), textStyle: text, ...option.tooltip },
    ...Object.fromEntries(Object.entries(option).filter(([name]) => name !== "tooltip")),
  };
}

/** An axis of numbers with its name and unit. */
function valueAxis(name, more = {}) {
  return {
    type: "value", name, nameLocation: "middle", nameGap: 30, scale: true,
    nameTextStyle: { color: colour("faint") }, axisLabel: { color: colour("faint"), hideOverlap: true },
    axisLine: { lineStyle: { color: colour("line") } }, splitLine: { lineStyle: { color: colour("grid") } }, ...more,
  };
}

/**
 * A name in so many pixels, cut in its middle: names of models differ at their ends,
 * where the size and the quantisation stand.
 */
function fitted(name, pixels) {
  const most = Math.floor(pixels / 7);
  if (name.length <= most) return name;
  const head = Math.ceil((most - 1) * 0.4);
  return `${name.slice(0, head)}…${name.slice(name.length - (most - 1 - head))}`;
}

/** An axis of names; long ones are cut in the chart and whole in its table. */
function nameAxis(names, more = {}) {
  return {
    type: "category", data: names, axisTick: { show: false }, axisLine: { lineStyle: { color: colour("line") } },
    axisLabel: { color: colour("text"), interval: 0, formatter: (name) => fitted(name, labelWidth()) }, ...more,
  };
}

/** True on a phone. */
function narrow() {
  return document.documentElement.clientWidth < 600;
}

/** Room for names: a phone has little. */
function labelWidth() {
  return narrow() ? 110 : 190;
}

/** Room on the left of an axis up to `highest`: its labels, and its name beside them. */
function roomForAxis(highest) {
  // The axis may end at the next round number, which can have a digit more.
  const labels = 7.5 * Math.ceil(highest * 1.3 || 0).toLocaleString("en").length;
  return { nameGap: Math.max(34, labels + 14), left: Math.max(54, labels + 34) };
}

/**
 * Puts each label where it covers no other, no point before it and nothing left of the axis at `left`,
 * in the first of `places(label, point)`, which are shifts. One that finds no place is left out; table
 * and tooltip have its name.
 */
function apart(left, places = around) {
  const taken = new Map();
  return ({ seriesIndex, dataIndex, labelRect, rect }) => {
    const at = ([dx, dy]) => ({ x: labelRect.x + dx, y: labelRect.y + dy, width: labelRect.width, height: labelRect.height + 2 });
    const meets = (a, b) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
    const own = `${seriesIndex}/${dataIndex} `;
    const others = [...taken].filter(([name]) => !name.startsWith(own)).map(([, box]) => box);
    taken.set(`${own}point`, rect);
    const place = places(labelRect, rect).find((place) => at(place).x > left && !others.some((box) => meets(at(place), box)));
    if (!place) return { hideOverlap: true, x: -1000 };
    taken.set(own, at(place));
    return { dx: place[0], dy: place[1] };
  };
}

/** Around a point above which the label stands: above, below, beside, further above. */
function around(label, point) {
  const beside = (point.width + label.width) / 2 + 4;
  const line = label.height + 2;
  const below = (label.height + point.height) / 2 + 5;
  return [[0, 0], [0, 2 * below], [beside, below], [-beside, below], [0, -line], [beside, 0], [beside, 2 * line], [-beside, 0], [0, -2 * line]];
}

/** Off the line of the interval on which a label would stand: just above, just below, further above. */
function offLine(label) {
  return [-12, 12, -12 - label.height, 12 + label.height, -12 - 2 * label.height].map((dy) => [0, dy]);
}

/**
 * A line from low to high with caps, for intervals and ranges; data items are `[x, y, low, high, …]`.
 * Axes reach as far as the lines do: an end that is not seen would look like one.
 */
function whiskers(data, { vertical, colourOf, dashed }) {
  return {
    type: "custom", silent: true, clip: true, z: 1, data,
    encode: vertical ? { x: 0, y: [1, 2, 3] } : { x: [0, 2, 3], y: 1 },
    renderItem(_, api) {
      const [x, y, low, high] = [0, 1, 2, 3].map((place) => api.value(place));
      const from = api.coord(vertical ? [x, low] : [low, y]);
      const to = api.coord(vertical ? [x, high] : [high, y]);
      const style = { stroke: colourOf(api.value(4)), lineWidth: 1.5, lineDash: dashed ? [3, 3] : null, fill: null };
      const cap = ([cx, cy]) => ({ type: "line", shape: vertical ? { x1: cx - 4, y1: cy, x2: cx + 4, y2: cy } : { x1: cx, y1: cy - 4, x2: cx, y2: cy + 4 }, style: { ...style, lineDash: null } });
      return { type: "group", children: [{ type: "line", shape: { x1: from[0], y1: from[1], x2: to[0], y2: to[1] }, style }, cap(from), cap(to)] };
    },
  };
}
