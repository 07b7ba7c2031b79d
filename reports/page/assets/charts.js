"use strict";
// The small charts, from infos computed in Python: bars, steps, curves, intervals; and lines through the fields.

function emptyNote(text) {
  return make("p", { class: "note" }, text);
}
function svgText(x, y, text, attributes = {}) {
  return makeSvg("text", { x, y, ...attributes }, text);
}
/** Axes of a small chart: returns the svg and functions from data to places. */
function frame(holder, height, xs, ys, titles, room = { left: 58, bottom: 42 }) {
  const W = Math.max(300, Math.min(720, holder.clientWidth || 520));
  const svg = makeSvg("svg", { class: "chart", width: W, height, viewBox: `0 0 ${W} ${height}`, role: "img", "aria-label": titles.join(" over ") });
  const box = { left: room.left, right: W - 16, top: 12, bottom: height - room.bottom };
  const x = (value) => box.left + xs.at(value) * (box.right - box.left);
  const y = (value) => box.bottom - ys.at(value) * (box.bottom - box.top);
  for (const tick of ticksBetween(xs.low, xs.high, false, W < 420 ? 4 : 6)) {
    if (tick < xs.low) continue;
    svg.append(makeSvg("line", { class: "grid", x1: x(tick), x2: x(tick), y1: box.top, y2: box.bottom }));
    svg.append(svgText(x(tick), box.bottom + 16, shortNumber(tick, false), { class: "tick", "text-anchor": "middle" }));
  }
  if (titles[0]) {
    for (const tick of ticksBetween(ys.low, ys.high, false, 5)) {
      svg.append(makeSvg("line", { class: "grid", x1: box.left, x2: box.right, y1: y(tick), y2: y(tick) }));
      svg.append(svgText(box.left - 7, y(tick) + 4, shortNumber(tick, false), { class: "tick", "text-anchor": "end" }));
    }
    svg.append(svgText(0, 0, titles[0], { class: "axis", "text-anchor": "middle", transform: `translate(13 ${(box.top + box.bottom) / 2}) rotate(-90)` }));
  }
  svg.append(svgText((box.left + box.right) / 2, height - 6, titles[1], { class: "axis", "text-anchor": "middle" }));
  return { svg, x, y, box };
}
const plainScale = (low, high) => ({ low, high, at: (value) => (value - low) / (high - low || 1) });

function drawWeights() {
  const holder = byId("chart-weights");
  holder.replaceChildren(...DATA.weights.flatMap((one) => {
    const title = make("p", { class: "chart-title" }, one.title);
    if (one.reason) return [title, emptyNote(`Nothing can be said: ${one.reason}.`)];
    title.append(make("small", {}, ` R² ${one.explained}${one.logarithm ? " of its logarithm" : ""} on unseen networks, ${one.networks} networks`));
    const height = 46 + 24 * one.fields.length;
    const high = Math.max(...one.fields.map((field) => field[3]), 0.01);
    const { svg, x } = frame(holder, height, plainScale(0, high * 1.05), plainScale(0, 1), ["", "loss of R²"], { left: 150, bottom: 38 });
    one.fields.forEach(([name, mean, low, top], i) => {
      const y = 16 + 24 * i;
      svg.append(
        svgText(142, y + 11, name, { class: "name", "text-anchor": "end" }),
        makeSvg("rect", { class: "weight", x: x(0), y, width: Math.max(0, x(mean) - x(0)), height: 15, rx: 2 }),
        makeSvg("path", { class: "whisker", d: `M${x(low)} ${y + 7.5}H${x(top)}M${x(low)} ${y + 3.5}v8M${x(top)} ${y + 3.5}v8` }),
      );
    });
    return [title, svg];
  }));
}

