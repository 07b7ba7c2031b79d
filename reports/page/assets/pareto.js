"use strict";
// The Pareto figure for any width: beside its legend on a wide screen, above it and one panel below the other on a phone.
const FIGURE = JSON.parse(document.getElementById("figure").textContent);
const PLOT = document.getElementById("plot");
const PHONE = 700;
const COARSE = matchMedia("(pointer: coarse)").matches;
const AXES = Object.keys(FIGURE.layout).filter((key) => /^[xy]axis\d*$/.test(key));
const ORIGINAL = structuredClone(FIGURE.layout);
const SCENE = "scene" in FIGURE.layout;
const hidden = new Set();
let turning = false;

function makeSvg(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** The mark of a legend entry, as Plotly draws it. */
function markOf(trace) {
  const svg = makeSvg("svg", { class: "mark", width: 26, height: 22, viewBox: "0 0 26 22", "aria-hidden": "true" });
  if (trace.mode === "lines") {
    svg.append(makeSvg("path", { d: "M1 11H25", stroke: trace.line.color, "stroke-width": trace.line.width || 2, fill: "none" }));
    return svg;
  }
  const { symbol, color, size } = trace.marker;
  const edge = trace.marker.line || {};
  const open = symbol.endsWith("-open");
  const name = symbol.replace(/-open$/, "");
  const style = { fill: open ? "none" : color, stroke: (open ? color : edge.color) || color, "stroke-width": edge.width || 1 };
  const radius = Math.min(size || 10, 16) / 2;
  if (name === "x" || name === "cross-thin") {
    const reach = name === "x" ? 4 : 5.5;
    const d = name === "x" ? `M${13 - reach} ${11 - reach}l8 8m0 -8l-8 8` : "M13 5.5v11M7.5 11h11";
    svg.append(makeSvg("path", { d, stroke: name === "x" ? color : style.stroke, "stroke-width": name === "x" ? 3.4 : 2.2, fill: "none" }));
  } else svg.append(markSvg(name, 13, 11, radius, style.fill, style));
  return svg;
}

function buildLegend() {
  const holder = document.getElementById("legend");
  let part = document.createElement("div");
  for (const trace of FIGURE.data.filter((one) => one.showlegend)) {
    const heading = trace.legendgrouptitle && trace.legendgrouptitle.text;
    if (heading) {
      part = document.createElement("div");
      const title = document.createElement("h2");
      title.textContent = heading.replace(/<br>/g, "");
      part.append(title);
      holder.append(part);
    }
    const entry = document.createElement(trace.meta === "shape" ? "span" : "button");
    entry.append(markOf(trace), document.createTextNode(trace.name));
    part.append(entry);
    if (trace.meta === "shape") {
      entry.className = "shape";
      continue;
    }
    entry.type = "button";
    entry.setAttribute("aria-pressed", "true");
    entry.addEventListener("click", () => {
      hidden.has(trace.legendgroup) ? hidden.delete(trace.legendgroup) : hidden.add(trace.legendgroup);
      entry.setAttribute("aria-pressed", `${!hidden.has(trace.legendgroup)}`);
      show();
    });
  }
}

const narrow = () => PLOT.clientWidth < PHONE;

/** Which traces are seen: not those switched off, and the labels of this width alone. */
function visibility() {
  const other = narrow() ? "wide" : "narrow";
  const labels = FIGURE.data.some((trace) => trace.meta === "narrow");
  return FIGURE.data.map((trace) => !hidden.has(trace.legendgroup) && !(labels && trace.meta === other));
}
function show() {
  Plotly.restyle(PLOT, { visible: visibility() });
}

/** A title that a narrow plot has room for: its unit in a line of its own. */
const broken = (text) => (text || "").replace(" (", "<br>(");

function layoutNow() {
  const width = PLOT.clientWidth;
  const layout = structuredClone(ORIGINAL);
  const large = innerWidth >= 1600;
  Object.assign(layout, { title: undefined, showlegend: false, width, dragmode: COARSE ? false : "zoom", autosize: false });
  layout.annotations = (layout.annotations || []).filter((one) => one.name !== "note");
  layout.margin = narrow() ? { l: 4, r: 10, t: 8, b: 8 } : { l: 8, r: 12, t: 12, b: 12 };
  layout.font = { ...layout.font, size: large ? 18 : 13 };
  for (const key of AXES) {
    const axis = layout[key];
    axis.automargin = true;
    if (axis.title && axis.title.text) {
      axis.title.font = { size: large ? 18 : narrow() ? 12 : 13 };
      if (narrow()) axis.title.text = broken(axis.title.text);
    }
    if (narrow()) axis.tickfont = { size: 11 };
    if (narrow() && axis.ticktext) axis.ticktext = axis.ticktext.map((text) => text.replace("published presets", "published<br>presets"));
    if (narrow() && axis.tickvals && key.startsWith("x")) {
      const every = Math.ceil(axis.tickvals.length / 5);
      axis.tickvals = axis.tickvals.filter((_, i) => i % every === 0);
      if (axis.ticktext) axis.ticktext = axis.ticktext.filter((_, i) => i % every === 0);
    }
  }
  if (!SCENE) {
    layout.height = narrow() ? 470 : Math.max(420, Math.min(innerHeight - 240, 0.7 * width));
    return layout;
  }
  layout.scene.dragmode = COARSE && !turning ? false : "orbit";
  const eye = layout.scene.camera.eye;
  if (narrow()) for (const side of Object.keys(eye)) eye[side] *= 1.25;
  if (large) for (const key of ["xaxis", "yaxis", "zaxis"]) layout.scene[key].title.font = { size: 16 };
  if (narrow()) stack(layout);
  else layout.height = Math.max(700, Math.min(innerHeight - 240, 1.05 * width));
  return layout;
}

/** The panels one below the other, the 3-D view last. */
function stack(layout) {
  const gap = 0.075;
  const part = (1 - 3 * gap) / 4;
  const places = [0, 1, 2, 3].map((i) => [1 - (i + 1) * part - i * gap, 1 - i * (part + gap)]);
  ["", "2", "3"].forEach((end, i) => {
    layout[`xaxis${end}`].domain = [0, 1];
    layout[`yaxis${end}`].domain = places[i];
  });
  layout.scene.domain = { x: [0, 1], y: places[3] };
  layout.height = 1560;
}

/** On a phone a hover text is wider than the screen: it stands below the plot. */
function say(event) {
  const text = event.points.map((one) => one.hovertext || one.data.hovertext?.[one.pointNumber]).find(Boolean);
  if (text && (COARSE || narrow())) document.getElementById("said").innerHTML = text;
}

buildLegend();
const CONFIG = { displaylogo: false, responsive: false, displayModeBar: COARSE ? false : "hover", toImageButtonOptions: { scale: 2 } };
const quiet = () => FIGURE.data.map((trace) => (trace.hoverinfo === "text" && (COARSE || narrow()) ? "none" : trace.hoverinfo || "skip"));
const hovers = FIGURE.data.map((trace) => trace.hoverinfo);
function draw() {
  FIGURE.data.forEach((trace, i) => (trace.hoverinfo = hovers[i]));
  const info = quiet();
  const visible = visibility();
  FIGURE.data.forEach((trace, i) => {
    Object.assign(trace, { hoverinfo: info[i], visible: visible[i] });
    if (trace.textfont) trace.textfont.size = innerWidth >= 1600 ? 15 : 11;
  });
  return Plotly.react(PLOT, FIGURE.data, layoutNow(), CONFIG);
}
draw().then(() => {
  for (const name of ["plotly_hover", "plotly_click"]) PLOT.on(name, say);
  document.documentElement.dataset.ready = "yes";
});
document.getElementById("reset").addEventListener("click", draw);
const turn = document.getElementById("turn");
turn.hidden = !(SCENE && COARSE);
turn.addEventListener("click", () => {
  turning = !turning;
  turn.setAttribute("aria-pressed", `${turning}`);
  Plotly.relayout(PLOT, { "scene.dragmode": turning ? "orbit" : false });
});
let waiting = 0;
let width = innerWidth;
addEventListener("resize", () => {
  if (innerWidth === width) return; // a phone's address bar that comes and goes
  width = innerWidth;
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(draw);
});
