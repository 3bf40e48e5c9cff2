"use strict";
/* The slider of the page of a run: precision and alarms at another prevalence. Without it the table stands for the
   prevalence of the experiment. */
document.addEventListener("DOMContentLoaded", () => {
  const box = document.getElementById("prevalence-box");
  const table = document.getElementById("alarm-table");
  if (!box || !table) return;
  const range = box.querySelector("input[type=range]");
  const flows = box.querySelector("input[type=number]");
  const told = box.querySelector("output");
  const percent = (v) => `${(v * 100).toFixed(2)} %`;
  const whole = (v) => Math.round(v).toString().replace(/\B(?=(\d{3})+(?!\d))/g, "\u2009");
  const precision = (p, hit, wrong) => {
    const all = p * hit + (1 - p) * wrong;
    return all > 0 ? (p * hit) / all : null;
  };
  const put = (cell, value, text) => {
    cell.textContent = value === null ? "–" : text;
    cell.dataset.value = value === null ? "" : String(value);
  };
  const show = () => {
    const p = 10 ** Number(range.value);
    const n = Math.max(0, Number(flows.value) || 0);
    const text = `${Number((p * 100).toPrecision(3))} %`;
    told.textContent = text;
    range.setAttribute("aria-valuetext", text);
    for (const head of table.querySelectorAll("[data-prevalence]")) head.textContent = text;
    for (const row of table.tBodies[0].rows) {
      const [hit, wrong, most] = [row.dataset.tpr, row.dataset.fpr, row.dataset.high].map(Number);
      const cell = (name) => row.querySelector(`[data-cell="${name}"]`);
      const [likely, least] = [precision(p, hit, wrong), precision(p, hit, most)];
      put(cell("precision"), likely, percent(likely));
      put(cell("least"), least, percent(least));
      put(cell("alarms"), n * (p * hit + (1 - p) * wrong), whole(n * (p * hit + (1 - p) * wrong)));
      put(cell("false"), n * (1 - p) * wrong, whole(n * (1 - p) * wrong));
    }
  };
  box.hidden = false;
  range.addEventListener("input", show);
  flows.addEventListener("input", show);
});
