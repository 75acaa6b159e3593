"use strict";
// Class table: search, sort, show more rows. Without JavaScript it shows the rarest classes.
(() => {
  const table = document.getElementById("class-table");
  if (!table) return;
  const classes = JSON.parse(document.getElementById("class-data").textContent);
  const body = table.tBodies[0];
  const search = document.getElementById("class-search");
  const more = document.getElementById("class-more");
  const state = document.getElementById("class-state");
  const page = 25;
  let shown = page;
  let column = 2;
  let ascending = true;
  const percent = (share) => (share === null ? "-" : (100 * share).toFixed(1));
  const format = [String, String, (n) => n.toLocaleString("en"), (n) => n.toLocaleString("en"),
    percent, percent, percent];
  const compare = (a, b) => {
    if (a === null || b === null) return (a === null) - (b === null);
    const order = typeof a === "string" ? a.localeCompare(b, "en") : a - b;
    return ascending ? order : -order;
  };

  function draw() {
    const query = search.value.trim().toLowerCase();
    const found = classes.filter((row) => row[0].toLowerCase().includes(query) || row[1] === query)
      .sort((a, b) => compare(a[column], b[column]) || a[0].localeCompare(b[0], "en"));
    body.replaceChildren(...found.slice(0, shown).map((row) => {
      const line = document.createElement("tr");
      row.forEach((value, i) => {
        const cell = document.createElement(i ? "td" : "th");
        if (!i) cell.scope = "row";
        if (i < 2) cell.className = "text";
        cell.textContent = format[i](value);
        line.append(cell);
      });
      return line;
    }));
    state.textContent = `${Math.min(shown, found.length)} of ${found.length} classes`;
    more.hidden = found.length <= shown;
  }

  [...table.tHead.rows[0].cells].forEach((head, i) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => {
      ascending = column === i ? !ascending : true;
      column = i;
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      draw();
    });
    head.replaceChildren(button);
  });
  search.addEventListener("input", () => { shown = page; draw(); });
  more.addEventListener("click", () => { shown += 4 * page; draw(); });
  document.getElementById("class-tools").hidden = false;
  draw();
})();
