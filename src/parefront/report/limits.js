// What a reader limits: costs and the loss of quality, each with a slider or by a typed number, and harm to single classes.

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const REFUSED = "Not taken: type a number from 0 up, such as 0.5. An empty box is no limit.";

// Two rows of controls: for whichever cost is chosen of the list, and for the quality.
const limits = [{ id: "limit", axis: null }, { id: "loss", axis: null }];
// The limits that hold: values by the key of their axis, in the order in which they were set.
const limited = new Map();
const units = new Map();  // of typed numbers by the key of their axis, as they were first shown

function beginLimits() {
  for (const one of limits) {
    at(one.id).addEventListener("input", () => { setLimit(one.axis, sliderValue(one)); showNumber(one); });
    at(`${one.id}-value`).addEventListener("input", () => typed(one));
    at(`${one.id}-value`).addEventListener("change", () => { if (!refused(one)) showNumber(one); });
  }
  at("alike").addEventListener("change", () => setLimit(HIT, at("alike").checked ? 0 : null));
  at("limit-axis").addEventListener("change", () => { limits[0].axis = axes.get(at("limit-axis").value); showNumber(limits[0]); showLimits(); });
  at("clear").addEventListener("click", () => { limited.clear(); limits.forEach(showNumber); chooseWithin(); at("limit-value").focus(); });
}

function setLimit(axis, value) {
  if (value === null) limited.delete(axis.key);
  else limited.set(axis.key, value);
  chooseWithin();
}

function valueOf(one) {
  return limited.get(one.axis.key) ?? null;
}

// What may be limited in newer data of the run: the costs and the change of the quality, or where it has none the quality.
function fillLimits() {
  const measured = (axis) => members.some((entry) => axis.key in entry.metrics), [cost, loss] = limits;
  const bounded = costs.filter(measured), change = quality && (axes.get(`${quality.key}_change`) || quality);
  cost.axis = (cost.axis && axes.get(cost.axis.key)) || defaultCost;
  loss.axis = change && measured(change) ? change : null;
  offer("limit-axis", bounded.map((axis) => [axis.label, axis.key]), cost.axis && cost.axis.key);
  at("cost-part").hidden = !bounded.length;
  at("loss-part").hidden = !loss.axis;
  at("alike-part").hidden = !measured(HIT);
  showLimits();
}

// The limits that hold: those on costs first, then the one on the quality.
function activeLimits() {
  const known = [...limited].map(([key, value]) => ({ axis: key === HIT.key ? HIT : axes.get(key), value })).filter(({ axis }) => axis);
  const rank = ({ axis }) => (axis === HIT ? 2 : axis.quality ? 1 : 0);
  return known.sort((a, b) => rank(a) - rank(b));
}

function chooseWithin() {
  const active = activeLimits();
  showLimits();
  showPicks();
  choose(active.length ? within(active) : firstChoice(), active.length ? "limit" : "start");
}

// From the slider's left end, where a limit is as strict as the front allows or a little stricter, to its right end.
function sliderRange({ axis }) {
  const known = members.filter((entry) => axis.key in entry.metrics && (!axis.quality || entry.useful)).map((entry) => judged(entry, axis));
  const sorted = known.sort((a, b) => (worse(axis, a, b) ? 1 : -1)), best = sorted[0], last = sorted[sorted.length - 1];
  if (axis.change) return [worse(axis, 0, best) ? 0 : best, last];
  return [axis.quality ? best : best - 0.05 * (last - best), last];
}

// What the slider says: at its right end that there is no limit.
function sliderValue(one) {
  const position = Number(at(one.id).value), most = Number(at(one.id).max), [from, last] = sliderRange(one);
  return position === most ? null : from + ((last - from) * position) / (most - 1);
}

// A typed number counts as soon as it is one; an empty field, or what is refused, is no limit.
function typed(one) {
  const field = at(`${one.id}-value`), { size, sign } = typedUnit(one.axis), wrong = refused(one);
  field.setAttribute("aria-invalid", String(wrong));
  setLimit(one.axis, wrong || !field.value.trim() ? null : sign * Number(field.value) * size);
}

// Whether a field holds what is no number, or a cost or a loss below zero.
function refused(one) {
  const text = at(`${one.id}-value`).value.trim();
  const signed = one.axis.quality && !one.axis.change;
  return text !== "" && !(NUMBER.test(text) && Number.isFinite(Number(text)) && (signed || Number(text) >= 0));
}

// The unit that a limit is typed in: the one in which most members are shown; of a change that is what is lost.
function typedUnit(axis) {
  if (!units.has(axis.key)) units.set(axis.key, unitOf(axis));
  return units.get(axis.key);
}

