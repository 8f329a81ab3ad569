// One attempt in full.

/** Place of the attempt that is open; null when none is. */
let openPlace = null;

async function openAttempt(place, focus) {
  openPlace = place;
  drawAttempts();
  const row = page.rows[place];
  const id = idOf(row);
  const panel = byId("attempt");
  history.replaceState(null, "", addressOf(row));
  let found = null;
  let problem = null;
  try {
    found = await detailOf(place);
  } catch (error) {
    problem = `The attempt cannot be fetched: ${error.message}.`;
  }
  if (openPlace !== place) return;
  panel.hidden = false;
  fill(panel, head(place, id), found ? detailParts(row, found) : el("p", { class: "note" }, problem ?? leftOut(row, id)));
  drawCharts();
  if (focus) {
    byId("attempt-title").focus();
    panel.scrollIntoView({ block: "start" });
  }
}

function leftOut(row, id) {
  const run = runOf(row);
  return `The details of ${count(page.left_out, "attempt")} are not in this file, so that it stays small. See them with llmbench report ${run.id} --serve, or in the run's folder below artifacts/${id}.`;
}

function closeAttempt() {
  openPlace = null;
  byId("attempt").hidden = true;
  history.replaceState(null, "", "#attempts");
  drawAttempts();
  byId("attempts-title").focus();
}

function head(place, id) {
  const step = (by) => {
    const index = chosen.indexOf(place) + by;
    return { disabled: !(index in chosen), onclick: () => openAttempt(chosen[index], true) };
  };
  return el("div", { class: "attempt-head" }, el("h2", { id: "attempt-title", tabindex: "-1" }, id),
    el("div", { class: "buttons" }, el("button", { type: "button", ...step(-1) }, "← previous"), el("button", { type: "button", ...step(1) }, "next →"), el("button", { type: "button", onclick: closeAttempt }, "close")));
}

function detailParts(row, found) {
  const diagnostics = (found.findings ?? []).flatMap((finding) => finding.diagnostics);
  const list = (title, items) => items.length > 0 && [el("h3", {}, title), el("ul", { class: "texts" }, items.map((item) => el("li", {}, item)))];
  return [
    el("p", { class: "facts" }, badge(row), fact(`score ${score(row[at.score])} of ${page.maxScore}`), row[at.compiles] !== null && fact(row[at.compiles] ? "compiles" : "does not compile"),
      fact(`${number(row[at.speed], 1)} tokens/s`), fact(`${number(row[at.duration], 2)} s`), fact(`${row[at.prompt_tokens] ?? ABSENT} tokens read, ${row[at.tokens] ?? ABSENT} written`), found.done_reason && fact(`end: ${found.done_reason}`), fact(`seed ${found.seed}`), fact(moment(found.timestamp))),
    found.reason && el("p", { class: "note" }, `The whole record is not shown: ${found.reason}.`),
    list("Errors", found.errors), list("Warnings", found.warnings), list("Retried after", found.retries),
    scoringParts(found.scoring),
    el("h3", {}, "Answer and expected solution"),
    found.expected_reason && el("p", { class: "note" }, `The expected solution is not shown: ${found.expected_reason}.`),
    found.answer_reason && el("p", { class: "note" }, `There is no answer to show: ${found.answer_reason}.`),
    found.files.map((file) => diffOf(file, diagnostics)),
    elsewhere(found, diagnostics),
    el("h3", {}, "Judges"), (found.findings ?? []).map(judge),
    el("h3", {}, "Hardware"), timeline(found.timeline),
    el("h3", {}, "Prompt and raw answer"),
    found.conversation_reason && el("p", { class: "note" }, `Not shown: ${found.conversation_reason}.`),
    found.conversation.map((message) => el("details", { class: "message", open: message.kind === "answer" || message.kind === "failure" }, el("summary", {}, message.kind), el("pre", { tabindex: "0" }, message.text), message.bytes_left_out > 0 && el("p", { class: "remark" }, `${count(message.bytes_left_out, "byte")} more in artifacts/${found.id}.`))),
    Object.keys(found.missing).length > 0 && [el("h3", {}, "Not measured"), plainTable("Figures that were not measured", ["Figure", "Reason"], Object.entries(found.missing))],
  ];
}

function fact(text) {
  return el("span", { class: "fact" }, text);
}

/** Diagnostics about files that are not shown above, such as a probe. */
function elsewhere(found, diagnostics) {
  const others = diagnostics.filter((diagnostic) => !found.files.some((file) => isIn(diagnostic.file, file.name)));
  return others.length > 0 && [el("h4", {}, "About other files"), el("ul", { class: "said-list" }, others.map((diagnostic) => el("li", {}, `${diagnostic.file}${diagnostic.line ? `:${diagnostic.line}` : ""} `, saying(diagnostic))))];
}

function scoringParts(scoring) {
  const parts = Object.entries(scoring?.parts ?? {});
  const gates = Object.entries(scoring?.gates ?? {});
  if (parts.length + gates.length === 0) return null;
  const share = (value) => (typeof value === "number" ? `${number(value * 100)} %` : ABSENT);
  return [el("h3", {}, "How the score came about"),
    gates.length > 0 && plainTable("Gates", ["Gate", "Passed", "Caps the score at"], gates.map(([name, gate]) => [name, gate.passed === null || gate.passed === undefined ? "not checked" : gate.passed ? "yes" : "no", number(gate.cap ?? null, 1)])),
    parts.length > 0 && plainTable("Parts", ["Part", "Weight", "Earned"], parts.map(([name, part]) => [name, number(part.weight ?? null, 1), share(part.earned)]))];
}

function judge(finding) {
  const failed = finding.checks.filter((check) => !check.passed);
  const passed = finding.checks.length - failed.length;
  return el("details", { class: "judge", open: finding.status === "failed" },
    el("summary", {}, `${finding.role}: ${finding.status}${finding.validator ? ` by ${finding.validator}` : ""}${finding.score === null ? "" : `, ${score(finding.score)} of 10`}`),
    finding.reason && el("p", {}, finding.reason),
    finding.checks.length > 0 && el("p", {}, `${passed} of ${count(finding.checks.length, "check")} passed.`),
    failed.length > 0 && el("ul", { class: "texts" }, failed.map((check) => el("li", {}, el("strong", {}, check.name), check.message ? `: ${check.message}` : ""))),
    finding.diagnostics.length > 0 && el("ul", { class: "said-list" }, finding.diagnostics.map((diagnostic) => el("li", {}, `${diagnostic.file}${diagnostic.line ? `:${diagnostic.line}` : ""} `, saying(diagnostic)))),
    finding.more_diagnostics > 0 && el("p", { class: "remark" }, `${finding.more_diagnostics} more in the record.`));
}
