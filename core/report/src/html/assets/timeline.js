// What GPU and CPU did while the model read the prompt and wrote the answer.

function timeline(found) {
  if (!found || found.lines.length === 0) {
    const why = found?.reasons.join("; ") || "no monitor sampled during this attempt, or its samples are not kept";
    return el("p", { class: "note" }, `No samples: ${why}.`);
  }
  const units = [...new Set(found.lines.map((line) => line.unit))];
  const top = 44;
  const each = 120;
  const lineName = (line) => `${line.device}${line.product && line.kind === "gpu" ? ` (${line.product})` : ""} ${line.name}`;
  const names = [...new Set(found.lines.map(lineName))];
  const end = Math.max(...found.windows.map((window) => window[2]), ...found.lines.flatMap((line) => line.points.map((point) => point[0])));
  const start = Math.min(0, ...found.lines.flatMap((line) => line.points.map((point) => point[0])));
  const areas = () => found.windows.flatMap(([sent, first, done]) => [
    [{ xAxis: sent, itemStyle: { color: colour("prefill") } }, { xAxis: first ?? done }],
    first !== null && [{ xAxis: first, itemStyle: { color: colour("decode") } }, { xAxis: done }],
  ].filter(Boolean)).concat(found.gaps.map(([from, to]) => [{ xAxis: from, itemStyle: { color: colour("gap") } }, { xAxis: to }]));
  const thin = found.lines.some((line) => line.samples > line.points.length);
  return figure({
    id: "chart-timeline", title: "Hardware during the generation", height: top + each * units.length + 14,
    note: `Seconds since the request was sent. Shaded: reading the prompt, then writing the answer.${found.gaps.length ? ` ${count(found.gaps.length, "gap")} without samples.` : ""}${thin ? " Of long stretches the highest sample is drawn." : ""}`,
    summary: found.lines.map((line) => `${lineName(line)}: ${count(line.samples, "sample")}, highest ${number(Math.max(...line.points.map((point) => point[1])), 1)} ${line.unit}`).join("; "),
    table: [["Line", "Samples", "Lowest", "Highest", "Unit"], found.lines.map((line) => {
      const values = line.points.map((point) => point[1]);
      return [lineName(line), line.samples, number(Math.min(...values), 2), number(Math.max(...values), 2), line.unit];
    })],
    option: () => ({
      legend: { type: "scroll", top: 0, textStyle: { color: colour("text") }, pageTextStyle: { color: colour("text") }, pageIconColor: colour("text") },
      axisPointer: { link: [{ xAxisIndex: "all" }] },
      tooltip: { trigger: "axis" },
      grid: units.map((_, row) => ({ left: 56, right: 20, top: top + row * each, height: each - 34 })),
      xAxis: units.map((_, row) => valueAxis(row === units.length - 1 ? "s since the request was sent" : "", { gridIndex: row, min: Math.floor(start * 10) / 10, max: Math.ceil(end * 10) / 10, nameGap: 24, axisLabel: { show: row === units.length - 1, color: colour("faint") } })),
      yAxis: units.map((unit, row) => valueAxis(unit, { gridIndex: row, min: 0, max: unit === "%" ? (range) => Math.max(100, range.max) : null, interval: unit === "%" ? 50 : null, nameGap: 38, splitNumber: 2 })),
      series: found.lines.map((line, place) => ({
        type: "line", name: lineName(line), xAxisIndex: units.indexOf(line.unit), yAxisIndex: units.indexOf(line.unit), data: line.points,
        symbol: line.points.length > 60 ? "none" : seriesSymbol(names.indexOf(lineName(line))), symbolSize: 5,
        lineStyle: { width: 1.8, color: seriesColour(names.indexOf(lineName(line))), type: line.kind === "gpu" ? "solid" : "dashed" },
        itemStyle: { color: seriesColour(names.indexOf(lineName(line))) },
        markArea: found.lines.findIndex((other) => other.unit === line.unit) === place ? { silent: true, data: areas() } : undefined,
      })),
    }),
  });
}
