"use strict";
// Trials over two numbers on a canvas, linked with the table; the large front and the small panels are the same thing.

/** The front of two numbers as a staircase of rows, by the way each is better. */
function frontOf(x, y, rows) {
  const signX = x.better === "maximize" ? -1 : 1;
  const signY = y.better === "maximize" ? -1 : 1;
  const sorted = rows
    .map((row) => [signX * x.values[row], signY * y.values[row], row])
    .sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let least = Infinity;
  const front = [];
  for (const [, cost, row] of sorted) {
    if (cost < least) {
      least = cost;
      front.push(row);
    }
  }
  return front;
}

class Scatter {
  /** options: x, y (columns), front (rows or null: computed), presets, small, names (label the front). */
  constructor(canvas, options) {
    this.canvas = canvas;
    this.tip = options.tip;
    this.set(options);
    canvas.addEventListener("pointermove", (event) => this.moved(event));
    canvas.addEventListener("pointerleave", () => this.hover(-1));
    canvas.addEventListener("pointerdown", (event) => this.pressed(event));
    canvas.addEventListener("pointerup", (event) => this.released(event));
    canvas.addEventListener("pointercancel", () => this.stopDrag());
    canvas.addEventListener("keydown", (event) => this.keyed(event));
    listeners.selection.push(() => this.draw());
    listeners.paint.push(() => this.draw());
  }

  set(options) {
    Object.assign(this, { presets: [], small: false, front: null, pair: false, ...options });
    this.hovered = -1;
    this.drag = null;
    this.rows = [];
    for (let row = 0; row < ROWS; row++) {
      const complete = stateOf(row) === "complete";
      if (complete && this.x.values[row] !== null && this.y.values[row] !== null) this.rows.push(row);
    }
    // The study's front where its own objectives are shown; of more than two of them, the line is that of the two shown.
    this.line = this.front && !this.pair ? this.front : frontOf(this.x, this.y, this.rows);
    this.large = this.front || this.line;
    this.loud = new Set(this.large);
    this.draw();
  }

  layout() {
    const width = Math.max(240, this.canvas.parentElement.clientWidth);
    const height = this.small ? Math.min(300, width * 0.72) : Math.max(300, Math.min(520, width * 0.66));
    this.box = { left: 54, top: 12, right: width - 14, bottom: height - 46, width, height };
    const pick = (column, extra) => [...this.rows.map((row) => column.values[row]), ...extra];
    this.scaleX = scaleOf(pick(this.x, this.presets.map((one) => one[1])), this.x.log, 0.05);
    this.scaleY = scaleOf(pick(this.y, []), this.y.log, 0.07, this.presets.length ? 0.1 : 0.05);
    this.places = new Map(this.rows.map((row) => [row, this.place(row)]));
  }
  place(row) {
    const { left, right, top, bottom } = this.box;
    return [left + this.scaleX.at(this.x.values[row]) * (right - left), bottom - this.scaleY.at(this.y.values[row]) * (bottom - top)];
  }

  draw() {
    if (!this.canvas.isConnected) return;
    this.layout();
    const colours = theme();
    const pen = fitted(this.canvas, this.box.width, this.box.height);
    this.pen = pen;
    this.drawAxes(pen, colours);
    const many = this.rows.length > 1500;
    const quiet = this.rows.filter((row) => !this.loud.has(row) && !selected.has(row));
    const faded = selected.size ? 0.22 : many ? 0.35 : 0.6;
    this.drawMarks(pen, quiet, colours, (many ? 2.6 : 4.2) * (this.small ? 0.85 : 1), faded, !many);
    this.drawLine(pen, colours);
    this.drawPresets(pen, colours);
    const front = this.large.filter((row) => !selected.has(row));
    this.drawMarks(pen, front, colours, this.small ? 5 : 6.5, selected.size ? 0.6 : 1, true);
    const chosen = this.rows.filter((row) => selected.has(row));
    this.drawMarks(pen, chosen, colours, this.small ? 6 : 7.5, 1, true);
    for (const row of chosen) this.ring(pen, row, colours.accent, 3);
    if (DATA.knee !== null && this.places.has(DATA.knee)) this.ring(pen, DATA.knee, colours.ink, 1.6, 6);
    if (this.hovered >= 0) this.ring(pen, this.hovered, colours.ink, 2);
    if (!this.small) this.drawNames(pen, colours);
    if (this.drag) {
      pen.strokeStyle = colours.accent;
      pen.setLineDash([4, 3]);
      pen.strokeRect(this.drag.x, this.drag.y, this.drag.toX - this.drag.x, this.drag.toY - this.drag.y);
      pen.setLineDash([]);
    }
  }

