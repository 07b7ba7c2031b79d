"use strict";
// The table of trials: sorted by a click on a header, filtered by words and comparisons, paged, linked with the plot.
const PAGE = 20;
const TABLE_COLUMNS = DATA.columns.filter((column) => column.key !== "reason" || column.words.length);
const SEARCHED = DATA.columns.filter((column) => column.kind === "text");
const TITLES = new Map(TABLE_COLUMNS.map((column) => [column.key, column.key.replace("spec.", "")]));
const view = { sort: null, down: false, page: 0, rows: [] };

const FACTORS = { k: 1e3, M: 1e6, G: 1e9, T: 1e12 };
/** What a word of the filter asks of a row: macs<20M, width:0.5, or a text that stands somewhere. */
function condition(word) {
  const match = /^([\w.]+)(<=|>=|<|>|=|:)(.+)$/.exec(word);
  const column = match && TABLE_COLUMNS.find((one) => TITLES.get(one.key) === match[1] || one.key === match[1]);
  if (column && column.kind === "number") {
    const [, number, letter] = /^([-+.\deE]+)([kMGT]?)/.exec(match[3]) || [];
    const bound = Number(number) * (FACTORS[letter] || 1);
    if (Number.isFinite(bound)) {
      const tests = { "<": (v) => v < bound, "<=": (v) => v <= bound, ">": (v) => v > bound, ">=": (v) => v >= bound };
      const test = tests[match[2]] || ((v) => v === bound);
      return (row) => column.values[row] !== null && test(column.values[row]);
    }
  }
  if (column && column.kind === "text" && /[:=]/.test(match[2])) {
    const wanted = match[3].toLowerCase();
    const fits = column.words.map((text) => (match[2] === "=" || !Number.isNaN(Number(wanted)) ? text.toLowerCase() === wanted : text.toLowerCase().includes(wanted)));
    return (row) => column.codes[row] >= 0 && fits[column.codes[row]];
  }
  const wanted = word.toLowerCase();
  const fits = SEARCHED.map((one) => one.words.map((text) => text.toLowerCase().includes(wanted)));
  return (row) => SEARCHED.some((one, i) => one.codes[row] >= 0 && fits[i][one.codes[row]]);
}

function kept() {
  const tests = byId("filter").value.trim().split(/\s+/).filter(Boolean).map(condition);
  if (byId("only-front").checked) tests.push((row) => FRONT.has(row));
  if (byId("only-selected").checked) tests.push((row) => selected.has(row));
  const rows = [];
  for (let row = 0; row < ROWS; row++) if (tests.every((test) => test(row))) rows.push(row);
  return rows;
}
/** Sorted by the chosen column with what is not known last; else the front first, then by rank. */
function sorted(rows) {
  const column = view.sort;
  let value = (row) => (DATA.ranks[row] === null ? null : DATA.ranks[row]);
  let words = false;
  if (column && column.kind === "number") value = (row) => column.values[row];
  else if (column) {
    words = !column.words.every((word) => word !== "" && Number.isFinite(Number(word)));
    const order = column.words.map((_, i) => i).sort((a, b) => (words ? column.words[a].localeCompare(column.words[b], "en", { numeric: true }) : column.words[a] - column.words[b]));
    const place = [];
    order.forEach((code, i) => (place[code] = i));
    value = (row) => (column.codes[row] < 0 ? null : place[column.codes[row]]);
  }
  const sign = column && view.down ? -1 : 1;
  return rows.sort((a, b) => {
    const [one, two] = [value(a), value(b)];
    if (one === two) return a - b;
    if (one === null) return 1;
    if (two === null) return -1;
    return sign * (one - two);
  });
}

