// Headline, results, warnings, settings and machine.

const resultOrder = { models: { column: null }, levels: { column: null }, groups: { column: null } };

function headline() {
  const runs = page.runs;
  const total = (letter) => runs.reduce((sum, run) => sum + (run.statuses[letter] ?? 0), 0);
  const planned = runs.reduce((sum, run) => sum + run.planned, 0);
  const lost = ["timeout", "invalid", "infra_error", "cancelled"].map((status) => [status, total(status)]).filter(([, n]) => n > 0);
  const best = [...page.summary.models].filter((group) => group.score.mean !== null).sort((a, b) => b.score.mean - a.score.mean)[0];
  const tile = (label, value, note) => el("div", { class: "tile" }, el("dt", {}, label), el("dd", {}, value, note && el("span", { class: "remark" }, note)));
  return [
    el("div", { class: "title" }, el("div", {}, el("p", { class: "kicker" }, `llmbench · ${[...new Set(runs.map((run) => run.test))].join(", ")}`),
      el("h1", {}, runs.length === 1 ? (runs[0].name ?? runs[0].id) : `${runs.length} runs`),
      el("p", { class: "remark" }, runs.map((run) => `${run.name ? `${run.id} · ` : ""}${moment(run.started_at)} · ${run.is_over ? run.status : "running"}`).join(" — "))),
    el("button", { type: "button", id: "theme", onclick: switchTheme }, "Light or dark")),
    runs.filter((run) => run.error).map((run) => el("p", { class: "note bad" }, run.error)),
    runs.filter((run) => run.default_choice).map((run) => el("p", { class: "note" }, run.default_choice)),
    el("dl", { class: "tiles" },
      tile(page.isScored ? "Attempts scored" : "Attempts measured", `${total("scored").toLocaleString("en")} of ${planned.toLocaleString("en")}`, lost.map(([status, n]) => `${n} ${status.replace("_", " ")}`).join(", ")),
      tile("Models", page.series.length),
      tile(page.hasLoads ? "Load points" : "Fixtures", page.fixtures.length),
      page.isScored && tile(page.series.length > 1 ? "Highest mean score" : "Mean score", best ? `${score(best.score.mean)} of ${page.maxScore}` : ABSENT, best ? `${page.series.length > 1 ? `${page.series[best.series].label}, ` : ""}n = ${best.score.n}` : "no attempt was scored"),
      tile("Took", seconds(runs.every((run) => run.elapsed_sec !== null) ? runs.reduce((sum, run) => sum + run.elapsed_sec, 0) : null), runs.every((run) => run.is_over) ? null : "still running, or killed")),
  ];
}

function resultTable(name, caption) {
  const groups = chosenGroups(name);
  const figure = (stat, label, title, decimals, show = number, value = (group) => group[stat].mean) => ({ label, title, numeric: true, value, show: (group) => statCell(group[stat], decimals, show) });
  const single = (label, title, value, decimals) => ({ label, title, numeric: true, value, show: (group) => number(value(group), decimals) });
  const columns = [
    { label: "Model", value: (group) => page.series[group.series].label, show: (group) => page.series[group.series].label, head: true },
    name === "levels" && { label: "Level", numeric: true, value: (group) => group.level, show: (group) => group.level },
    name === "groups" && { label: "Fixture", value: (group) => group.fixture, show: (group) => group.fixture || "(no fixture)" },
    name === "groups" && page.levels.length > 1 && { label: "Level", numeric: true, value: (group) => group.level, show: (group) => group.level ?? ABSENT },
    { label: page.isScored ? "Scored" : "Measured", title: "Of planned attempts", numeric: true, value: (group) => group.statuses.scored ?? 0, show: (group) => group.runs },
    page.isScored && figure("score", `Score /${page.maxScore}`, name === "groups" ? "Mean of the scored attempts" : "Mean of the fixtures' means", 2, score),
    page.runs.some((run) => run.has_compiles) && { label: "Compiles", title: "Answers that type-check", numeric: true, value: (group) => group.compiles.share, show: (group) => group.compiles.n === 0 ? el("span", { class: "absent", title: group.compiles_unknown }, ABSENT) : rateCell(group.compiles) },
    groups.some((group) => group.correct?.n > 0) && { label: "Correct", title: `Scored attempts with a score of at least ${page.passScore}`, numeric: true, value: (group) => group.correct.share, show: (group) => rateCell(group.correct) },
    page.runs.some((run) => run.has_ast) && figure("ast_score", "AST /10", "Structure alone", 1, score),
    figure("tokens_per_sec", "tok/s", "Decode speed", 1), figure("duration_sec", "Duration s", "Time for a whole answer", 1),
    figure("ttft_sec", "TTFT s", "Time to first token of a new prompt", 3),
    single("GPU %", "Mean utilisation during generation", (group) => group.gpu_avg_utilization.mean, 0),
    single("GPU GB", "Highest memory in use", (group) => group.gpu_peak_memory_gb.max, 2),
    single("Energy J", "Mean energy of an attempt", (group) => group.energy_joules.mean, 0),
  ].filter(Boolean);
  const place = el("div", { class: "result" });
  const draw = (focus) => {
    fill(place, sortable({ caption, columns, rows: groups, order: resultOrder[name], redraw: draw }));
    if (focus !== undefined) place.querySelectorAll("thead button")[focus]?.focus();
  };
  draw();
  return place;
}

function remarks() {
  const of = (name, title) => page.runs.flatMap((run) => run[name].map((text) => (page.runs.length > 1 ? `${run.name || run.id}: ${text}` : text)));
  const lists = [["Warnings", of("warnings")], ["Remarks", of("remarks")], ["Not measured", of("missing")]].filter(([, items]) => items.length > 0);
  if (lists.length === 0) return el("p", {}, "There are none.");
  return lists.map(([title, items]) => [el("h3", {}, title), el("ul", { class: "texts" }, items.map((item) => el("li", {}, item)))]);
}

function setup() {
  return page.runs.map((run) => el("div", { class: "run" }, page.runs.length > 1 && el("h3", {}, run.name || run.id),
    run.models.map((model) => [el("h3", {}, model.name), plainTable(`What is known of ${model.name}`, ["", "Value", "Why not, or how"], model.rows.map(([label, value, reason]) => [label, value ?? ABSENT, reason ?? ""]))]),
    el("h3", {}, "Settings"), plainTable("Settings and where they come from", ["Setting", "Value", "Origin"], run.settings),
    el("h3", {}, "Environment"), plainTable("Machine, server and tools", ["What", "Value"], run.environment.map(([label, value]) => [label, value ?? "unknown"])),
    el("h3", {}, "Command line"), el("pre", { tabindex: "0" }, run.argv.join(" "))))
    .concat(el("h3", {}, "Fixtures"), plainTable("Fixtures", ["Fixture", "Level", "Title", "Origin", "SHA-256"], page.fixtures.map((fixture) => [fixture.name, fixture.level ?? ABSENT, fixture.title ?? "", fixture.origin ?? "", (fixture.sha256 ?? "").slice(0, 12)])));
}
