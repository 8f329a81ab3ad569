// The run's data: names by number, summaries as they stand in summary.json, attempts as rows.

const STATUSES = { s: "scored", t: "timeout", i: "invalid", e: "infra error", c: "cancelled" };

/** What is shown; replaced as a whole when a served page gets newer data. */
let page = null;
/** Column name → its place in a row. */
let at = {};

function load(data) {
  page = data;
  page.summary = revive(page.summary);
  at = Object.fromEntries(page.columns.map((name, place) => [name, place]));
  page.series.forEach((series, place) => {
    series.label = labelOf(series);
    series.place = place;
  });
  page.levels = [...new Set(page.fixtures.map((fixture) => fixture.level).filter((level) => level !== null))].sort();
  page.passScore = page.runs.find((run) => run.pass_score !== null)?.pass_score ?? null;
  page.isScored = page.runs.some((run) => run.is_scored);
  page.hasLoads = page.summary.groups.some((group) => group.load);
  page.maxScore = Math.max(...page.runs.map((run) => run.max_score));
}

/** A model's name, with its run where there are several. */
function labelOf(series) {
  const run = page.runs[series.run];
  return page.runs.length > 1 ? `${series.model} · ${run.name || run.id}` : series.model;
}

/** Puts long texts back where `{"$": number}` stands for them. */
function revive(value) {
  if (Array.isArray(value)) return value.map(revive);
  if (value === null || typeof value !== "object") return value;
  const keys = Object.keys(value);
  if (keys.length === 1 && keys[0] === "$") return page.texts[value.$];
  return Object.fromEntries(keys.map((key) => [key, revive(value[key])]));
}

/** What became of an attempt; without scores the good ones are measured, not scored. */
function statusOf(row) {
  return row[at.status] === "s" && !runOf(row).is_scored ? "measured" : STATUSES[row[at.status]];
}

/** The id of an attempt, put together again where only its parts are kept. */
function idOf(row) {
  const id = row[at.id];
  if (typeof id === "string") return id;
  return `${String(id).padStart(5, "0")}-${page.texts[row[at.middle]]}-r${row[at.run]}`;
}

function runOf(row) {
  return page.runs[page.series[row[at.series]].run];
}

/** The part of the page's address that names an attempt: ids may repeat from run to run. */
function addressOf(row) {
  return `#attempt=${encodeURIComponent(runOf(row).id)}/${encodeURIComponent(idOf(row))}`;
}

function fixtureName(place) {
  return page.fixtures[place]?.name || "(no fixture)";
}

function firstError(row) {
  return row[at.error] === null ? null : page.texts[row[at.error]];
}

/** The details of an attempt: from the page, else from the server that the page came from. */
async function detailOf(place) {
  const known = page.details[place];
  if (known) return revive(known);
  if (!page.served) return null;
  const row = page.rows[place];
  const run = page.series[row[at.series]].run;
  const answer = await fetch(`attempt/${run}/${encodeURIComponent(idOf(row))}`);
  if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
  return answer.json();
}

/** 95 % interval of a mean: `[low, high]`, or null where there are too few values for one. */
function interval(stat) {
  if (!stat.ci95) return null;
  // Times, speeds and scores are never below 0, whatever a few values that differ much suggest.
  const least = stat.min >= 0 ? 0 : -Infinity;
  return [Math.max(stat.ci95.low, least), stat.ci95.high];
}