  drawAxes(pen, colours) {
    const { left, right, top, bottom } = this.box;
    pen.font = `11px ${FONT}`;
    pen.lineWidth = 1;
    pen.textAlign = "center";
    pen.textBaseline = "top";
    for (const tick of ticksBetween(this.scaleX.low, this.scaleX.high, this.x.log, Math.max(3, Math.round((right - left) / 85)))) {
      const x = Math.round(left + this.scaleX.at(tick) * (right - left)) + 0.5;
      pen.strokeStyle = colours.grid;
      pen.beginPath();
      pen.moveTo(x, top);
      pen.lineTo(x, bottom);
      pen.stroke();
      pen.fillStyle = colours.muted;
      pen.fillText(shortNumber(tick, this.x.si), x, bottom + 6);
    }
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    for (const tick of ticksBetween(this.scaleY.low, this.scaleY.high, this.y.log, Math.max(3, Math.round((bottom - top) / 55)))) {
      const y = Math.round(bottom - this.scaleY.at(tick) * (bottom - top)) + 0.5;
      pen.strokeStyle = colours.grid;
      pen.beginPath();
      pen.moveTo(left, y);
      pen.lineTo(right, y);
      pen.stroke();
      pen.fillStyle = colours.muted;
      pen.fillText(shortNumber(tick, this.y.si), left - 7, y);
    }
    pen.strokeStyle = colours.muted;
    pen.strokeRect(left + 0.5, top + 0.5, right - left - 1, bottom - top - 1);
    pen.fillStyle = colours.ink;
    pen.font = `${this.small ? 11 : 12}px ${FONT}`;
    pen.textAlign = "center";
    pen.textBaseline = "alphabetic";
    pen.fillText(this.x.label + (this.x.log ? ", log" : ""), (left + right) / 2, this.box.height - 8, right - left);
    pen.save();
    pen.translate(11, (top + bottom) / 2);
    pen.rotate(-Math.PI / 2);
    pen.fillText(this.y.label + (this.y.log ? ", log" : ""), 0, 0, bottom - top);
    pen.restore();
  }

  drawMarks(pen, rows, colours, radius, alpha, edged) {
    pen.globalAlpha = alpha;
    pen.lineWidth = 0.8;
    pen.strokeStyle = colours.ink;
    for (const row of rows) {
      const [x, y] = this.places.get(row);
      const unit = unitOf(row);
      const predicted = this.predicted(row);
      traceMark(pen, GIVEN.has(row) ? "star" : symbolOf(unit), x, y, radius);
      pen.fillStyle = predicted ? colours.paper : rowColour(row, colours);
      pen.fill();
      if (predicted) {
        pen.strokeStyle = rowColour(row, colours);
        pen.lineWidth = 1.8;
        pen.stroke();
        pen.strokeStyle = colours.ink;
        pen.lineWidth = 0.8;
      } else if (edged) pen.stroke();
      if (unstable(this.x, row) || unstable(this.y, row)) {
        const reach = radius + 3.5;
        pen.strokeRect(x - reach, y - reach, 2 * reach, 2 * reach);
      }
    }
    pen.globalAlpha = 1;
  }
  predicted(row) {
    return [this.x, this.y].some((column) => textOf(column.origins, row) === "predicted");
  }
  drawLine(pen, colours) {
    const line = [...this.line].sort((a, b) => this.x.values[a] - this.x.values[b]);
    pen.strokeStyle = colours.ink;
    pen.lineWidth = 1.5;
    pen.globalAlpha = 0.75;
    pen.beginPath();
    line.forEach((row, i) => {
      const [x, y] = this.places.get(row) || [NaN, NaN];
      if (i) pen.lineTo(x, this.places.get(line[i - 1])[1]);
      i ? pen.lineTo(x, y) : pen.moveTo(x, y);
    });
    pen.stroke();
    pen.globalAlpha = 1;
  }
  drawPresets(pen, colours) {
    const { left, right, bottom } = this.box;
    pen.strokeStyle = colours.ink;
    pen.lineWidth = 1.2;
    for (const [, cost] of this.presets) {
      const x = left + this.scaleX.at(cost) * (right - left);
      pen.beginPath();
      pen.moveTo(x, bottom - 9);
      pen.lineTo(x, bottom - 1);
      pen.stroke();
    }
  }
  ring(pen, row, colour, width, more = 4) {
    const place = this.places.get(row);
    if (!place) return;
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.beginPath();
    pen.arc(place[0], place[1], (this.small ? 5 : 7) + more, 0, 2 * Math.PI);
    pen.stroke();
  }

