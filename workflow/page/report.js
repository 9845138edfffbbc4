// The report's table, and the pictures of the chosen symbols. Makes no requests.
"use strict";

const element = (id) => document.getElementById(id);
const table = element("table");
const body = table.tBodies[0];
const heads = [...table.tHead.rows[0].cells];
const rows = [...body.rows];
const FIRST = rows.filter((row) => !row.hidden).length;

// Rows that match the filter are shown: the first of them, or all. Paper shows more than the screen.
let everything = false;
const PRINTED = 500;

function matching() {
  const wanted = element("filter").value.trim().toLowerCase();
  return [...body.rows].filter((row) => !wanted || row.dataset.text.includes(wanted));
}

function show(most = FIRST) {
  const found = new Set();
  const matched = matching();
  matched.slice(0, everything ? matched.length : most).forEach((row) => found.add(row));
  for (const row of rows) row.hidden = !found.has(row);
  const count = (number) => number.toLocaleString("en");
  element("shown").value = `${count(found.size)} of ${count(rows.length)} symbols`;
  element("all").hidden = found.size === matched.length;
}

// Numbers sort by their exact value; missing ones come last in both directions.
function key(row, column) {
  const cell = row.cells[column];
  if (cell.dataset.value === undefined) return cell.textContent;
  return cell.dataset.value === "" ? null : Number(cell.dataset.value);
}

function sortBy(column, direction) {
  const keyed = rows.map((row) => [key(row, column), row]);
  keyed.sort(([a], [b]) => {
    if (a === null || b === null) return (a === null) - (b === null);
    return (a < b ? -1 : a > b ? 1 : 0) * direction;
  });
  body.append(...keyed.map(([, row]) => row));
  heads.forEach((head, place) => {
    if (place === column) head.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
    else head.removeAttribute("aria-sort");
  });
  show();
}

function button(text, pressed) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.addEventListener("click", pressed);
  return made;
}

heads.forEach((head, column) => {
  const text = head.textContent;
  const rising = !head.classList.contains("number");
  head.replaceChildren(
    button(text, () => {
      const sorted = head.getAttribute("aria-sort");
      const up = sorted ? sorted === "descending" : rising;
      sortBy(column, up ? 1 : -1);
    }),
  );
});

// Turn a cell that a spreadsheet would read as a formula into text.
function quoted(text) {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return `"${safe.replaceAll('"', '""')}"`;
}

function asCsv() {
  const cell = (one) => one.dataset.value ?? quoted(one.textContent);
  const lines = [heads.map((head) => quoted(head.textContent))];
  for (const row of matching()) lines.push([...row.cells].map(cell));
  return lines.map((line) => line.join(",")).join("\r\n") + "\r\n";
}

element("export").addEventListener("click", () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([asCsv()], { type: "text/csv" }));
  link.download = "symbols.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
});

// Pictures of the first symbols are drawn when the page opens, the others on request.
const read = (id) => JSON.parse(element(id).textContent);
const specs = read("specs");
let others = null; // large with many symbols, so read only on request

// Each number is 16 bits: offset + step * code. The highest code means missing.
function unpacked(symbol, packed) {
  const bytes = Uint8Array.from(atob(symbol.codes), (letter) => letter.charCodeAt(0));
  const codes = new Uint16Array(bytes.buffer);
  const { day, fan } = packed.calendars[symbol.calendar];
  const days = day.map((one, row) => ({ day: one, fan: fan[row], time: one * 86400000 }));
  packed.names.forEach((name, place) => {
    const [offset, step] = symbol.steps[place];
    days.forEach((day, row) => {
      const code = codes[place * days.length + row];
      day[name] = code === 65535 ? null : offset + step * code;
    });
  });
  const hits = [];
  const beyond = new Map();
  for (const [tail, found] of symbol.hits) {
    for (const day of found) {
      hits.push({ time: day * 86400000, tail });
      beyond.set(day, tail);
    }
  }
  for (const one of days) one.beyond = beyond.get(one.day) ?? null;
  return { days, hits };
}

function picture(kind, name) {
  const figure = document.createElement("figure");
  const heading = document.createElement("p");
  heading.className = "title";
  heading.textContent = kind.title;
  const drawn = document.createElement("div");
  drawn.className = "drawn";
  drawn.setAttribute("role", "img");
  drawn.setAttribute("aria-label", `${kind.title} of ${name}. ${kind.says}`);
  const drawing = document.createElement("div");
  drawing.ariaHidden = "true"; // otherwise screen readers read out each mark
  drawn.append(drawing);
  const caption = document.createElement("figcaption");
  caption.textContent = kind.says;
  figure.append(heading, drawn, caption);
  return [figure, drawing];
}

// Reserve the space that the pictures need, so that nothing moves.
function frame(article) {
  const grid = document.createElement("div");
  grid.className = "pictures";
  article.append(grid);
  return specs.map((kind) => {
    const [figure, drawing] = picture(kind, article.dataset.symbol);
    grid.append(figure);
    return drawing;
  });
}

async function draw(name, drawings, packed) {
  const symbol = packed.symbols[name];
  const data = unpacked(symbol, packed);
  for (const [place, kind] of specs.entries()) {
    const spec = structuredClone(kind.spec[symbol.scale]);
    for (const set of Object.keys(spec.datasets)) spec.datasets[set] = data[set];
    await vegaEmbed(drawings[place], spec, {
      mode: "vega-lite",
      ast: true,
      renderer: "svg",
      actions: false,
      defaultStyle: false,
      tooltip: false,
    });
  }
}

function article(name) {
  const made = document.createElement("article");
  made.dataset.symbol = name;
  const heading = document.createElement("h3");
  heading.tabIndex = -1;
  heading.textContent = name;
  made.append(heading);
  others ??= read("series");
  draw(name, frame(made), others);
  return made;
}

function look(name) {
  const before = [...document.querySelectorAll("#sight article")];
  const found = before.find((one) => one.dataset.symbol === name) ?? article(name);
  element("sight").prepend(found);
  found.querySelector("h3").focus({ preventScroll: true });
  found.scrollIntoView({ block: "start" });
}

// Draw one symbol at a time, so that the page stays responsive.
async function drawFirst() {
  const first = [...document.querySelectorAll("#sight article")];
  const drawings = first.map(frame);
  const packed = read("first");
  for (const [place, one] of first.entries()) {
    await new Promise((done) => setTimeout(done));
    await draw(one.dataset.symbol, drawings[place], packed);
  }
}

const pictured = element("sight") !== null;
for (const row of rows) {
  row.dataset.text = `${row.cells[0].textContent} ${row.cells[row.cells.length - 1].textContent}`.toLowerCase();
}
if (pictured) {
  drawFirst();
  // one listener for all rows; a row gets its button when it is first shown
  body.addEventListener("click", (event) => {
    const pressed = event.target.closest("button");
    if (pressed) look(pressed.textContent);
  });
  for (const row of rows) {
    const name = row.cells[0].textContent;
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = name;
    row.cells[0].replaceChildren(made);
  }
}
element("filter").addEventListener("input", () => show());
element("all").addEventListener("click", () => {
  everything = true;
  show();
});
element("tools").addEventListener("submit", (event) => event.preventDefault());
element("tools").hidden = false;
show();

// What hovering explains on a screen is written out on paper.
const columns = element("columns");
let unfolded = false;
addEventListener("beforeprint", () => {
  unfolded = columns.open;
  columns.open = true;
  show(PRINTED);
});
addEventListener("afterprint", () => {
  columns.open = unfolded;
  show();
});