function drawProgress() {
  const one = DATA.progress;
  const holder = byId("chart-progress");
  if (!one) return holder.replaceChildren(emptyNote(`Nothing can be said: ${DATA.lacking.progress}.`));
  const xs = plainScale(0, Math.max(one.total, 1));
  const top = Math.max(...one.shares) * 108 || 1;
  const { svg, x, y } = frame(holder, 270, xs, plainScale(0, top), ["hypervolume (% of the box)", one.counted]);
  let path = `M${x(0)} ${y(0)}`;
  one.trials.forEach((trial, i) => (path += `H${x(trial)}V${y(100 * one.shares[i])}`));
  svg.append(makeSvg("path", { class: "step", d: `${path}H${x(one.total)}` }));
  if (one.trials.length <= 60) {
    one.trials.forEach((trial, i) => svg.append(makeSvg("circle", { class: "dot", cx: x(trial), cy: y(100 * one.shares[i]), r: 3 })));
  }
  byId("note-progress").textContent = `Share of the box between each objective's best value and the reference point (${one.reference}) that the front dominates.`;
  return holder.replaceChildren(svg);
}

function drawCurves() {
  const { lines, total, judged, metric } = DATA.curves;
  const holder = byId("chart-curves");
  if (!lines.length) return holder.replaceChildren(emptyNote("No trial has a history.csv."));
  const colours = theme();
  const rows = new Map(Array.from({ length: ROWS }, (_, row) => [labelOf(row), row]));
  const xs = plainScale(1, Math.max(2, ...lines.flatMap((line) => line[3])));
  const ys = scaleOf(lines.flatMap((line) => line[4]), false);
  const { svg, x, y } = frame(holder, 270, xs, ys, [judged ? `validation ${metric}` : "training loss", "epoch"]);
  for (const [label, unit, front, epochs, values] of [...lines].sort((a, b) => a[2] - b[2])) {
    const points = epochs.map((epoch, i) => [x(epoch), y(values[i])]).filter((point) => point.every(Number.isFinite));
    const row = rows.get(label);
    const colour = row === undefined ? colourOf(unit, colours) : rowColour(row, colours);
    const group = makeSvg("g", { opacity: front ? 1 : 0.45 }, makeSvg("title", {}, `trial ${label} · ${unit}`));
    group.append(makeSvg("polyline", { points: points.map((p) => p.join(",")).join(" "), fill: "none", stroke: colour, "stroke-width": front ? 2.6 : 1.3 }));
    const end = points[points.length - 1];
    if (end) group.append(markSvg(symbolOf(unit), end[0], end[1], front ? 5 : 3.5, colour, { stroke: colours.ink, "stroke-width": 0.6 }));
    svg.append(group);
  }
  byId("note-curves").textContent = `${lines.length} of ${total} trials with a history; thick: on the front. Colours and marks as in the front.`;
  return holder.replaceChildren(svg);
}

function drawSpreads() {
  const holder = byId("chart-spreads");
  const spreads = DATA.spreads;
  if (!spreads.length) return holder.replaceChildren(emptyNote("No network was trained with more than one seed, so the spread between seeds is not known."));
  const colours = theme();
  const xs = scaleOf(spreads.flatMap((one) => [...one.values, one.low, one.high]), false);
  const { svg, x } = frame(holder, 46 + 24 * spreads.length, xs, plainScale(0, 1), ["", DATA.spread_of], { left: 170, bottom: 38 });
  spreads.forEach((one, i) => {
    const y = 22 + 24 * i;
    svg.append(svgText(162, y + 4, one.name, { class: "name", "text-anchor": "end" }));
    svg.append(makeSvg("path", { class: "whisker", d: `M${x(one.low)} ${y}H${x(one.high)}M${x(one.low)} ${y - 5}v10M${x(one.high)} ${y - 5}v10M${x(one.mean)} ${y - 8}v16` }));
    for (const value of one.values) svg.append(markSvg(symbolOf(one.unit), x(value), y, 4, DATA.studies.length > 1 ? colours.muted : colourOf(one.unit, colours), { stroke: colours.ink, "stroke-width": 0.6, opacity: 0.85 }));
  });
  byId("note-spreads").textContent = "Marks: seeds; line: 95 % interval of the mean (Student's t).";
  return holder.replaceChildren(svg);
}

