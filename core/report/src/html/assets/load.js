// Load tests: their table, and latency against throughput.

const loadOrder = { column: null };

/** The groups that measured a load. */
function loadGroups() {
  return chosenGroups("groups").filter((group) => group.load);
}

/** How requests arrive, in words. */
function arrivalOf(load) {
  const arrival = load.point.arrival;
  if (arrival.kind === "closed") return `${arrival.concurrency} at a time`;
  if (arrival.kind === "open") return `${number(arrival.rate_per_second, 2)} a second, ${arrival.poisson ? "Poisson" : "even"}`;
  return "1 at a time";
}

/** One row for each load point. */
function loadTable() {
  const groups = loadGroups();
  const figure = (stat, label, title, decimals) => ({ label, title, numeric: true, value: (group) => group.load[stat].mean, show: (group) => statCell(group.load[stat], decimals) });
  const failed = (group) => group.load.requests - group.load.answered;
  const classes = (group) => Object.entries(group.load.errors).map(([name, n]) => `${n} ${name}`).join(", ");
  const columns = [
    { label: "Model", value: (group) => page.series[group.series].label, show: (group) => page.series[group.series].label, head: true },
    { label: "Load", value: (group) => group.fixture, show: (group) => group.fixture },
    { label: "Arrival", value: (group) => arrivalOf(group.load), show: (group) => arrivalOf(group.load) },
    { label: "Runs", title: "Measured of planned attempts", numeric: true, value: (group) => group.statuses.scored ?? 0, show: (group) => group.runs },
    { label: "Answered", title: "Answered of all requests", numeric: true, value: (group) => group.load.answered, show: (group) => `${group.load.answered}/${group.load.requests}` },
    groups.some((group) => failed(group) > 0) && { label: "Failed", title: "By class; in no latency", value: failed, show: (group) => classes(group) || "none" },
    figure("requests_per_sec", "Answers/s", "Answers in a second, all streams together", 2),
    figure("output_tokens_per_sec", "tok/s, all", "Generated tokens in a second, all streams together", 1),
    figure("ttft_p50_ms", "TTFT p50 ms", "From the intended instant of sending to the first token", 1),
    figure("ttft_p99_ms", "TTFT p99 ms", "99th percentile, from 20 values on", 1),
    figure("itl_p50_ms", "ITL p50 ms", "Every gap between two pieces of content", 2),
    figure("itl_p99_ms", "ITL p99 ms", "99th percentile, from 20 values on", 2),
    figure("tpot_p50_ms", "TPOT p50 ms", "Time for each further token of a request", 2),
    { label: "Stall ms", title: "The longest gap of all", numeric: true, value: (group) => group.load.longest_gap_ms.max, show: (group) => number(group.load.longest_gap_ms.max, 1) },
    figure("e2e_p50_ms", "E2E p50 ms", "The whole answer", 1),
    figure("e2e_p99_ms", "E2E p99 ms", "99th percentile, from 20 values on", 1),
    figure("prefill_tokens_per_sec", "pp tok/s", "Prefill speed of one request", 1),
    figure("decode_tokens_per_sec", "tg tok/s", "Decode speed of one request", 1),
    groups.some((group) => group.load.goodput_share.n > 0) && { ...figure("goodput_share", "Good", "Share of requests within the SLOs", 2) },
    { label: "tok/s per 10⁹ active", title: "Decode speed for each 10⁹ parameters that take part in a token", numeric: true, value: (group) => group.tokens_per_sec_per_active_billion, show: (group) => withReason(group, "tokens_per_sec_per_active_billion", 1) },
    { label: "GB/s of weights", title: "Estimate: bytes of the active weights × decode speed of one request", numeric: true, value: (group) => group.weight_bandwidth_gb_per_sec, show: (group) => withReason(group, "weight_bandwidth_gb_per_sec", 1) },
  ].filter(Boolean);
  const place = el("div", { class: "result" });
  const draw = (focus) => {
    fill(place, sortable({ caption: "Results by load point", columns, rows: groups, order: loadOrder, redraw: draw }));
    if (focus !== undefined) place.querySelectorAll("thead button")[focus]?.focus();
  };
  draw();
  return place;
}

/** A figure of a group, or a dash with the reason. */
function withReason(group, field, decimals) {
  if (group[field] !== null) return number(group[field], decimals);
  return el("span", { class: "absent", title: group.absent[field] ?? "not measured" }, ABSENT);
}

function loadCharts() {
  const groups = loadGroups();
  if (groups.length === 0) return el("p", { class: "note" }, "No load point is left by the filters.");
  return el("div", { class: "charts" },
    latencyCurve(groups, "chart-load-ttft", "Time to first token against throughput", "ttft_p50_ms", "median TTFT, ms", (point) => point.ttft_p50_ms),
    latencyCurve(groups, "chart-load-e2e", "Time for a whole answer against throughput", "e2e_p50_ms", "median time for an answer, ms", (point) => point.e2e_p50_ms));
}

/** What throughput is shown in: tokens, or answers where the server counted the tokens of no load. */
function throughputOf(groups) {
  const hasTokens = groups.some(({ load }) => load.output_tokens_per_sec.mean !== null || load.sweep.some((point) => point.output_tokens_per_sec !== null));
  return hasTokens ? { field: "output_tokens_per_sec", name: "generated tokens/s", unit: "tokens/s", spoken: "tokens per second", decimals: 1 } : { field: "requests_per_sec", name: "answers/s", unit: "answers/s", spoken: "answers per second", decimals: 2 };
}

