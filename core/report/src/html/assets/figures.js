// The charts of the results. Means and intervals come from the summary; only single attempts are counted here.

/** Attempts of one model that a chart shows as points; more would only be a blot. */
const MOST_POINTS = 300;

function charts() {
  if (page.hasLoads) return loadCharts();
  const models = chosenGroups("models");
  if (models.length === 0) return el("p", { class: "note" }, "No model is left by the filters.");
  const groups = chosenGroups("groups");
  return el("div", { class: "charts" },
    contextCharts(),
    agreementChart(),
    page.isScored && page.passScore !== null && scatter(models),
    page.isScored && distribution("chart-score", "Score of each attempt", "score", `score, 0–${page.maxScore}`, 2, { min: 0, max: page.maxScore }),
    distribution("chart-speed", "Decode speed of each attempt", "speed", "tokens/s", 1, {}),
    page.isScored && page.levels.length > 1 && levels(),
    page.isScored && groups.length > 1 && heatMap(groups));
}

/** Quality against speed: one point for each model, with intervals where there are enough values. */
function scatter(models) {
  const known = models.filter((group) => group.score.mean !== null && group.tokens_per_sec.mean !== null);
  const points = (group) => [group.tokens_per_sec.mean, group.score.mean];
  const lines = (stat, isInterval) => known
    .map((group) => [group, interval(group[stat]) ?? (isInterval ? null : [group[stat].min, group[stat].max])])
    .filter(([group, range]) => range && (interval(group[stat]) !== null) === isInterval && group[stat].n > 1)
    .map(([group, [low, high]]) => [...points(group), low, high, group.series]);
  const bars = (stat, vertical) => [true, false].map((isInterval) =>
    whiskers(lines(stat, isInterval), { vertical, dashed: !isInterval, colourOf: seriesColour }));
  const lost = models.length - known.length;
  // An interval may go beyond what a score can be; the axis then shows all of it.
  const highest = Math.max(page.maxScore, ...[true, false].flatMap((isInterval) => lines("score", isInterval)).map((line) => line[3]));
  const fastest = Math.max(...known.map((group) => group.tokens_per_sec.mean));
  // Names beside more points than that cover other points.
  const direct = () => !narrow() && known.length <= 3;
  return figure({
    id: "chart-scatter", title: "Quality against speed", height: narrow() ? 440 : 400,
    note: `Each point is a model: mean score and mean decode speed. Whole lines are 95 % intervals, dashed ones the range from lowest to highest where there are too few values for an interval.${lost ? ` ${count(lost, "model")} without both figures: not shown.` : ""}`,
    summary: known.map((group) => `${page.series[group.series].label}: score ${score(group.score.mean)}, ${number(group.tokens_per_sec.mean, 1)} tokens per second`).join("; ") || "Nothing was measured.",
    table: [["Model", "Score", "n", "Tokens/s", "n"], models.map((group) => [page.series[group.series].label, statCell(group.score, 2, score), group.score.n, statCell(group.tokens_per_sec, 1), group.tokens_per_sec.n])],
    option: (layout = apart(54, offLine)) => ({
      legend: { show: !direct(), type: "scroll", orient: narrow() ? "vertical" : "horizontal", top: 0, height: narrow() ? 96 : "auto", textStyle: { color: colour("text") }, pageTextStyle: { color: colour("text") }, pageIconColor: colour("text") },
      grid: { left: 54, right: 30, top: narrow() ? 112 : direct() ? 28 : 44, bottom: 48 },
      xAxis: valueAxis("mean decode speed, tokens/s", { min: 0 }),
      yAxis: valueAxis(`mean score, 0–${page.maxScore}`, { min: 0, max: highest, nameGap: 34, axisLabel: { color: colour("faint"), hideOverlap: true, showMaxLabel: highest === page.maxScore } }),
      tooltip: { formatter: (item) => `${item.seriesName}\nscore ${score(item.value[1])}\n${number(item.value[0], 1)} tokens/s` },
      series: [...bars("score", true), ...bars("tokens_per_sec", false), ...known.map((group) => ({
        type: "scatter", name: page.series[group.series].label, data: [points(group)], symbol: seriesSymbol(group.series), symbolSize: 13,
        itemStyle: { color: seriesColour(group.series), borderColor: colour("page"), borderWidth: 1.5, opacity: 1 },
        label: { show: direct(), position: group.tokens_per_sec.mean > fastest * 0.7 ? "left" : "right", distance: 12, color: colour("text"), formatter: (item) => fitted(item.seriesName, 230) },
        labelLayout: layout,
      }))],
    }),
  });
}

