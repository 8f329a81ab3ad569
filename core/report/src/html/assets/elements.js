// Elements are made of names and text, never of markup: what a model wrote cannot become part of the page.

const ABSENT = "–";

/** An element; attributes that are null or false are left out, `onclick` and its like become listeners. */
function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "selected") node[name] = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false).map(asNode));
  return node;
}

function asNode(child) {
  return child instanceof Node ? child : document.createTextNode(String(child));
}

function byId(id) {
  return document.getElementById(id);
}

/** Replaces what an element holds. */
function fill(node, ...children) {
  node.replaceChildren(...children.flat(Infinity).filter(Boolean).map(asNode));
  return node;
}

/** A section with a heading that the list of contents and screen readers find. */
function section(id, title, ...children) {
  return el("section", { id, "aria-labelledby": `${id}-title` }, el("h2", { id: `${id}-title` }, title), children);
}

/** A figure with so many decimals; what was not measured is a dash, never a zero. */
function number(value, decimals = 0) {
  if (value === null || value === undefined || !Number.isFinite(value)) return ABSENT;
  return value.toFixed(decimals);
}

/** A score that never looks better than it is: 9.996 is not 10.00. */
function score(value, decimals = 2) {
  if (value === null || value === undefined) return ABSENT;
  const factor = 10 ** decimals;
  return (Math.floor(value * factor + 1e-9) / factor).toFixed(decimals);
}

function count(n, one, many = `${one}s`) {
  return `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
}

function seconds(value) {
  if (value === null || value === undefined) return ABSENT;
  if (value < 120) return `${number(value, value < 10 ? 1 : 0)} s`;
  const minutes = Math.round(value / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A time of day for people, in UTC as in the files. */
function moment(text) {
  return text ? text.replace("T", " ").replace(/(\.\d+)?Z$/, " UTC") : ABSENT;
}

/** Tells screen readers what has changed. */
function announce(text) {
  byId("status").textContent = text;
}