function startPairs() {
  const holder = byId("chart-pairs");
  if (!DATA.pairs.length) return holder.replaceChildren(emptyNote("No complete trial has both a quality and a cost."));
  for (const pair of DATA.pairs) {
    const canvas = make("canvas", { role: "img", "aria-label": pair.title });
    const box = make("div", { class: "panel" }, canvas);
    const tip = make("div", { class: "tip" });
    tip.hidden = true;
    box.append(tip);
    holder.append(box);
    new Scatter(canvas, { x: COLUMNS.get(pair.x), y: COLUMNS.get(pair.y), front: pair.front, presets: pair.presets, small: true, tip });
  }
  return holder;
}

function drawParallel() {
  const axes = DATA.parallel;
  const holder = byId("chart-parallel");
  if (DATA.lacking.parallel) return holder.replaceChildren(emptyNote(`Nothing can be said: ${DATA.lacking.parallel}.`));
  if (axes.length < 2) return holder.replaceChildren(emptyNote("Fewer than two fields and numbers vary."));
  const colours = theme();
  const width = Math.max(holder.clientWidth, 96 * axes.length);
  const height = 330;
  let canvas = holder.querySelector("canvas");
  if (!canvas) {
    canvas = make("canvas", { role: "img", "aria-label": "Trials as lines through their fields and numbers" });
    holder.replaceChildren(canvas);
  }
  const pen = fitted(canvas, width, height);
  const [left, right, top, bottom] = [24, width - 92, 44, height - 18];
  const x = (i) => left + ((right - left) * i) / (axes.length - 1);
  const stroke = (row, alpha, thick) => {
    pen.globalAlpha = alpha;
    pen.strokeStyle = rowColour(row, colours);
    pen.lineWidth = thick;
    pen.beginPath();
    let joined = false;
    axes.forEach((axis, i) => {
      const place = axis.places[row];
      if (place === null) joined = false;
      else {
        const y = bottom - place * (bottom - top);
        joined ? pen.lineTo(x(i), y) : pen.moveTo(x(i), y);
        joined = true;
      }
    });
    pen.stroke();
  };
  const complete = [];
  for (let row = 0; row < ROWS; row++) if (stateOf(row) === "complete") complete.push(row);
  const faint = (selected.size ? 0.3 : 1) * Math.max(0.03, Math.min(0.35, 30 / complete.length));
  complete.filter((row) => !FRONT.has(row) && !selected.has(row)).forEach((row) => stroke(row, faint, 1));
  complete.filter((row) => FRONT.has(row) && !selected.has(row)).forEach((row) => stroke(row, selected.size ? 0.35 : 0.95, 1.8));
  complete.filter((row) => selected.has(row)).forEach((row) => stroke(row, 1, 3.4));
  pen.globalAlpha = 1;
  axes.forEach((axis, i) => {
    pen.strokeStyle = colours.ink;
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(x(i), top);
    pen.lineTo(x(i), bottom);
    pen.stroke();
    pen.textBaseline = "middle";
    pen.textAlign = "left";
    pen.font = `600 12px ${FONT}`;
    pen.fillStyle = colours.ink;
    pen.fillText(axis.name, x(i) - 8, top - 26, (right - left) / (axes.length - 1) - 6);
    pen.font = `11px ${FONT}`;
    let last = Infinity;
    for (const [place, text] of [...axis.ticks].sort((a, b) => a[0] - b[0])) {
      const y = bottom - place * (bottom - top);
      if (last - y < 13) continue;
      last = y;
      const room = pen.measureText(text).width;
      pen.fillStyle = colours.paper;
      pen.globalAlpha = 0.75;
      pen.fillRect(x(i) + 4, y - 7, Math.min(room, 84) + 4, 14);
      pen.globalAlpha = 1;
      pen.fillStyle = colours.muted;
      pen.fillText(text, x(i) + 6, y, 84);
    }
  });
  return canvas;
}
