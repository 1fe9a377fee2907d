// The model lab: rows that come and go in its form, tables that sort by a click.
document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("[data-lab]");
  if (form) edit(form);
  for (const table of document.querySelectorAll("table[data-sortable]")) sortable(table);

  function edit(form) {
    const rows = form.querySelector("[data-rows]");
    const most = Number(form.dataset.most);
    const filled = (template, place) => {
      const holder = document.createElement("template");
      holder.innerHTML = template.innerHTML.replaceAll("__n__", place);
      return holder.content;
    };
    const free = () => {
      const taken = [...rows.children].map((row) => Number(row.dataset.place));
      return [...Array(most).keys()].find((place) => !taken.includes(place));
    };
    const settle = () => {
      // The first is what the others are held against, and one alone would have nothing to be held against.
      const count = rows.children.length;
      form.querySelector("[data-add-row]").disabled = count >= most;
      for (const button of rows.querySelectorAll("[data-remove-row]")) button.disabled = count <= 2;
      [...rows.children].forEach((row, number) => {
        row.querySelector(".lab-dot").className = `lab-dot lab-c${number}`;
      });
    };
    form.querySelector("[data-add-row]").addEventListener("click", () => {
      const place = free();
      if (place === undefined) return;
      rows.append(filled(document.querySelector("template[data-row]"), place));
      settle();
      rows.lastElementChild.querySelector("select").focus();
    });
    rows.addEventListener("click", ({ target }) => {
      const button = target.closest("[data-remove-row]");
      if (!button) return;
      button.closest(".lab-row").remove();
      settle();
    });
    rows.addEventListener("change", ({ target }) => {
      if (!target.matches(".lab-row-head select")) return;
      const row = target.closest(".lab-row");
      const [model, which] = target.value.split(":");
      const trial = which === "try" && document.querySelector(`template[data-trial="${model}"]`);
      row.querySelector("[data-trial-place]").replaceChildren(...(trial ? [filled(trial, row.dataset.place)] : []));
    });
    settle();
  }

  function sortable(table) {
    const heads = [...table.tHead.rows[0].cells];
    const words = new Intl.Collator("en");
    heads.forEach((head, column) => {
      head.querySelector("button").addEventListener("click", () => {
        const falling = column > 0 ? head.ariaSort !== "descending" : head.ariaSort === "ascending";
        const key = (row) => row.cells[column].dataset.value;
        const order = (a, b) =>
          column > 0 ? key(a) - key(b) : words.compare(a.cells[0].textContent, b.cells[0].textContent);
        const sorted = [...table.tBodies[0].rows].sort((a, b) => (falling ? order(b, a) : order(a, b)));
        table.tBodies[0].append(...sorted);
        for (const each of heads) each.ariaSort = "none";
        head.ariaSort = falling ? "descending" : "ascending";
      });
    });
  }
});