/** Latency over throughput: a line for each model through its load points, and one for the sustained rates of its sweeps. */
function latencyCurve(groups, id, title, field, axis, ofSweep) {
  const by = throughputOf(groups);
  const rate = (group) => group.load[by.field].mean;
  const isKnown = (group) => rate(group) !== null && group.load[field].mean !== null;
  const places = [...new Set(groups.map((group) => group.series))];
  const points = (place) => groups.filter((group) => group.series === place && isKnown(group) && group.load.sweep.length === 0);
  const swept = (place) => groups.filter((group) => group.series === place).flatMap((group) => group.load.sweep)
    .filter((point) => point[by.field] !== null && ofSweep(point) !== null).sort((a, b) => a.rate_per_second - b.rate_per_second);
  const known = groups.filter(isKnown);
  const alone = known.filter((group) => group.load.sweep.length === 0);
  const bars = alone.filter((group) => interval(group.load[field])).map((group) => [rate(group), group.load[field].mean, ...interval(group.load[field]), group.series]);
  const highest = Math.max(0, ...bars.map((bar) => bar[3]), ...alone.map((group) => group.load[field].mean), ...places.flatMap(swept).map(ofSweep));
  let layout;
  const line = (place, name, data, { dashed, joined = true, hollow }) => ({
    type: "line", name, data, symbol: seriesSymbol(place), symbolSize: 10, z: 2,
    lineStyle: { color: seriesColour(place), width: joined ? 2 : 0, type: dashed ? "dashed" : "solid" },
    itemStyle: hollow ? { color: colour("page"), borderColor: seriesColour(place), borderWidth: 2 } : { color: seriesColour(place) },
    label: { show: true, position: "top", color: colour("text"), formatter: (item) => item.data.name },
    labelLayout: layout,
  });
  const sweeps = (place) => {
    const name = `${page.series[place].label} (sweep)`;
    const data = (saturated) => swept(place).filter((point) => point.saturated === saturated).map((point) => ({ name: `${number(point.rate_per_second, 1)}/s`, saturated, value: [point[by.field], ofSweep(point)] }));
    const held = data(false);
    // A line that turns back would be read as a course that nobody measured.
    const joined = held.every((point, index) => index === 0 || point.value[0] >= held[index - 1].value[0]);
    return [line(place, name, held, { dashed: true, joined }), line(place, name, data(true), { joined: false, hollow: true })].filter((series) => series.data.length > 0);
  };
  const lost = groups.length - known.length;
  const hasSweeps = places.some((place) => swept(place).length > 0);
  return figure({
    id, title, height: narrow() ? 420 : 380,
    note: `Each point is a load, named beside it; further right is more throughput, further up is slower. Whiskers are 95 % intervals over runs.${hasSweeps ? " Dashed lines join the rates that a sweep sustained; hollow points are rates that were too much, whose times only tell how long it was measured." : ""}${lost ? ` ${count(lost, "load point")} without both figures: not shown.` : ""}`,
    summary: known.map((group) => `${page.series[group.series].label} at ${group.fixture}: ${number(rate(group), by.decimals)} ${by.spoken}, ${number(group.load[field].mean, 1)} ms`).join("; ") || "Nothing was measured.",
    table: [["Model", "Load", `${by.name}, all streams`, axis], [
      ...known.map((group) => [page.series[group.series].label, group.fixture, number(rate(group), by.decimals), number(group.load[field].mean, 1)]),
      ...places.flatMap((place) => swept(place).map((point) => [page.series[place].label, `sweep, ${number(point.rate_per_second, 2)} a second${point.offered_rate_per_sec === null ? "" : ` (${number(point.offered_rate_per_sec, 2)} offered)`}${point.saturated ? ", saturated" : ""}`, number(point[by.field], by.decimals), number(ofSweep(point), 1)])),
    ]],
    option: () => {
      const { nameGap, left } = roomForAxis(highest);
      layout = apart(left);
      return {
        legend: { type: "scroll", top: 0, textStyle: { color: colour("text") }, pageTextStyle: { color: colour("text") }, pageIconColor: colour("text") },
        grid: { left, right: 30, top: 50, bottom: 48 },
        xAxis: valueAxis(`${by.name}, all streams${narrow() ? "" : " together"}`, { min: 0 }),
        yAxis: valueAxis(axis, { min: 0, nameGap }),
        tooltip: { formatter: (item) => `${item.seriesName}\n${item.data.name}${item.data.saturated ? ", saturated" : ""}\n${number(item.data.value[0], by.decimals)} ${by.unit}\n${number(item.data.value[1], 1)} ms` },
        series: [
          whiskers(bars, { vertical: true, dashed: false, colourOf: seriesColour }),
          ...places.filter((place) => points(place).length > 0).map((place) => line(place, page.series[place].label, points(place).map((group) => ({ name: group.fixture, value: [rate(group), group.load[field].mean] })), {})),
          ...places.flatMap(sweeps),
        ],
      };
    },
  });
}
