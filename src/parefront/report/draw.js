// Elements, and a plot in SVG of the size that it is seen in.

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key === "width%") made.style.width = `${value}%`;
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

function shape(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function table(target, headings, rows) {
  const cell = (kind, content, column) => {
    const [body, how] = Array.isArray(content) ? content : [content, headings[column] && headings[column][1]];
    return element(kind, { class: how || false, scope: kind === "th" ? "col" : false }, body);
  };
  const head = element("tr", null, ...headings.map(([text, how], column) => cell("th", [text, how], column)));
  const body = rows.map(({ cells, kind }) => element("tr", { class: kind || false }, ...cells.map((c, i) => cell("td", c, i))));
  target.replaceChildren(element("thead", null, head), element("tbody", null, ...body));
}

// Round numbers over a range, and the step between them.
function ticks(low, high, wanted) {
  const rough = (high - low) / wanted || 1, power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999);
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + step * 1e-9; at += step) found.push(Math.abs(at) < step / 1e6 ? 0 : at);
  return { found, step };
}

// The range of values with a margin.
function range(values) {
  const low = Math.min(...values), high = Math.max(...values), margin = 0.06 * (high - low) || 0.05 * Math.abs(high) || 1;
  return [low - margin, high + margin];
}

// The range of measurements with a margin. Intervals are within it, but for what is longer than half of the values' own range:
// a single noisy one must not squeeze all others.
function span(measured) {
  const values = measured.map((m) => m.value), low = Math.min(...values), high = Math.max(...values);
  const beyond = high > low ? 0.5 * (high - low) : Infinity;
  const ends = measured.flatMap((m) => [Math.max(m.low, low - beyond), Math.min(m.high, high + beyond)]);
  return range([...values, ...ends]);
}

const ARROW = 4;  // half as wide as the head of an interval that goes on

class Plot {
  constructor(holder, name, x, y, xRange, yRange) {
    this.width = Math.max(260, holder.clientWidth);
    this.height = Math.max(160, holder.clientHeight);
    this.box = { left: 64, right: this.width - 14, top: 24, bottom: this.height - 44 };
    this.ranges = { x: xRange, y: yRange };
    this.places = new Places(this.box);
    this.texts = [];
    this.svg = shape("svg", { viewBox: `0 0 ${this.width} ${this.height}`, role: "group", "aria-label": name });
    this._axes(x, y);
    holder.replaceChildren(this.svg);
  }

  x(value) {
    const [low, high] = this.ranges.x;
    return this.box.left + ((value - low) / (high - low)) * (this.box.right - this.box.left);
  }

  y(value) {
    const [low, high] = this.ranges.y;
    return this.box.bottom - ((value - low) / (high - low)) * (this.box.bottom - this.box.top);
  }

  add(name, attributes, text) {
    const made = shape(name, attributes, text);
    this.svg.append(made);
    return made;
  }

  _axes(x, y) {
    const { left, right, top, bottom } = this.box;
    const across = ticks(...this.ranges.x, Math.max(3, this.width / 110)), up = ticks(...this.ranges.y, this.height / 60);
    for (const value of across.found) {
      this.add("line", { class: "grid", x1: this.x(value), x2: this.x(value), y1: top, y2: bottom });
      this.add("text", { class: "tick", x: this.x(value), y: bottom + 16, "text-anchor": "middle" }, tick(value, x, across.step));
    }
    for (const value of up.found) {
      this.add("line", { class: "grid", x1: left, x2: right, y1: this.y(value), y2: this.y(value) });
      this.add("text", { class: "tick", x: left - 6, y: this.y(value) + 4, "text-anchor": "end" }, tick(value, y, up.step));
    }
    this.add("path", { class: "axis", fill: "none", d: `M${left} ${top}V${bottom}H${right}` });
    this.add("text", { x: right, y: bottom + 36, "text-anchor": "end" }, x.label);
    this.add("text", { x: 4, y: 14 }, y.label);
  }