  /** Names of the knee, the selected and the front, where no mark that matters and no other name lies. */
  drawNames(pen, colours) {
    pen.font = `11px ${FONT}`;
    pen.textAlign = "left";
    pen.textBaseline = "middle";
    const order = [...new Set([DATA.knee, ...selected, ...this.large])].filter((row) => this.places.has(row)).slice(0, 60);
    const taken = (this.rows.length > 1500 ? this.large : this.rows).map((row) => {
      const [x, y] = this.places.get(row);
      return [x - 6, y - 6, x + 6, y + 6, row];
    });
    for (const row of order) {
      const text = labelOf(row);
      const width = pen.measureText(text).width;
      const [x, y] = this.places.get(row);
      const spots = [[x - width - 7, y - 13], [x - 13 - width, y], [x + 7, y + 13], [x + 13, y], [x + 7, y - 13], [x - width - 7, y + 13]];
      for (const [left, middle] of spots) {
        const area = [left - 1, middle - 6, left + width + 1, middle + 6];
        const inside = area[0] > this.box.left && area[2] < this.box.right && area[1] > this.box.top && area[3] < this.box.bottom;
        const free = taken.every((one) => one[4] === row || one[0] > area[2] || one[2] < area[0] || one[1] > area[3] || one[3] < area[1]);
        if (!inside || !free) continue;
        taken.push([...area, -1]);
        pen.strokeStyle = colours.paper;
        pen.lineWidth = 3;
        pen.lineJoin = "round";
        pen.strokeText(text, left, middle);
        pen.fillStyle = colours.ink;
        pen.fillText(text, left, middle);
        break;
      }
    }
  }

  nearest(event) {
    const bounds = this.canvas.getBoundingClientRect();
    const [atX, atY] = [event.clientX - bounds.left, event.clientY - bounds.top];
    let best = -1;
    let least = event.pointerType === "touch" ? 22 : 13;
    for (const row of [...this.large, ...this.rows]) {
      const [x, y] = this.places.get(row) || [NaN, NaN];
      const far = Math.hypot(x - atX, y - atY);
      if (far < least) [best, least] = [row, far];
    }
    return best;
  }
  moved(event) {
    if (this.drag) {
      const bounds = this.canvas.getBoundingClientRect();
      [this.drag.toX, this.drag.toY] = [event.clientX - bounds.left, event.clientY - bounds.top];
      this.draw();
      return;
    }
    this.hover(this.nearest(event));
  }
  hover(row) {
    if (row === this.hovered) return;
    this.hovered = row;
    this.canvas.style.cursor = row >= 0 ? "pointer" : "crosshair";
    this.draw();
    if (!this.tip) return;
    this.tip.hidden = row < 0;
    if (row < 0) return;
    const [x, y] = this.places.get(row);
    this.tip.replaceChildren(make("b", {}, `trial ${labelOf(row)} · ${unitOf(row)}`), ...NUMBERS.slice(0, 5).flatMap((column) => {
      const text = cellText(column, row);
      return text ? [make("br"), `${column.title}: ${text}`] : [];
    }));
    const flip = x > this.box.width / 2;
    this.tip.style.left = flip ? "" : `${x + 14}px`;
    this.tip.style.right = flip ? `${this.box.width - x + 14}px` : "";
    this.tip.style.top = `${Math.max(0, y - 30)}px`;
  }
  pressed(event) {
    if (event.button !== 0) return;
    const bounds = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - bounds.left, event.clientY - bounds.top];
    this.start = { x, y };
    if (event.pointerType === "touch") return;
    this.drag = { x, y, toX: x, toY: y };
    this.canvas.setPointerCapture(event.pointerId);
  }
  stopDrag() {
    this.drag = null;
    this.draw();
  }
  released(event) {
    const drag = this.drag;
    this.drag = null;
    const keep = event.shiftKey || event.ctrlKey || event.metaKey;
    if (drag && Math.hypot(drag.toX - drag.x, drag.toY - drag.y) > 8) {
      const [left, right] = [Math.min(drag.x, drag.toX), Math.max(drag.x, drag.toX)];
      const [top, bottom] = [Math.min(drag.y, drag.toY), Math.max(drag.y, drag.toY)];
      const inside = this.rows.filter((row) => {
        const [x, y] = this.places.get(row);
        return x >= left && x <= right && y >= top && y <= bottom;
      });
      select(inside, keep);
      return;
    }
    const row = this.nearest(event);
    if (row >= 0) select([row], keep);
    else if (!keep) select([], false);
  }
  keyed(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (event.key === "Escape") select([], false);
    if (!step || !this.large.length) return;
    event.preventDefault();
    const line = [...this.large].sort((a, b) => this.x.values[a] - this.x.values[b]);
    const at = line.indexOf([...selected][0]);
    select([line[(at + step + line.length) % line.length]], false);
  }
}
