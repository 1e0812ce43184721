// Pictures as SVG. Colours and widths of lines come from the style sheet.

const NAMESPACE = "http://www.w3.org/2000/svg";
const SIDE = 14; // of a cell of the map, with its gap
const ROW = 18; // height of a process in the timeline
const LABEL = 150; // most width of the names beside it
const LETTER = 6; // width of a letter there

function svg(name, attributes, text = "") {
  const made = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

function titled(shape, words) {
  shape.append(svg("title", {}, words));
  return shape;
}

const widthOf = (picture) => picture.parentElement.clientWidth; // so that text has its size on a phone too

function paint(picture, width, height, shapes) {
  picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
  picture.replaceChildren(...shapes);
}

// A square for each cell: { state, tries, words }.
export function drawMap(picture, cells) {
  const width = widthOf(picture);
  const across = Math.min(cells.length, Math.floor(width / SIDE));
  const squares = cells.map((cell, i) => {
    const place = { x: (i % across) * SIDE, y: Math.floor(i / across) * SIDE, width: SIDE - 2, height: SIDE - 2, rx: 2 };
    return titled(svg("rect", { ...place, class: cell.tries > 1 ? `${cell.state} tried` : cell.state }), cell.words);
  });
  paint(picture, width, Math.ceil(cells.length / across) * SIDE, squares);
}

// A line for each process, with a bar for each time at work.
export function drawTimeline(picture, processes, from, to) {
  const width = widthOf(picture);
  const label = Math.min(LABEL, width / 3);
  const [scale, most] = [(width - label) / Math.max(0.1, to - from), Math.floor(label / LETTER)];
  const rows = processes.flatMap(({ name, spans }, i) => [
    svg("text", { x: 0, y: i * ROW + 12, class: "name" }, name.length > most ? `${name.slice(0, most - 1)}…` : name),
    ...spans.map(([start, stop]) =>
      svg("rect", {
        x: label + (start - from) * scale, y: i * ROW + 2, width: Math.max(1, (stop - start) * scale), height: ROW - 6, class: "drawn",
      }),
    ),
  ]);
  paint(picture, width, processes.length * ROW, rows);
}

// Steps over the last hour: `series` are { name, points: [[seconds ago, value]] }, each with a scale of its own.
export function drawHour(picture, series, height = 150) {
  const [left, bottom, width] = [34, 18, widthOf(picture)];
  const x = (ago) => left + (width - 2 * left) * (1 - ago / 3600);
  const shapes = [3600, 2700, 1800, 900, 0].map((ago) =>
    svg("text", { x: x(ago), y: height, class: "tick", "text-anchor": "middle" }, ago ? `−${ago / 60}` : "0"),
  );
  series.forEach(({ name, points }, i) => {
    const most = Math.max(1, ...points.map(([, value]) => value));
    const y = (value) => 8 + (height - bottom - 14) * (1 - value / most);
    const steps = points.map(([ago, value], n) => `${n ? `H${x(ago)}V${y(value)}` : `M${x(ago)},${y(value)}`}`).join("");
    shapes.push(svg("path", { d: `${steps}H${x(0)}`, class: `line ${name}` }));
    const side = { x: i ? width - left + 6 : left - 6, "text-anchor": i ? "start" : "end", class: `tick ${name}` };
    shapes.push(svg("text", { ...side, y: y(most) + 4 }, most), svg("text", { ...side, y: y(0) + 4 }, 0));
  });
  paint(picture, width, height + 4, shapes);
}
