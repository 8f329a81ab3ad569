// An answer beside the expected solution, with what the tools say below the lines that they mean.

/** Equal lines around a change that stay visible; the others are folded. */
const CONTEXT = 4;

function diffOf(file, diagnostics) {
  const answer = linesOf(file.answer);
  const expected = linesOf(file.expected);
  const own = diagnostics.filter((diagnostic) => isIn(diagnostic.file, file.name));
  if (file.answer === null) return alone(file.name, expected, [], "The answer lacks this file; this is the expected one.");
  if (file.expected === null) return alone(file.name, answer, own, "There is no expected solution for this file; this is the answer.");
  if (file.edits === null) return [alone(file.name, answer, own, "Too long to be compared line by line; first the answer, then the solution."), alone(file.name, expected, [], "Expected solution")];
  const lines = file.edits.flatMap(([kind, a, aLength, b, bLength]) =>
    Array.from({ length: Math.max(aLength, bLength) }, (_, index) => ({ kind, a: index < aLength ? a + index : null, b: index < bLength ? b + index : null })));
  const keep = visible(lines, own);
  const rows = [];
  for (let index = 0; index < lines.length;) {
    if (!keep[index]) {
      let end = index;
      while (end < lines.length && !keep[end]) end += 1;
      rows.push(folded(lines.slice(index, end), answer, expected));
      index = end;
      continue;
    }
    rows.push(diffRow(lines[index], answer, expected), ...remarksOf(own, lines[index].a, 4));
    index += 1;
  }
  const same = file.edits.every(([kind]) => kind === "=");
  return el("div", { class: "file" }, el("h4", {}, file.name), same && el("p", { class: "remark" }, "The answer is the expected solution, line by line."),
    unplaced(own), scrolling(`Answer and expected solution, ${file.name}`, el("table", { class: "diff" },
      el("caption", {}, `${file.name}: answer on the left, expected solution on the right`),
      el("thead", {}, el("tr", {}, ["Line", "Answer", "Line", "Expected"].map((text) => el("th", { scope: "col" }, text)))),
      el("tbody", {}, rows))));
}

function linesOf(text) {
  const lines = (text ?? "").split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines.map((line) => line.replace(/\r$/, ""));
}

function isIn(path, name) {
  return path === name || path.endsWith(`/${name}`) || name.endsWith(`/${path}`);
}

/** Which lines are near a change or a remark. */
function visible(lines, diagnostics) {
  const keep = new Array(lines.length).fill(false);
  const meant = new Set(diagnostics.map((diagnostic) => diagnostic.line));
  lines.forEach((line, index) => {
    if (line.kind === "=" && !meant.has(line.a + 1)) return;
    for (let near = index - CONTEXT; near <= index + CONTEXT; near += 1) if (near in keep) keep[near] = true;
  });
  return keep;
}

function diffRow({ kind, a, b }, answer, expected) {
  const side = (place, lines, sign) => {
    const isOwn = kind !== "=" && place !== null;
    return [el("td", { class: "line-number" }, place === null ? "" : place + 1),
      el("td", { class: `code ${isOwn ? sign : ""} ${place === null ? "nothing" : ""}` }, isOwn && el("span", { class: "unseen" }, sign === "minus" ? "only in the answer: " : "only expected: "), place === null ? "" : lines[place])];
  };
  return el("tr", { class: kind === "=" ? "equal" : "changed" }, side(a, answer, "minus"), side(b, expected, "plus"));
}

function folded(lines, answer, expected) {
  const row = el("tr", { class: "folded" }, el("td", { colspan: 4 },
    el("button", { type: "button", class: "link", onclick: () => row.replaceWith(...lines.map((line) => diffRow(line, answer, expected))) }, `show ${count(lines.length, "equal line")}`)));
  return row;
}

/** What tools say about a line of the answer (from 0). */
function remarksOf(diagnostics, line, span) {
  if (line === null) return [];
  return diagnostics.filter((diagnostic) => diagnostic.line === line + 1).map((diagnostic) =>
    el("tr", { class: `said ${diagnostic.severity}` }, el("td", { colspan: span }, saying(diagnostic))));
}

function saying(diagnostic) {
  const place = diagnostic.column ? ` at column ${diagnostic.column}` : "";
  return [el("strong", {}, `${diagnostic.severity} ${diagnostic.code ?? ""}${place}: `), diagnostic.message];
}

/** Remarks without a line. */
function unplaced(diagnostics) {
  const whole = diagnostics.filter((diagnostic) => !diagnostic.line);
  return whole.length > 0 && el("ul", { class: "said-list" }, whole.map((diagnostic) => el("li", {}, saying(diagnostic))));
}

/** One text with line numbers and remarks. */
function alone(name, lines, diagnostics, note) {
  return el("div", { class: "file" }, el("h4", {}, name), el("p", { class: "remark" }, note), unplaced(diagnostics),
    scrolling(name, el("table", { class: "diff alone" }, el("caption", {}, name),
      el("thead", {}, el("tr", {}, ["Line", "Text"].map((text) => el("th", { scope: "col" }, text)))),
      el("tbody", {}, lines.flatMap((line, place) => [el("tr", {}, el("td", { class: "line-number" }, place + 1), el("td", { class: "code" }, line)), ...remarksOf(diagnostics, place, 2)])))));
}
