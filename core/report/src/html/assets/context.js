// Recall over lengths of context and depths: one map for each model, and what the prompts cost.

function contextCharts() {
  const maps = page.summary.context_maps.filter((map) => seriesIsChosen(map.series));
  return maps.length === 0 ? [] : [...maps.map(contextMap), contextCost(maps)];
}

/** What is known of a length in words. */
function holdsText(length) {
  return length.holds === null ? "undecided" : length.holds ? "yes" : "no";
}

/** Mean score by length and depth; a cell without a score is empty, and the table says why. */
function contextMap(map) {
  const depths = map.lengths[0].cells.map((cell) => cell.depth_percent);
  const cells = map.lengths.flatMap((length, column) => length.cells.map((cell, row) => [column, row, cell.score, cell]));
  const label = page.series[map.series].label;
  const limit = map.effective_tokens === null ? "Recall holds at no length that was tried" : `Recall holds up to ${map.effective_tokens.toLocaleString("en")} tokens of context`;
  return figure({
    id: `chart-context-${map.series}`, title: `Recall by length and depth: ${label}`, height: 150 + 30 * depths.length,
    note: `${limit}; ${map.remark}. It holds where every depth has at least ${number(page.holdsShare * 100)} % of the highest score. An empty cell has no score.`,
    summary: `${limit}. ${map.lengths.map((length) => `${length.context_tokens} tokens: ${score(length.score, 1)}, holds: ${holdsText(length)}`).join("; ")}`,
    table: [["Tokens", ...depths.map((depth) => `${depth} %`), "Holds", "Without a score"], map.lengths.map((length) => [
      length.context_tokens, ...length.cells.map((cell) => score(cell.score, 1)), holdsText(length),
      [...new Set(length.cells.map((cell) => cell.reason).filter(Boolean))].join("; ") || ABSENT])],
    option: () => ({
      grid: { left: 62, right: 16, top: 8, bottom: 100 },
      xAxis: nameAxis(map.lengths.map((length) => length.context_tokens.toLocaleString("en")), { name: "context, tokens", nameLocation: "middle", nameGap: 28, nameTextStyle: { color: colour("faint") } }),
      yAxis: nameAxis(depths.map((depth) => `${depth} %`), { inverse: true, name: "depth", nameLocation: "middle", nameGap: 46, nameTextStyle: { color: colour("faint") } }),
      visualMap: { min: 0, max: page.maxScore, orient: "horizontal", left: "center", bottom: 4, itemHeight: narrow() ? 120 : 200, text: [`score ${page.maxScore}`, "0"], textStyle: { color: colour("text") }, inRange: { color: [0, 1, 2, 3, 4].map((step) => colour(`heat-${step}`)) } },
      tooltip: { formatter: (item) => `${item.name} tokens, depth ${depths[item.value[1]]} %\nscore ${score(item.value[2])} (n ${map.lengths[item.value[0]].cells[item.value[1]].scored})` },
      series: [{ type: "heatmap", data: cells.filter((cell) => cell[2] !== null).map((cell) => cell.slice(0, 3)), itemStyle: { borderColor: colour("page"), borderWidth: 2 }, label: { show: true, formatter: (item) => score(item.value[2], 1), color: "inherit", textBorderWidth: 0 } }],
    }),
  });
}

/** Time for the prompt against its length, and the memory beside it in the table. */
function contextCost(maps) {
  const rows = maps.flatMap((map) => map.lengths.map((length) => [page.series[map.series].label, length.context_tokens, number(length.prompt_tokens, 0), number(length.prefill_sec, 3), number(length.gpu_peak_memory_gb, 2), number(length.process_peak_memory_gb, 2)]));
  const points = (map) => map.lengths.filter((length) => length.prefill_sec !== null).map((length) => [length.prompt_tokens ?? length.context_tokens, length.prefill_sec]);
  return figure({
    id: "chart-context-cost", title: "What the prompts cost", height: 320,
    note: "Median time for the prompt, by the server's own clock, against its tokens. The table has the highest memory in use as well, where a monitor saw it.",
    summary: maps.map((map) => `${page.series[map.series].label}: ${points(map).map(([tokens, time]) => `${number(tokens)} tokens ${number(time, 3)} s`).join(", ") || "the server reports no time for prompts"}`).join("; "),
    table: [["Model", "Context tokens", "Prompt tokens", "Prefill s", "GPU GB", "Process GB"], rows],
    option: () => ({
      legend: { type: "scroll", top: 0, textStyle: { color: colour("text") }, pageTextStyle: { color: colour("text") }, pageIconColor: colour("text") },
      grid: { left: 56, right: 20, top: 40, bottom: 46 },
      xAxis: valueAxis("prompt, tokens", { min: 0 }),
      yAxis: valueAxis("time for the prompt, s", { min: 0, nameGap: 38 }),
      tooltip: { formatter: (item) => `${item.seriesName}\n${number(item.value[0])} tokens\n${number(item.value[1], 3)} s` },
      series: maps.map((map) => ({ type: "line", name: page.series[map.series].label, data: points(map), symbol: seriesSymbol(map.series), symbolSize: 9, lineStyle: { color: seriesColour(map.series), width: 2 }, itemStyle: { color: seriesColour(map.series) } })),
    }),
  });
}
