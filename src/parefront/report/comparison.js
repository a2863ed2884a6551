// Fronts of several runs in one plot, each with a colour and a mark of its own.

const comparison = JSON.parse(document.getElementById("data").textContent);
const axes = new Map(comparison.axes.map((axis) => [axis.key, axis]));
const at = (id) => document.getElementById(id);
const MARKS = [
  (x, y) => `M${x - 5} ${y}a5 5 0 1 0 10 0a5 5 0 1 0 -10 0Z`,
  (x, y) => `M${x - 5} ${y - 5}h10v10h-10Z`,
  (x, y) => `M${x} ${y - 6}l6 11h-12Z`,
  (x, y) => `M${x} ${y - 7}l7 7l-7 7l-7 -7Z`,
  (x, y) => `M${x} ${y + 6}l6 -11h-12Z`,
];
const COLOURS = 5;

function begin() {
  at("main").hidden = false;
  beginTheme();
  for (const [id, chosen] of [["x-axis", comparison.x], ["y-axis", comparison.y]]) {
    at(id).append(...comparison.axes.map((axis) => element("option", { value: axis.key, selected: axis.key === chosen ? "" : false }, axis.label)));
    at(id).addEventListener("change", draw);
  }
  at("legend").append(...comparison.runs.map((run, index) => {
    const mark = shape("svg", { viewBox: "-8 -8 16 16", "aria-hidden": "true" });
    mark.append(shape("path", { class: `run-${index % COLOURS}`, d: MARKS[index % MARKS.length](0, 0) }));
    return element("span", null, mark, run.run);
  }));
  table(at("rows"), comparison.headings.map((text, column) => [text, column < 2 ? "text" : ""]), comparison.rows.map((cells) => ({ cells })));
  at("notes").append(...comparison.said.map((note) => element("li", null, note)));
  showPlaces();
  new ResizeObserver(draw).observe(at("plot"));
}

function showPlaces() {
  const places = comparison.places;
  at("places-part").hidden = !places;
  if (!places) return;
  at("places-note").textContent = `${places.note[0].toUpperCase()}${places.note.slice(1)}.`;
  table(at("places"), places.headings.map((text) => [text, "text lines"]), places.rows.map((cells) => ({ cells })));
}

function draw() {
  const x = axes.get(at("x-axis").value), y = axes.get(at("y-axis").value);
  const fronts = comparison.runs.map((run) => run.front.candidates.filter((member) => x.key in member.metrics && y.key in member.metrics));
  const bases = comparison.runs.map((run) => run.front.baseline).filter((metrics) => x.key in metrics && y.key in metrics);
  const framed = fronts.flatMap((front, index) => front.filter((member) => comparison.runs[index].useful.includes(member.trial)));
  const all = [...framed.map((member) => member.metrics), ...bases];
  if (!all.length) return at("plot").replaceChildren(element("p", null, "Nothing was measured in both."));
  const plot = new Plot(at("plot"), `${y.label} over ${x.label}`, x, y, span(all.map((m) => m[x.key])), span(all.map((m) => m[y.key])));
  plot.svg.setAttribute("role", "img");
  fronts.forEach((front, index) => {
    const kind = `run-${index % COLOURS}`, name = comparison.runs[index].run;
    front.sort((a, b) => a.metrics[x.key].value - b.metrics[x.key].value);
    const points = front.map((member) => [plot.x(member.metrics[x.key].value), plot.y(member.metrics[y.key].value)]);
    const drawn = points.filter((point, place) => plot.holds(front[place].metrics[x.key], front[place].metrics[y.key]));
    if (drawn.length) plot.add("path", { class: `joined ${kind}`, d: `M${drawn.map((point) => point.join(" ")).join("L")}` });
    front.forEach((member, place) => {
      if (!plot.holds(member.metrics[x.key], member.metrics[y.key])) return;
      plot.intervals(member.metrics[x.key], member.metrics[y.key], kind);
      const mark = plot.add("path", { class: kind, d: MARKS[index % MARKS.length](...points[place]) });
      plot.mark(...points[place], 5);
      explained(mark, () => [`${name}, trial ${member.trial}`, ...[y, x].map((axis) => `${axis.label}: ${worded(member.metrics[axis.key], axis)}`), member.done].join("\n"));
    });
  });
  bases.slice(0, 1).forEach((metrics) => {
    plot.intervals(metrics[x.key], metrics[y.key], "landmark");
    plot.name(plot.x(metrics[x.key].value), plot.y(metrics[y.key].value), 5, "uncompressed");
  });
  plot.writeTexts();
}

begin();
