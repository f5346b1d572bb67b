"use strict";
(() => {
  /* Tables: the library sorts, and rows are found by text and by the choices above the table. */
  for (const table of document.querySelectorAll("table.sortable")) {
    const api = new globalThis.DataTable(table, {
      autoWidth: false, info: false, order: [], paging: false,
      layout: { topStart: null, topEnd: null, bottomStart: null, bottomEnd: null },
      columnDefs: [{ targets: ".n:not(.up)", orderSequence: ["desc", "asc"] }, { targets: "_all", orderSequence: ["asc", "desc"] }],
      language: { zeroRecords: "No row fits; choose less above." },
    });
    const tools = document.getElementById(`${table.id}-tools`);
    if (!tools) continue;
    const text = tools.querySelector("input"), choices = [...tools.querySelectorAll("select")];
    const status = tools.querySelector("[role=status]"), total = api.rows().count();
    api.search.fixed("choices", (_, __, row) => {
      const facets = api.row(row).node().dataset;
      return choices.every(choice => !choice.value || facets[choice.name] === choice.value);
    });
    const update = () => {
      api.search(text.value).draw();
      const shown = api.rows({ search: "applied" }).count();
      status.textContent = shown === total ? `${total} rows` : `${shown} of ${total} rows`;
    };
    text.addEventListener("input", update);
    for (const choice of choices) choice.addEventListener("change", update);
    tools.addEventListener("submit", event => event.preventDefault());
    tools.hidden = false;
  }

  /* Tooltips: what a drawing says of a point or a curve, for a mouse, a finger and a keyboard. */
  const tip = document.createElement("div");
  tip.id = "tip";
  tip.setAttribute("role", "tooltip");
  tip.hidden = true;
  document.body.append(tip);
  const words = new Map();
  const show = (mark, x, y) => {
    tip.textContent = words.get(mark);
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const left = Math.max(8, Math.min(x - box.width / 2, document.documentElement.clientWidth - box.width - 8));
    const top = y - box.height - 12 < 8 ? y + 16 : y - box.height - 12;
    tip.style.left = `${left + scrollX}px`;
    tip.style.top = `${top + scrollY}px`;
  };
  const hide = () => { tip.hidden = true; };
  for (const mark of document.querySelectorAll(".tip")) {
    const title = mark.querySelector("title");
    words.set(mark, title.textContent);
    title.remove(); /* else the browser would show its own as well */
    if (mark.matches("a")) mark.setAttribute("aria-label", words.get(mark));
    mark.addEventListener("pointerenter", event => show(mark, event.clientX, event.clientY));
    mark.addEventListener("pointermove", event => show(mark, event.clientX, event.clientY));
    mark.addEventListener("pointerleave", hide);
    mark.addEventListener("focus", () => {
      const box = mark.getBoundingClientRect();
      show(mark, box.left + box.width / 2, box.top);
    });
    mark.addEventListener("blur", hide);
  }
  document.addEventListener("keydown", event => { if (event.key === "Escape") hide(); });
})();