function headers() {
  const line = make("tr");
  for (const column of TABLE_COLUMNS) {
    const number = column.kind === "number";
    const button = make("button", { type: "button" }, number ? column.key : column.title);
    const origins = number ? [column.scaled, ...column.origins.words, ...(column.taken_in || [])].filter(Boolean).join(" · ") : "";
    const cell = make("th", { scope: "col", class: column.kind === "number" ? "n" : "", "data-key": column.key }, button);
    if (origins) cell.append(make("small", {}, origins));
    button.addEventListener("click", () => {
      if (view.sort === column) view.down = !view.down;
      else [view.sort, view.down] = [column, column.kind === "number" && column.better === "maximize"];
      refresh();
    });
    line.append(cell);
  }
  document.querySelector("#trials thead").replaceChildren(line);
}
function cell(column, row) {
  if (column.kind === "text") {
    const box = make("td", {}, textOf(column, row));
    if (column.key === "label" && row === DATA.knee) box.append(" ", make("span", { class: "badge" }, NUMBERS.filter((one) => one.objective).length > 1 ? "knee" : "best"));
    if (column.key === "label" && FRONT.has(row)) box.append(" ", make("span", { class: "badge front", title: "on the front" }, "front"));
    return box;
  }
  const origin = textOf(column.origins, row);
  const mixed = column.origins.words.length > 1 && origin && column.values[row] !== null;
  const box = make("td", { class: `n ${origin === "predicted" ? "predicted" : ""}` }, cellText(column, row));
  if (mixed) box.append(make("small", {}, ` ${origin[0]}.`));
  const title = [mixed ? origin : "", cellTitle(column, row)].filter(Boolean).join("; ");
  if (title) box.title = title;
  return box;
}
function refresh() {
  view.rows = sorted(kept());
  view.page = 0;
  paintTable();
}
function paintTable() {
  const pages = Math.max(1, Math.ceil(view.rows.length / PAGE));
  view.page = Math.min(view.page, pages - 1);
  const body = document.querySelector("#trials tbody");
  body.replaceChildren(...view.rows.slice(view.page * PAGE, (view.page + 1) * PAGE).map((row) => {
    const line = make("tr", { "data-row": row, tabindex: "0", "aria-selected": selected.has(row) });
    line.append(...TABLE_COLUMNS.map((column) => cell(column, row)));
    return line;
  }));
  if (!view.rows.length) body.replaceChildren(make("tr", {}, make("td", { colspan: TABLE_COLUMNS.length }, "No trial fits the filter.")));
  for (const head of document.querySelectorAll("#trials th")) {
    const mine = view.sort && head.dataset.key === view.sort.key;
    head.setAttribute("aria-sort", mine ? (view.down ? "descending" : "ascending") : "none");
  }
  const first = view.rows.length ? view.page * PAGE + 1 : 0;
  byId("page").textContent = `${first}–${Math.min(view.rows.length, (view.page + 1) * PAGE)} of ${view.rows.length.toLocaleString("en")}`;
  byId("count").textContent = selected.size ? `${selected.size} selected` : "";
  byId("before").disabled = view.page === 0;
  byId("after").disabled = view.page >= pages - 1;
  document.querySelector(".pager").hidden = pages < 2;
}
/** A selection made elsewhere: its first row is brought to view in the table. */
function followSelection() {
  if (byId("only-selected").checked) view.rows = sorted(kept());
  const at = view.rows.findIndex((row) => selected.has(row));
  const shown = view.rows.slice(view.page * PAGE, (view.page + 1) * PAGE).some((row) => selected.has(row));
  if (at >= 0 && !shown) view.page = Math.floor(at / PAGE);
  paintTable();
}

function details() {
  const rows = selected.size ? [...selected].slice(0, 4) : DATA.knee === null ? [] : [DATA.knee];
  const box = byId("detail");
  const hint = selected.size ? [] : [make("p", { class: "hint" }, rows.length ? "The chosen network; select a trial to see it here." : "Select a trial to see its numbers and fields here.")];
  const more = selected.size > rows.length ? [make("p", { class: "hint" }, `and ${selected.size - rows.length} more: see “selected only” below`)] : [];
  box.replaceChildren(...hint, ...rows.map((row) => {
    const list = make("dl", { class: "facts" });
    for (const column of DATA.columns) {
      if (column.key === "label") continue;
      const text = column.kind === "text" ? textOf(column, row) : cellText(column, row);
      if (!text) continue;
      const origin = column.kind === "number" ? textOf(column.origins, row) : "";
      const value = make("dd", {}, text);
      if (origin) value.append(" ", make("span", { class: `origin ${origin}` }, origin));
      list.append(make("dt", {}, column.title), value);
    }
    return make("div", {}, make("h3", {}, `Trial ${labelOf(row)}`), list);
  }), ...more);
}

// As archspace.support.csv_cells.defused: text that a spreadsheet would run as a formula gets an apostrophe.
function defused(text) {
  const number = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text);
  return /^'*[=+\-@\t\r\n＝＋－＠]/.test(text) && !number ? `'${text}` : text;
}

function csv() {
  const quote = (text) => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const lines = [TABLE_COLUMNS.map((column) => column.key)];
  for (const row of view.rows) {
    lines.push(TABLE_COLUMNS.map((column) => (column.kind === "text" ? textOf(column, row) : `${column.values[row] ?? ""}`)));
  }
  const blob = new Blob([lines.map((line) => line.map((text) => quote(defused(text))).join(",")).join("\n") + "\n"], { type: "text/csv" });
  const link = make("a", { href: URL.createObjectURL(blob), download: "trials.csv" });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function startTable() {
  headers();
  refresh();
  details();
  for (const id of ["filter", "only-front", "only-selected"]) byId(id).addEventListener("input", refresh);
  byId("clear").addEventListener("click", () => select([], false));
  byId("csv").addEventListener("click", csv);
  const turn = (by) => {
    view.page += by;
    paintTable();
  };
  byId("before").addEventListener("click", () => turn(-1));
  byId("after").addEventListener("click", () => turn(1));
  const body = document.querySelector("#trials tbody");
  const choose = (event) => {
    const line = event.target.closest("tr[data-row]");
    if (line) select([Number(line.dataset.row)], event.shiftKey || event.ctrlKey || event.metaKey);
  };
  body.addEventListener("click", choose);
  body.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    const row = event.target.dataset.row;
    choose(event);
    const again = body.querySelector(`tr[data-row="${row}"]`);
    if (again) again.focus();
  });
  listeners.selection.push(followSelection, details);
}