  // What lies beyond a bound on an axis is shaded.
  bound(along, value, atMost, text) {
    const { left, right, top, bottom } = this.box, [low, high] = this.ranges[along];
    const inside = Math.min(high, Math.max(low, value));
    const at = along === "x" ? this.x(inside) : this.y(inside);
    const [from, to] = along === "x" ? (atMost ? [at, right] : [left, at]) : (atMost ? [top, at] : [at, bottom]);
    const [x, y, width, height] = along === "x" ? [from, top, to - from, bottom - top] : [left, from, right - left, to - from];
    this.add("rect", { class: "shade", x, y, width: Math.max(0, width), height: Math.max(0, height) });
    if (inside !== value) return;
    const line = along === "x" ? { x1: at, x2: at, y1: top, y2: bottom } : { x1: left, x2: right, y1: at, y2: at };
    this.add("line", { class: "bound", ...line });
    const rows = [0, 1, 2, 3, 4];
    const candidates = along === "x"
      ? rows.flatMap((row) => [[at + 5, top + 12 + LINE * row, false], [at - 5, top + 12 + LINE * row, true]])
      : [[left + 5, at - 5, false], [right - 5, at - 5, true], [left + 5, at + 13, false], [right - 5, at + 13, true]];
    this.texts.push({ text, candidates, kind: "tick" });
  }

  // A name beside a mark, of which half is so large.
  name(x, y, half, text) {
    this.texts.push({ text, candidates: around(x, y, half + 3), kind: "name", of: [x, y], near: half + 30 });
  }

  // The texts, once all marks are drawn: each where it hides least of these and of the texts before it.
  writeTexts() {
    for (const { text, candidates, kind, of, near } of this.texts) {
      const [x, y, ends] = this.places.best(text, candidates);
      if (of && y - of[1] > near) this.add("path", { class: "leader", d: `M${of[0]} ${of[1]}L${x} ${y - 4}` });
      this.add("text", { class: kind, x, y, "text-anchor": ends ? "end" : "start" }, text);
    }
  }

  // What no text is to hide.
  mark(x, y, half) {
    this.places.take(x - half, y - half, x + half, y + half);
  }

  // The 95 % intervals of a point as a cross; where one goes on beyond the plot it ends in an arrow.
  intervals(x, y, kind) {
    const { left, right, top, bottom } = this.box, [a, b] = [this.x(x.value), this.y(y.value)];
    const clip = (at, least, most) => Math.min(most, Math.max(least, at));
    const [x1, x2] = [x.low, x.high].map((v) => clip(this.x(v), left, right));
    const [y1, y2] = [y.low, y.high].map((v) => clip(this.y(v), top, bottom));
    const heads = [
      this.x(x.low) < left && `M${left + ARROW} ${b - ARROW}L${left} ${b}L${left + ARROW} ${b + ARROW}`,
      this.x(x.high) > right && `M${right - ARROW} ${b - ARROW}L${right} ${b}L${right - ARROW} ${b + ARROW}`,
      this.y(y.high) < top && `M${a - ARROW} ${top + ARROW}L${a} ${top}L${a + ARROW} ${top + ARROW}`,
      this.y(y.low) > bottom && `M${a - ARROW} ${bottom - ARROW}L${a} ${bottom}L${a + ARROW} ${bottom - ARROW}`,
    ];
    this.add("path", { class: `bar ${kind}`, fill: "none", d: `M${x1} ${b}H${x2}M${a} ${y1}V${y2}${heads.filter(Boolean).join("")}` });
    this.places.take(x1, b - 1, x2, b + 1);
    this.places.take(a - 1, y2, a + 1, y1);
  }

  holds(x, y) {
    const inside = (value, [low, high]) => value >= low && value <= high;
    return inside(x.value, this.ranges.x) && inside(y.value, this.ranges.y);
  }
}

// What stands beside a mark while the pointer or the focus is on it.
function explained(target, text) {
  const tip = document.getElementById("tip");
  const show = () => {
    const box = target.getBoundingClientRect();
    tip.textContent = text();
    tip.hidden = false;
    tip.style.left = `${Math.max(4, Math.min(box.right + 8, innerWidth - tip.offsetWidth - 4))}px`;
    tip.style.top = `${Math.max(4, Math.min(box.bottom + 8, innerHeight - tip.offsetHeight - 4))}px`;
  };
  const hide = () => { tip.hidden = true; };
  for (const [event, does] of [["pointerenter", show], ["focus", show], ["pointerleave", hide], ["blur", hide]]) target.addEventListener(event, does);
}
