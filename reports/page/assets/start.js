"use strict";
// Puts the page together, and paints it anew when the selection, the width, the theme or the paper changes.
function legend() {
  const colours = theme();
  const units = Object.keys(DATA.looks).filter((unit) => COLUMNS.get("unit").words.includes(unit));
  const several = DATA.studies.length > 1;
  const entries = several ? DATA.studies.map(([name, colour]) => make("span", { class: "study" }, markIcon("circle", colour === "#000000" ? colours.ink : colour, colours.ink), name)) : [];
  entries.push(...units.map((unit) => make("span", {}, markIcon(symbolOf(unit), several ? colours.grid : colourOf(unit, colours), colours.ink), DATA.looks[unit][2])));
  if (GIVEN.size) entries.push(make("span", {}, markIcon("star", colours.grid, colours.ink), "given network"));
  if (DATA.knee !== null) entries.push(make("span", { class: "note" }, "ring: the chosen network"));
  entries.push(make("span", { class: "note", id: "front-drawn" }, frontDrawn()));
  if (NUMBERS.some((column) => column.origins.words.includes("predicted"))) entries.push(make("span", { class: "note" }, "hollow: predicted"));
  if (NUMBERS.some((column) => column.unstable)) entries.push(make("span", { class: "note" }, "square, ~: unstable measurement"));
  byId("plot-legend").replaceChildren(...entries);
}

let plotOfFront = null;
/** Which front the plot draws, for its caption. */
function frontDrawn() {
  const goals = NUMBERS.filter((column) => column.objective);
  if (!plotOfFront) return "";
  if (!plotOfFront.front) return "large and joined: the front of the two numbers shown, which is not the study's";
  const names = goals.map((column) => column.key).join(", ");
  return plotOfFront.pair
    ? `large: on the study's front of ${names}; line: the front of the two numbers shown alone`
    : `large and joined: the study's front of ${names}`;
}
function startFront() {
  const [first, second] = DATA.axes;
  const order = { key: "order", kind: "number", label: "place in the study", title: "place", better: "minimize", values: Array.from({ length: ROWS }, (_, i) => i + 1), origins: { words: [], codes: new Array(ROWS).fill(-1) } };
  const choices = [...NUMBERS, order];
  const find = (key) => choices.find((column) => column.key === key) || order;
  for (const [id, key] of [["axis-x", first], ["axis-y", second]]) {
    byId(id).append(...choices.map((column) => make("option", { value: column.key }, column.label)));
    byId(id).value = find(key).key;
  }
  const goals = NUMBERS.filter((column) => column.objective).map((column) => column.key);
  const options = () => {
    const keys = [byId("axis-x").value, byId("axis-y").value];
    const own = goals.length >= 2 && goals.includes(keys[0]) && goals.includes(keys[1]) && keys[0] !== keys[1];
    return { x: find(keys[0]), y: find(keys[1]), front: own ? DATA.front : null, pair: own && goals.length > 2, tip: byId("tip") };
  };
  plotOfFront = new Scatter(byId("plot"), options());
  for (const id of ["axis-x", "axis-y"]) byId(id).addEventListener("input", () => {
    plotOfFront.set(options());
    legend();
  });
  legend();
  listeners.paint.push(legend);
}

function startCopying() {
  for (const button of document.querySelectorAll(".copy")) {
    button.addEventListener("click", async () => {
      const code = button.parentElement.querySelector("code");
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "copied";
      } catch {
        const range = document.createRange();
        range.selectNodeContents(code);
        getSelection().removeAllRanges();
        getSelection().addRange(range);
        button.textContent = "selected";
      }
      setTimeout(() => (button.textContent = "copy"), 1500);
    });
  }
}

startTable();
startFront();
startCopying();
const later = [drawWeights, drawProgress, drawCurves, drawSpreads, startPairs, drawParallel];
listeners.paint.push(drawWeights, drawProgress, drawCurves, drawSpreads, drawParallel);
listeners.selection.push(drawParallel);
(function next() {
  const draw = later.shift();
  if (!draw) {
    document.documentElement.dataset.ready = "yes";
    return;
  }
  draw();
  setTimeout(next, 0);
})();
let waiting = 0;
addEventListener("resize", () => {
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(() => tell("paint"));
});
for (const query of ["(prefers-color-scheme: dark)", "print"]) matchMedia(query).addEventListener("change", () => tell("paint"));
