"use strict";
/* Makes the page's tables and figures handier; the page is complete without it.

   table.sortable                 headers become buttons; a cell's data-value goes before its text
   table[data-filter="Words"]     a field that filters its rows
   table[data-columns]            a chooser of columns; th[data-off] begins hidden
   [data-views="Name"]            of its children with data-view="Label" one is shown, buttons choose which
   #theme                         changes between light and dark colours */
(() => {
  const root = document.documentElement;

  // Storage may be forbidden, as from some file systems.
  const remembered = (value) => {
    try {
      if (value === undefined) return localStorage.getItem("runner-theme");
      localStorage.setItem("runner-theme", value);
    } catch { /* then it is not remembered */ }
    return null;
  };
  const stored = remembered();
  if (stored === "dark" || stored === "light") root.dataset.theme = stored;

  const make = (name, attributes = {}, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (typeof value === "function") element.addEventListener(key, value);
      else element.setAttribute(key, value);
    }
    element.append(...children);
    return element;
  };

  const theme = () => {
    const button = document.getElementById("theme");
    if (!button) return;
    const system = matchMedia("(prefers-color-scheme: dark)");
    const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
    const show = () => button.setAttribute("aria-pressed", String(dark()));
    button.hidden = false;
    button.addEventListener("click", () => {
      root.dataset.theme = dark() ? "light" : "dark";
      remembered(root.dataset.theme);
      show();
    });
    system.addEventListener("change", show);
    show();
  };

  const key = (cell) => {
    if (!cell) return "";
    const text = cell.dataset.value ?? cell.textContent.trim();
    return text !== "" && !Number.isNaN(Number(text)) ? Number(text) : text;
  };
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), undefined, { numeric: true });

  const sort = (table, header) => {
    const headers = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
    const column = headers.indexOf(header);
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row, i) => ({ row, i, key: key(row.cells[column]) }));
    const empty = (k) => k === "" || k === "–";
    const numeric = rows.some((r) => typeof r.key === "number");
    const before = header.getAttribute("aria-sort");
    // Numbers begin with the greatest, words with the first.
    const first = numeric && header.dataset.better !== "low" ? "descending" : "ascending";
    const other = first === "descending" ? "ascending" : "descending";
    const direction = before === first ? other : first;
    const sign = direction === "ascending" ? 1 : -1;
    rows.sort((a, b) =>
      Number(b.row.classList.contains("pinned")) - Number(a.row.classList.contains("pinned")) ||
      Number(empty(a.key)) - Number(empty(b.key)) || sign * compare(a.key, b.key) || a.i - b.i);
    headers.forEach((h) => h.removeAttribute("aria-sort"));
    header.setAttribute("aria-sort", direction);
    body.append(...rows.map((r) => r.row));
  };

  const sortable = (table) => {
    if (!table.tHead || !table.tBodies[0]) return;
    for (const header of table.tHead.rows[table.tHead.rows.length - 1].cells) {
      if (header.textContent.trim() === "" || header.hasAttribute("data-fixed")) continue;
      const button = make("button", { type: "button", class: "sort", click: () => sort(table, header) });
      button.append(...header.childNodes);
      header.append(button);
    }
  };

  const tools = (table) => {
    const box = table.closest(".scroll") ?? table;
    let bar = box.previousElementSibling;
    if (!bar?.classList.contains("tools")) {
      bar = make("div", { class: "tools" });
      box.before(bar);
    }
    return bar;
  };

  const filter = (table) => {
    const status = make("span", { role: "status", class: "delta" });
    const input = make("input", { type: "search", autocomplete: "off", spellcheck: "false" });
    const rows = [...table.tBodies[0].rows].map((row) => ({ row, text: row.textContent.toLowerCase() }));
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const { row, text } of rows) {
        const is = words.every((w) => text.includes(w));
        if (row.hidden === is) row.hidden = !is;
        if (is) shown += 1;
      }
      status.textContent = words.length ? `${shown} of ${rows.length} rows` : "";
      table.dispatchEvent(new Event("filtered"));
    });
    tools(table).append(make("label", {}, table.dataset.filter || "Filter", input), status);
  };

  const columns = (table) => {
    const headers = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
    // One rule a hidden column: cheap for a thousand rows. The style element is the page's own.
    const style = make("style");
    document.head.append(style);
    table.id ||= `table-${document.querySelectorAll("table").length}-${Math.floor(performance.now())}`;
    const hidden = new Set();
    const show = () => {
      style.textContent = [...hidden]
        .map((i) => `#${CSS.escape(table.id)} tr > :nth-child(${i + 1}) { display: none; }`).join("\n");
    };
    const list = make("div");
    headers.forEach((header, i) => {
      if (i === 0 || header.hasAttribute("data-fixed")) return;
      const box = make("input", { type: "checkbox" });
      box.checked = !header.hasAttribute("data-off");
      if (!box.checked) hidden.add(i);
      box.addEventListener("change", () => {
        if (box.checked) hidden.delete(i); else hidden.add(i);
        show();
      });
      list.append(make("label", {}, box, header.dataset.name ?? header.textContent.trim()));
    });
    show();
    const details = make("details", {}, make("summary", {}, "Columns"), list);
    details.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { details.open = false; details.firstElementChild.focus(); }
    });
    tools(table).append(details);
  };

  const views = (box) => {
    const all = [...box.children].filter((child) => child.dataset.view !== undefined);
    if (all.length < 2) return;
    const buttons = all.map((view) => make("button", { type: "button", click: () => show(view) }, view.dataset.view));
    const show = (chosen) => all.forEach((view, i) => {
      view.hidden = view !== chosen;
      buttons[i].setAttribute("aria-pressed", String(view === chosen));
    });
    box.prepend(make("div", { class: "tools" },
      make("div", { class: "pair", role: "group", "aria-label": box.dataset.views }, ...buttons)));
    show(all[0]);
  };

  window.runnerPage = { make, sort, tools };
  document.addEventListener("DOMContentLoaded", () => {
    theme();
    document.querySelectorAll("table.sortable").forEach(sortable);
    document.querySelectorAll("table[data-filter]").forEach(filter);
    document.querySelectorAll("table[data-columns]").forEach(columns);
    document.querySelectorAll("[data-views]").forEach(views);
    root.dataset.ready = "yes";
  });
})();