/** Attempts as points, one line for each model, above the box of their quartiles. */
function distribution(id, title, column, axis, decimals, limits) {
  const values = new Map();
  for (const place of chosen) {
    const row = page.rows[place];
    if (row[at.status] !== "s" || row[at[column]] === null) continue;
    if (!values.has(row[at.series])) values.set(row[at.series], []);
    values.get(row[at.series]).push(row[at[column]]);
  }
  const places = [...values.keys()].sort((a, b) => a - b);
  const boxes = places.map((place) => quartiles(values.get(place)));
  const thin = places.some((place) => values.get(place).length > MOST_POINTS);
  const points = places.flatMap((place, line) => sample(values.get(place)).map((value, index) => ({
    value: [value, line, jitter(index)], itemStyle: { color: seriesColour(place) },
  })));
  return figure({
    id, title, height: Math.max(130, 64 + 46 * places.length),
    note: `Each point is a ${page.isScored ? "scored" : "measured"} attempt; the box holds the middle half, its line is the median.${thin ? ` Of more than ${MOST_POINTS} attempts of a model, ${MOST_POINTS} are drawn.` : ""}`,
    summary: places.map((place, line) => `${page.series[place].label}: n ${values.get(place).length}, median ${number(boxes[line][2], decimals)}`).join("; ") || "No attempt was scored.",
    table: [["Model", "n", "Lowest", "Quarter", "Median", "Three quarters", "Highest"], places.map((place, line) => [page.series[place].label, values.get(place).length, ...boxes[line].map((value) => number(value, decimals))])],
    option: () => ({
      grid: { left: labelWidth() + 16, right: 30, top: 8, bottom: 46 },
      xAxis: valueAxis(axis, limits),
      yAxis: nameAxis(places.map((place) => page.series[place].label), { inverse: true }),
      tooltip: { formatter: (item) => `${page.series[places[item.value[1]]]?.label ?? item.name}\n${number(item.seriesType === "boxplot" ? item.value[3] : item.value[0], decimals)}${item.seriesType === "boxplot" ? " (median)" : ""}` },
      series: [
        { type: "boxplot", z: 1, data: boxes, boxWidth: [10, 26], itemStyle: { color: colour("box"), borderColor: colour("faint") } },
        { type: "custom", z: 3, data: points, renderItem: (_, api) => {
          const [x, y] = api.coord([api.value(0), api.value(1)]);
          return { type: "circle", shape: { cx: x, cy: y + api.value(2) * 9, r: 3.2 }, style: { fill: api.visual("color"), opacity: 0.75 } };
        } },
      ],
    }),
  });
}

/** Lowest, quartiles (type 7, as the summary has them) and highest. */
function quartiles(values) {
  const ordered = Float64Array.from(values).sort();
  return [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const place = share * (ordered.length - 1);
    const below = Math.floor(place);
    return ordered[below] + (place - below) * (ordered[Math.min(below + 1, ordered.length - 1)] - ordered[below]);
  });
}

/** At most so many values, evenly from all. */
function sample(values) {
  if (values.length <= MOST_POINTS) return values;
  return Array.from({ length: MOST_POINTS }, (_, index) => values[Math.floor(index * values.length / MOST_POINTS)]);
}

/** Spreads points that lie on each other, the same way every time: -1 to 1. */
function jitter(index) {
  return ((index * 0.618034) % 1) * 2 - 1;
}

