"use strict";
// Data, numbers, theme and the selection that every part of the page shares.
const DATA = JSON.parse(document.getElementById("data").textContent);
const COLUMNS = new Map(DATA.columns.map((column) => [column.key, column]));
const NUMBERS = DATA.columns.filter((column) => column.kind === "number");
const ROWS = DATA.ranks.length;
const FRONT = new Set(DATA.front);
const GIVEN = new Set(DATA.given);
const byId = (id) => document.getElementById(id);

function textOf(column, row) {
  const code = column.codes[row];
  return code < 0 ? "" : column.words[code];
}
const labelOf = (row) => textOf(COLUMNS.get("label"), row);
const unitOf = (row) => textOf(COLUMNS.get("unit"), row);
const stateOf = (row) => textOf(COLUMNS.get("state"), row);

/** A number of a column in the column's own unit, rounded; "" where nothing is known. */
function numberText(column, value) {
  return value === null || value === undefined ? "" : (value / column.factor).toFixed(column.digits);
}
/** Whether a measured number is not to be trusted. */
const unstable = (column, row) => Boolean(column.unstable && column.unstable.includes(row));
/** The same with the mark of an unstable number. */
function cellText(column, row) {
  return (unstable(column, row) ? "~" : "") + numberText(column, column.values[row]);
}
/** What else is known of how a number was measured. */
function cellTitle(column, row) {
  const first = column.first ? numberText(column, column.first[row]) : "";
  return [unstable(column, row) ? "unstable" : "", first ? `measured again; first ${first}` : ""].filter(Boolean).join("; ");
}

const SIZES = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];
/** A short number for an axis. */
function shortNumber(value, si) {
  if (si) {
    for (const [factor, letter] of SIZES) {
      if (Math.abs(value) >= 0.9995 * factor) return `${+(value / factor).toPrecision(3)}${letter}`;
    }
  }
  return `${+value.toPrecision(4)}`;
}

/** Round places on an axis between low and high. */
function ticksBetween(low, high, log, most) {
  if (!(high > low)) return [low];
  if (log) {
    for (const steps of [[1], [1, 3], [1, 2, 5], [1, 1.5, 2, 3, 5, 7]]) {
      const ticks = [];
      for (let decade = Math.floor(Math.log10(low)); decade <= Math.ceil(Math.log10(high)); decade++) {
        for (const step of steps) ticks.push(step * 10 ** decade);
      }
      const inside = ticks.filter((tick) => tick >= low && tick <= high);
      if (inside.length >= Math.min(4, most) || steps.length === 6) return thinned(inside, most);
    }
  }
  const rough = (high - low) / most;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * size).find((one) => one >= rough);
  const ticks = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high + step * 1e-9; tick += step) ticks.push(+tick.toPrecision(12));
  return ticks;
}
const thinned = (ticks, most) => ticks.filter((_, i) => i % Math.ceil(ticks.length / most) === 0);

/** A scale from data to 0..1 with room at both ends. */
function scaleOf(values, log, room = 0.05, roomBelow = room) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value === null || value === undefined || (log && value <= 0)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) [low, high] = [0, 1];
  const to = log ? Math.log : (value) => value;
  const from = log ? Math.exp : (value) => value;
  const span = to(high) - to(low) || Math.abs(to(high)) * 0.1 || 1;
  const ends = [to(low) - roomBelow * span, to(high) + room * span];
  return {
    log, low: from(ends[0]), high: from(ends[1]),
    at: (value) => (value === null || value === undefined || (log && value <= 0) ? NaN : (to(value) - ends[0]) / (ends[1] - ends[0])),
  };
}

/** Colours of the style sheet as they are now: light, dark or printed. */
function theme() {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(name).trim();
  return { ink: read("--ink"), muted: read("--muted"), grid: read("--grid"), paper: read("--card"), accent: read("--accent") };
}
/** A unit's colour; black would vanish on dark paper, so it becomes the ink. */
function colourOf(unit, colours) {
  const [colour] = DATA.looks[unit] || ["#7F7F7F"];
  return colour === "#000000" ? colours.ink : colour;
}
/** The colour of a trial: of its study where the page is of several, else of its unit. */
function rowColour(row, colours) {
  const colour = DATA.studies.length > 1 ? DATA.studies[DATA.study_of[row]][1] : colourOf(unitOf(row), colours);
  return colour === "#000000" ? colours.ink : colour;
}
const symbolOf = (unit) => (DATA.looks[unit] || ["", "circle"])[1];

const selected = new Set();
const listeners = { selection: [], paint: [] };
const tell = (what) => listeners[what].forEach((listener) => listener());
function select(rows, keep) {
  if (!keep) selected.clear();
  for (const row of rows) {
    if (keep && rows.length === 1 && selected.has(row)) selected.delete(row);
    else selected.add(row);
  }
  tell("selection");
}

/** An element with attributes, properties of text, and children; text is never read as HTML. */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}
function makeSvg(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}
/** A canvas fitted to its box at the screen's density; drawn in CSS pixels. */
function fitted(canvas, width, height) {
  const density = Math.max(window.devicePixelRatio || 1, 1);
  canvas.width = Math.round(width * density);
  canvas.height = Math.round(height * density);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const pen = canvas.getContext("2d");
  pen.setTransform(density, 0, 0, density, 0, 0);
  pen.clearRect(0, 0, width, height);
  return pen;
}
const FONT = "-apple-system, 'Segoe UI', Inter, 'Liberation Sans', Arial, sans-serif";
