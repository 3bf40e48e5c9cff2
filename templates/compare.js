"use strict";
/* The comparison: pin a baseline, keep tests and lines in step with the table of results. */
document.addEventListener("DOMContentLoaded", () => {
  const { make } = window.runnerPage;
  const table = document.getElementById("result-table");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const tests = document.getElementById("test-table");
  const status = make("p", { role: "status", class: "delta" });
  const lines = new Map([...document.querySelectorAll("svg.sweep polyline")].map((line) => [line.dataset.entry, line]));

  // Cells with a figure, by row; of the baseline they are what the others are measured by.
  const figures = rows.map((row) => [...row.cells].map((cell) => (cell.dataset.value ? Number(cell.dataset.value) : null)));
  const sign = (value) => {
    const text = Math.abs(value).toFixed(4);
    if (Number(text) === 0) return "0";
    return (value < 0 ? "−" : "+") + text;
  };

  const pinTests = (entry, name) => {
    if (!tests) return;
    let shown = 0;
    for (const row of tests.tBodies[0].rows) {
      row.hidden = entry !== null && row.dataset.first !== entry && row.dataset.second !== entry;
      if (!row.hidden) shown += 1;
    }
    status.replaceChildren();
    if (entry === null) return;
    status.append(`${shown} of ${tests.tBodies[0].rows.length} tests: those with ${name}. `,
      make("button", { type: "button", id: "all-tests", click: () => pinTests(null) }, "Show all tests"));
  };

  const pin = (row) => {
    const at = rows.indexOf(row);
    const from = figures[at];
    rows.forEach((other, i) => {
      const is = other === row;
      other.classList.toggle("pinned", is);
      other.querySelector("button.pin").setAttribute("aria-pressed", String(is));
      for (let c = 0; c < from.length; c += 1) {
        if (figures[i][c] === null) continue;
        const cell = other.cells[c];
        let delta = cell.querySelector(".delta");
        if (!delta) {
          delta = make("span", { class: "delta" });
          cell.append(" ", delta);
        }
        delta.textContent = is || from[c] === null ? "" : sign(figures[i][c] - from[c]);
      }
    });
    body.prepend(row);
    const model = row.cells[1].textContent.replace("★", "").trim();
    pinTests(row.dataset.entry, `${row.querySelector(".id").firstChild.textContent} · ${model}`);
  };

  if (rows.length > 1) {
    const template = make("button", { type: "button", class: "pin", "aria-pressed": "false" }, "pin");
    for (const row of rows) {
      const button = template.cloneNode(true);
      const model = row.cells[1].textContent.replace("★", "").trim();
      button.setAttribute("aria-label", `pin ${row.cells[0].textContent.trim()} ${model} as baseline`);
      if (row.classList.contains("pinned")) button.setAttribute("aria-pressed", "true");
      row.cells[0].append(button);
    }
    body.addEventListener("click", (event) => {
      const button = event.target.closest("button.pin");
      if (button) pin(button.closest("tr"));
    });
  }
  if (tests) {
    (tests.closest(".scroll") ?? tests).before(status);
  }

  table.addEventListener("filtered", () => {
    for (const row of rows) lines.get(row.dataset.entry)?.classList.toggle("out", row.hidden);
  });
  const heat = (event, is) => {
    const row = event.target.closest?.("tr");
    if (row) lines.get(row.dataset.entry)?.classList.toggle("hot", is);
  };
  if (lines.size) {
    for (const [name, is] of [["mouseover", true], ["mouseout", false], ["focusin", true], ["focusout", false]]) {
      body.addEventListener(name, (event) => heat(event, is));
    }
  }
});