function unitOf(axis) {
  const sign = axis.change && axis.higher_is_better ? -1 : 1;
  if (axis.unit === "fraction") return { name: axis.change ? "pt" : "%", size: 0.01, sign };
  if (axis.unit !== "bytes" && !COUNTS.includes(axis.unit)) return { name: axis.unit === "score" ? "" : axis.unit, size: 1, sign };
  const values = members.filter((entry) => axis.key in entry.metrics).map((entry) => entry.metrics[axis.key].value).sort((a, b) => a - b);
  const [size, prefix] = prefixOf(values[Math.floor(values.length / 2)] || 0);
  if (axis.unit !== "bytes") return { name: prefix, size, sign };
  const name = `${prefix.toUpperCase()}B`;
  return { name, size, sign, means: prefix ? `1 ${name} = ${size.toLocaleString("en-US")} bytes` : "" };
}

// The field is not written to while somebody types in it.
function showNumber(one) {
  if (!one.axis) return;
  const { size, sign } = typedUnit(one.axis), value = valueOf(one);
  at(`${one.id}-value`).value = value === null ? "" : String(Number(((sign * value) / size).toPrecision(4)) + 0);
  at(`${one.id}-value`).removeAttribute("aria-invalid");
}

function showLimits() {
  const active = activeLimits(), free = freeObjective(active);
  at("alike").checked = limited.has(HIT.key);
  limits.filter((one) => one.axis).forEach(showLimit);
  at("held").replaceChildren(...active.map((one) => element("button", { type: "button", "aria-label": `remove the limit: ${wordsOf(one)}`, onclick: () => drop(one.axis) }, `${wordsOf(one)} \u00d7`)));
  at("clear").hidden = !active.length;
  at("aim").textContent = !free ? "" : active.length
    ? `Looked for: the ${bestOf(free)} within ${active.length === 1 ? "this limit" : "all of these limits"}.`
    : `A limit on a cost looks for the best ${quality ? shortName(quality) : "model"} within it, one on what is lost for the ${bestOf(defaultCost || free)}.`;
}

function drop(axis) {
  limited.delete(axis.key);
  limits.filter((one) => one.axis === axis).forEach(showNumber);
  chooseWithin();
  (at("held").querySelector("button") || at("limit-value")).focus();
}

function showLimit(one) {
  const { axis } = one, value = valueOf(one), slider = at(one.id), most = Number(slider.max), { name, means } = typedUnit(axis);
  const words = value === null ? "none" : limitText({ axis, value }), about = axis.change ? `${shortName(quality)} lost` : shortName(axis);
  if (value === null) slider.value = most;
  else if (sliderValue(one) !== value) {
    const [from, last] = sliderRange(one), share = last === from ? 1 : (value - from) / (last - from);
    slider.value = Math.round(Math.min(1, Math.max(0, share)) * (most - 1));
  }
  const bound = axis.higher_is_better && !axis.change ? "at least" : "at most";
  slider.setAttribute("aria-valuetext", words);
  slider.setAttribute("aria-label", `Limit of ${about}`);
  at(`${one.id}-name`).textContent = axis.quality ? `${about}, ${bound}` : bound;
  at(`${one.id}-value`).setAttribute("aria-label", `${about}, ${bound}${name ? `, in ${name}` : ""}`);
  at(`${one.id}-unit`).textContent = means ? `${name} (${means})` : name;
  at(`${one.id}-text`).textContent = words;
  const idle = value !== null && members.every((entry) => !(axis.key in entry.metrics) || keeps(entry, [{ axis, value }]));
  at(`${one.id}-note`).textContent = refused(one) ? REFUSED : idle ? "Every model of the front is within it." : "";
}

function limitText({ axis, value }) {
  return `${axis.higher_is_better ? "at least" : "at most"} ${plain(value, axis)}`;
}

function limitWords(active) {
  return active.map(wordsOf).join(", ").replace(/, (?!.*, )/, " and ");
}

function wordsOf(one) {
  if (one.axis === HIT) return "no class hit harder than the others";
  if (!one.axis.change) return `${shortName(one.axis)} of ${limitText(one)}`;
  const lost = one.value === 0 ? 0 : one.axis.higher_is_better ? -one.value : one.value;
  return `at most ${plain(lost, one.axis).replace("+", "")} of ${shortName(quality)} lost`;
}

// What the best in a metric is called.
function bestOf(axis) {
  if (axis === HIT) return "least number of classes hit harder";
  const word = axis.quality ? "best" : axis.higher_is_better ? "highest" : axis.unit === "bytes" ? "smallest" : "lowest";
  return `${word} ${shortName(axis.quality ? quality : axis)}`;
}

// Limits as lines in a plot; one on the change of the quality stands on the axis of the quality, too.
function drawLimits(plot, shown) {
  for (const one of activeLimits()) {
    const { axis, value } = one, known = quality && base.metrics[quality.key];
    for (const along of ["x", "y"]) {
      const changed = axis.change && quality && shown[along].key === quality.key && known;
      if (axis === shown[along] || changed) plot.bound(along, changed ? known.value + value : value, !axis.higher_is_better, limitText(one));
    }
  }
}