/** Mean score by level of difficulty. */
function levels() {
  const groups = chosenGroups("levels");
  const shown = page.levels.filter((level) => groups.some((group) => group.level === level));
  const series = [...new Set(groups.map((group) => group.series))];
  const of = (place, level) => groups.find((group) => group.series === place && group.level === level);
  return figure({
    id: "chart-levels", title: "Score by level", height: 320,
    note: "Mean of the fixtures' means at each level; level 1 is the easiest.",
    summary: series.map((place) => `${page.series[place].label}: ${shown.map((level) => `level ${level} ${score(of(place, level)?.score.mean ?? null)}`).join(", ")}`).join("; "),
    table: [["Model", ...shown.map((level) => `Level ${level}`)], series.map((place) => [page.series[place].label, ...shown.map((level) => of(place, level) ? statCell(of(place, level).score, 2, score) : ABSENT)])],
    option: () => ({
      legend: { type: "scroll", top: 0, textStyle: { color: colour("text") }, pageTextStyle: { color: colour("text") }, pageIconColor: colour("text") },
      grid: { left: 50, right: 16, top: 40, bottom: 46 },
      xAxis: nameAxis(shown.map((level) => `level ${level}`), { name: "level of the fixtures", nameLocation: "middle", nameGap: 28, nameTextStyle: { color: colour("faint") } }),
      yAxis: valueAxis(`mean score, 0–${page.maxScore}`, { min: 0, max: page.maxScore, nameGap: 34 }),
      tooltip: { trigger: "axis", valueFormatter: (value) => score(value ?? null) },
      series: series.map((place) => ({ type: "line", name: page.series[place].label, data: shown.map((level) => of(place, level)?.score.mean ?? null), symbol: seriesSymbol(place), symbolSize: 9, lineStyle: { color: seriesColour(place), width: 2 }, itemStyle: { color: seriesColour(place) } })),
    }),
  });
}

/** Mean score of each model on each fixture. */
function heatMap(groups) {
  const series = [...new Set(groups.map((group) => group.series))];
  const fixtures = page.fixtures.map((fixture) => fixture.name).filter((name) => groups.some((group) => group.fixture === name));
  const cells = groups.map((group) => [series.indexOf(group.series), fixtures.indexOf(group.fixture), group.score.mean]);
  return figure({
    id: "chart-fixtures", title: "Mean score by fixture", height: 104 + 26 * fixtures.length,
    note: "One cell for each model and fixture; an empty cell has no scored attempt.",
    summary: `${count(fixtures.length, "fixture")} by ${count(series.length, "model")}; the table below has the figures.`,
    table: [["Fixture", ...series.map((place) => page.series[place].label)], fixtures.map((name) => [name, ...series.map((place) => score(groups.find((group) => group.series === place && group.fixture === name)?.score.mean ?? null))])],
    option: () => ({
      grid: { left: labelWidth() + 16, right: 16, top: 8, bottom: 92 },
      xAxis: nameAxis(series.map((place) => page.series[place].label), { axisLabel: { color: colour("text"), interval: 0, formatter: (name) => fitted(name, narrow() ? 80 : 130), rotate: narrow() || series.length > 5 ? 30 : 0 } }),
      yAxis: nameAxis(fixtures, { inverse: true }),
      visualMap: { min: 0, max: page.maxScore, orient: "horizontal", left: "center", bottom: 4, itemHeight: narrow() ? 120 : 200, text: [`score ${page.maxScore}`, "0"], textStyle: { color: colour("text") }, inRange: { color: [0, 1, 2, 3, 4].map((step) => colour(`heat-${step}`)) } },
      tooltip: { formatter: (item) => `${page.series[series[item.value[0]]].label}\n${fixtures[item.value[1]]}\nscore ${score(item.value[2])}` },
      series: [{ type: "heatmap", data: cells.filter((cell) => cell[2] !== null), itemStyle: { borderColor: colour("page"), borderWidth: 2 }, label: { show: true, formatter: (item) => score(item.value[2], 1), color: "inherit", textBorderWidth: 0 } }],
    }),
  });
}
