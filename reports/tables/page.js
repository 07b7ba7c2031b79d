"use strict";
// Sorts a table by the header that is clicked and hides the rows that lack a word of the filter.
for (const section of document.querySelectorAll("section")) {
  const table = section.querySelector("table");
  if (!table) continue;
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const words = rows.map((row) => row.textContent.toLowerCase());
  const order = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

  const heads = Array.from(table.tHead.rows[0].cells);
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => sort(head, column));
  });

  function sort(head, column) {
    const first = head.dataset.first === "down" ? "descending" : "ascending";
    const other = first === "ascending" ? "descending" : "ascending";
    const way = head.getAttribute("aria-sort") === first ? other : first;
    heads.forEach((one) => one.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", way);
    const sign = way === "ascending" ? 1 : -1;
    const number = head.classList.contains("number");
    const keys = new Map(rows.map((row) => [row, key(row.cells[column], number)]));
    const sorted = rows.slice().sort((a, b) => {
      const left = keys.get(a), right = keys.get(b);
      if (left === null || right === null) return (left === null) - (right === null);
      return sign * (number ? left - right : order.compare(left, right));
    });
    body.append(...sorted);
  }

  // What is not known comes last in either direction.
  function key(cell, number) {
    const text = number ? cell.dataset.value || "" : cell.textContent;
    if (text === "") return null;
    return number ? Number(text) : text;
  }

  const tools = section.querySelector(".tools");
  const input = tools.querySelector("input");
  const output = tools.querySelector("output");
  tools.hidden = false;
  input.addEventListener("input", () => {
    const wanted = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let left = 0;
    rows.forEach((row, index) => {
      row.hidden = !wanted.every((word) => words[index].includes(word));
      left += row.hidden ? 0 : 1;
    });
    output.textContent = wanted.length ? `${left} of ${rows.length} rows` : `${rows.length} rows`;
  });
}
