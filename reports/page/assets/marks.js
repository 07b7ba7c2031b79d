"use strict";
// The shapes of units: the same names as in the toolkit's Plotly figures, so one unit looks the same everywhere.
const corners = (count, start) =>
  Array.from({ length: count }, (_, i) => [Math.cos(start + (2 * Math.PI * i) / count), Math.sin(start + (2 * Math.PI * i) / count)]);
const UP = -Math.PI / 2;
const CROSS = [[-0.36, -1], [0.36, -1], [0.36, -0.36], [1, -0.36], [1, 0.36], [0.36, 0.36], [0.36, 1], [-0.36, 1], [-0.36, 0.36], [-1, 0.36], [-1, -0.36], [-0.36, -0.36]];
const STAR = Array.from({ length: 10 }, (_, i) => {
  const radius = i % 2 ? 0.52 : 1.25;
  return [radius * Math.cos(UP + (Math.PI * i) / 5), radius * Math.sin(UP + (Math.PI * i) / 5)];
});
const POLYGONS = {
  square: [[-0.88, -0.88], [0.88, -0.88], [0.88, 0.88], [-0.88, 0.88]],
  "triangle-up": corners(3, UP).map(([x, y]) => [1.15 * x, 1.15 * y]),
  "triangle-down": corners(3, -UP).map(([x, y]) => [1.15 * x, 1.15 * y]),
  "triangle-left": corners(3, Math.PI).map(([x, y]) => [1.15 * x, 1.15 * y]),
  "triangle-right": corners(3, 0).map(([x, y]) => [1.15 * x, 1.15 * y]),
  "triangle-ne": [[-1, -0.9], [0.9, -0.9], [0.9, 1]],
  "triangle-se": [[0.9, -1], [0.9, 0.9], [-1, 0.9]],
  pentagon: corners(5, UP),
  hexagon2: corners(6, UP),
  cross: CROSS,
  hourglass: [[-0.9, -1], [0.9, -1], [-0.9, 1], [0.9, 1]],
  bowtie: [[-1, -0.9], [-1, 0.9], [1, -0.9], [1, 0.9]],
  star: STAR,
  diamond: [[0, -1.2], [0.95, 0], [0, 1.2], [-0.95, 0]],
};

/** Traces a mark's outline; the caller fills and strokes. */
function traceMark(pen, symbol, x, y, radius) {
  pen.beginPath();
  const polygon = POLYGONS[symbol];
  if (!polygon) {
    pen.arc(x, y, radius, 0, 2 * Math.PI);
    if (symbol === "circle-x" || symbol === "circle-cross") {
      const reach = symbol === "circle-x" ? radius * 0.7 : radius;
      const turns = symbol === "circle-x" ? [[-1, -1], [-1, 1]] : [[-1, 0], [0, -1]];
      for (const [dx, dy] of turns) {
        pen.moveTo(x + dx * reach, y + dy * reach);
        pen.lineTo(x - dx * reach, y - dy * reach);
      }
    }
    return;
  }
  polygon.forEach(([dx, dy], i) => (i ? pen.lineTo(x + dx * radius, y + dy * radius) : pen.moveTo(x + dx * radius, y + dy * radius)));
  pen.closePath();
}

/** A mark as a small canvas, for legends. */
function markIcon(symbol, colour, edge) {
  const canvas = make("canvas", { class: "icon", "aria-hidden": "true" });
  const pen = fitted(canvas, 16, 16);
  traceMark(pen, symbol, 8, 8, 5.5);
  pen.fillStyle = colour;
  pen.strokeStyle = edge;
  pen.lineWidth = 1;
  pen.fill();
  pen.stroke();
  return canvas;
}
/** A mark as SVG, for the small charts. */
function markSvg(symbol, x, y, radius, colour, attributes = {}) {
  const polygon = POLYGONS[symbol];
  if (!polygon) return makeSvg("circle", { cx: x, cy: y, r: radius, fill: colour, ...attributes });
  const points = polygon.map(([dx, dy]) => `${(x + dx * radius).toFixed(1)},${(y + dy * radius).toFixed(1)}`).join(" ");
  return makeSvg("polygon", { points, fill: colour, ...attributes });
}
