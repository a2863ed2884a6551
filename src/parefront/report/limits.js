// What a reader limits: a cost and the loss of quality, each with a slider or by a typed number, and harm to single classes.

// `value` is null where there is no limit.
const limits = [{ id: "limit", axis: null, value: null }, { id: "loss", axis: null, value: null }];
const alike = { axis: HIT, value: null };

function beginLimits() {
  for (const one of limits) {
    at(one.id).addEventListener("input", () => setLimit(one, sliderValue(one)));
    at(`${one.id}-value`).addEventListener("input", () => typed(one));
    at(`${one.id}-value`).addEventListener("change", () => showNumber(one));
  }
  at("alike").addEventListener("change", () => { alike.value = at("alike").checked ? 0 : null; chooseWithin(); });
  at("limit-axis").addEventListener("change", () => { limits[0].axis = axes.get(at("limit-axis").value); setLimit(limits[0], null); });
}

function setLimit(one, value) {
  one.value = value;
  showNumber(one);
  chooseWithin();
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
  limits.filter((one) => one.axis).forEach(showLimit);
}

function activeLimits() {
  return [...limits, alike].filter((one) => one.axis && one.value !== null);
}

function chooseWithin() {
  const active = activeLimits();
  limits.filter((one) => one.axis).forEach(showLimit);
  choose(active.length ? within(active) : firstChoice(), active.length ? "limit" : "start");
}

// From the slider's left end, where a limit is as strict as the front allows or a little stricter, to its right end.
function sliderRange({ axis }) {
  const known = members.filter((entry) => axis.key in entry.metrics && (!axis.quality || entry.useful)).map((entry) => judged(entry, axis));
  const sorted = known.sort((a, b) => (worse(axis, a, b) ? 1 : -1)), best = sorted[0], last = sorted[sorted.length - 1];
  return [axis.quality ? best : best - 0.05 * (last - best), last];
}

// What the slider says: at its right end that there is no limit.
function sliderValue(one) {
  const position = Number(at(one.id).value), most = Number(at(one.id).max), [from, last] = sliderRange(one);
  return position === most ? null : from + ((last - from) * position) / (most - 1);
}

// A typed number counts as soon as it is one; an empty field is no limit.
function typed(one) {
  const field = at(`${one.id}-value`), number = field.valueAsNumber, { size, sign } = typedUnit(one.axis);
  field.setAttribute("aria-invalid", String(field.validity.badInput));
  if (field.validity.badInput) return;
  one.value = Number.isNaN(number) ? null : sign * number * size;
  chooseWithin();
}

// The unit that a limit is typed in; of a change that is what is lost.
function typedUnit(axis) {
  const sign = axis.change && axis.higher_is_better ? -1 : 1;
  const [name, size] = {
    x: ["x", 1], bytes: ["KB", 1e3], MACs: ["M", 1e6], parameters: ["k", 1e3], score: ["", 1],
    fraction: [axis.change ? "pt" : "%", 0.01],
  }[axis.unit] || [axis.unit, 1];
  return { name, size, sign };
}

// The field is not written to while somebody types in it.
function showNumber(one) {
  const { size, sign } = typedUnit(one.axis), shown = one.value === null ? "" : Number(((sign * one.value) / size).toPrecision(4)) + 0;
  at(`${one.id}-value`).value = String(shown);
  at(`${one.id}-value`).removeAttribute("aria-invalid");
}

function showLimit(one) {
  const { axis, value } = one, slider = at(one.id), most = Number(slider.max), { name } = typedUnit(axis);
  const words = value === null ? "none" : limitText(one), about = axis.change ? `${shortName(quality)} lost` : shortName(axis);
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
  at(`${one.id}-unit`).textContent = name;
  at(`${one.id}-text`).textContent = words;
}

function limitText({ axis, value }) {
  return `${axis.higher_is_better ? "at least" : "at most"} ${plain(value, axis)}`;
}

function limitWords(active) {
  return active.map(wordsOf).join(" and ");
}

function wordsOf(one) {
  if (one === alike) return "no class hit harder than the others";
  if (!one.axis.change) return `${shortName(one.axis)} of ${limitText(one)}`;
  const lost = one.value === 0 ? 0 : one.axis.higher_is_better ? -one.value : one.value;
  return `at most ${plain(lost, one.axis).replace("+", "")} of ${shortName(quality)} lost`;
}

// What an entry has of what is limited.
function reached(entry, axis) {
  const value = judged(entry, axis);
  return axis === HIT ? `${value} class${value === 1 ? "" : "es"} hit harder` : plain(value, axis);
}

function limitReason(entry) {
  const active = activeLimits();
  const how = active.filter((one) => one !== alike).map(({ axis }) => (axis.quality ? `by its value on ${splitsOf(axis, entry)}` : `by the ${axis.higher_is_better ? "lower" : "upper"} end of its interval`));
  return `The best ${shortName(freeObjective(active))} with ${[limitWords(active), how.join(" and ")].filter(Boolean).join(", ")}.`;
}

// Names the one that limits would choose if the test split had not been scored, where it fails them there.
function contradictionText() {
  const active = activeLimits(), entry = within(active, true), { axis } = limits[1];
  if (!entry || keeps(entry, active)) return "";
  const told = ["", "test_"].map((split) => plain(entry.metrics[`${split}${axis.key}`].value, axis));
  return `Trial ${entry.trial} holds on the search split alone: ${told[0]} there, ${told[1]} on the test split.`;
}

// What is better beyond the noise and kept out by one thing: by its interval, or by not being on the front, which knows the objectives alone.
function missedText(entry) {
  const active = activeLimits(), free = freeObjective(active), bounds = active.filter(({ axis }) => !axis.quality && axis !== HIT);
  const differs = (one) => (free.quality ? !asGood(one, entry) : !overlap(one, entry, free.key));
  const best = (found) => found.filter((one) => free.key in one.metrics && better(one, entry, [free]) && differs(one)).reduce((a, b) => (a && !better(b, a, [free]) ? a : b), null);
  const told = (one) => [changeOf(one), ...bounds.map(({ axis }) => ({ axis, measured: one.metrics[axis.key] }))].filter(Boolean).map(({ axis, measured }) => said(measured, axis)).join(", ");
  const near = best(members.filter((one) => one.useful && active.every((each) => (bounds.includes(each) ? withinByValue(one, each) : keeps(one, [each])))));
  const behind = bounds.every(({ axis }) => objectives.some((each) => aboutOf(each) === aboutOf(axis))) ? null : best(others.filter((one) => keeps(one, active)));
  const split = behind && changeOf(behind).axis !== (changeOf(entry) || {}).axis ? " on the search split" : "";
  return [
    near ? `By its value alone trial ${near.trial} would be within it, too: ${told(near)}.` : "",
    behind ? `Trial ${behind.trial} is not on the front, but better within it: ${told(behind)}${split}.` : "",
  ].filter(Boolean).join(" ");
}

function withinByValue(entry, { axis, value }) {
  return axis.key in entry.metrics && !worse(axis, entry.metrics[axis.key].value, value);
}

// By how much an entry misses limits: of a cost its share over it, of a quality in tens of points or tenths of its value.
function missed(entry, active) {
  return active.reduce((sum, { axis, value }) => {
    const over = (judged(entry, axis) - value) * (axis.higher_is_better ? -1 : 1);
    const whole = axis.quality && quality ? base.metrics[quality.key].value : 1;
    return sum + Math.max(0, over / Math.abs(axis.quality ? 0.1 * (axis.unit === "fraction" ? 1 : whole) : value || 1));
  }, 0);
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
