// What the page knows: members of the front, all other trials, landmarks; choosing among them as the command line does.

const HIT = { key: "classes_hit", label: "classes hit harder than the others", unit: "count" };

let report, axes, quality, objectives, costs, entries, members, base, others, landmarks;
take(JSON.parse(document.getElementById("data").textContent));

function take(told) {
  report = told;
  axes = new Map(report.axes.map((axis) => [axis.key, axis]));
  quality = report.axes.find((axis) => axis.quality);
  objectives = report.objectives.map((key) => axes.get(key)).filter(Boolean);
  costs = report.axes.filter((axis) => !axis.quality);
  const useful = new Set(report.useful), safe = new Set(report.safe);
  entries = new Map(report.trials.map((trial) => [trial.trial, { ...trial, metrics: named(trial.metrics) }]));
  members = report.front.candidates.map((candidate) => {
    const entry = { ...entries.get(candidate.trial), ...candidate, policy: (entries.get(candidate.trial) || {}).policy || [] };
    entry.member = true;
    entry.useful = useful.has(candidate.trial);
    entry.safe = safe.has(candidate.trial);
    const hit = hitClasses(entry);
    if (hit) entry.metrics = { ...entry.metrics, [HIT.key]: { value: hit.length, low: hit.length, high: hit.length } };
    entries.set(candidate.trial, entry);
    return entry;
  });
  base = { trial: null, metrics: report.front.baseline, policy: [], done: "unchanged" };
  others = [...entries.values()].filter((entry) => entry.outcome === "complete" && !entry.member);
  landmarks = report.landmarks.map((mark) => ({ ...mark, entry: mark.file ? ownEntry(mark) : entryOf(mark.trial) }));
}

// A network of the user's own, which no trial has made.
function ownEntry(mark) {
  const done = ["a network of your own", ...(mark.notes || [])].join("; ");
  return { own: mark.name, file: mark.file, metrics: mark.metrics, policy: [], done, useful: true, runtime: mark.runtime };
}

function ownNetworks() {
  return landmarks.filter((mark) => mark.file).map((mark) => mark.entry);
}

function named(metrics) {
  return Object.fromEntries(Object.entries(metrics || {}).map(
    ([key, [value, low, high, noisy, among]]) => [key, { value, low, high, noisy: Boolean(noisy), among }]));
}

// A class by its label, and by the name that the task gives it, if it gives any.
function classNamed(index) {
  const name = report.class_names[index];
  return name === undefined ? String(index) : `${index} \u201c${name}\u201d`;
}

// The classes that a member hits harder than the others; null where none were counted.
function hitClasses(entry) {
  const rows = report.classes[entry.trial];
  return rows ? rows.filter((row) => row.harder).map((row) => classNamed(row.label)) : null;
}

// The class that it hits hardest, with the change there; null where it hits none harder than the others.
function worstHit(entry) {
  const row = (report.classes[entry.trial] || []).find((one) => one.harder);
  return row ? `hits class ${classNamed(row.label)} hardest: ${said(row.change, { unit: "fraction", change: true })}` : null;
}

function entryOf(trial) {
  return trial === null ? base : entries.get(trial);
}

// As much of a name as there is room for.
function shortened(name) {
  const letters = [...name];
  return letters.length > 24 ? `${letters.slice(0, 23).join("")}\u2026` : name;
}

function label(entry) {
  if (entry.own) return shortened(entry.own);
  return entry.trial === null ? "the uncompressed model" : `trial ${entry.trial}`;
}

function minimised(entry, axis) {
  const value = entry.metrics[axis.key].value;
  return axis.higher_is_better ? -value : value;
}

function better(one, other, order) {
  for (const axis of order) {
    const difference = minimised(one, axis) - minimised(other, axis);
    if (difference) return difference < 0;
  }
  return false;
}

// What a limit on an axis is about: the worse end of a cost's interval; the value of a quality, the worse one of both splits.
function judged(entry, axis) {
  const measured = entry.metrics[axis.key], tested = entry.metrics[`test_${axis.key}`];
  if (!measured || !axis.quality) return measured && (axis.higher_is_better ? measured.low : measured.high);
  return tested && worse(axis, tested.value, measured.value) ? tested.value : measured.value;
}

// Whether the quality is not worse than the uncompressed model's beyond the noise, on each split that was scored.
function holds(entry) {
  const changes = ["", "test_"].map((split) => quality && entry.metrics[`${split}${quality.key}_change`]).filter(Boolean);
  return changes.every((change) => (quality.higher_is_better ? change.high >= 0 : change.low <= 0));
}

function worse(axis, one, other) {
  return axis.higher_is_better ? one < other : one > other;
}

// Whether an entry is within limits, each a value of an axis; `split` is as if that one alone had been scored.
function keeps(entry, active, split = null) {
  const alone = (axis) => ((split === "test" && entry.metrics[`test_${axis.key}`]) || entry.metrics[axis.key]).value;
  const had = (axis) => (split && axis.quality ? alone(axis) : judged(entry, axis));
  return active.every(({ axis, value }) => axis.key in entry.metrics && !worse(axis, had(axis), value));
}

// What the best one within limits is best in: the first objective that none is about.
function freeObjective(active) {
  const bounded = new Set(active.map(({ axis }) => aboutOf(axis)));
  return objectives.find((axis) => !bounded.has(aboutOf(axis))) || objectives[0];
}

function aboutOf(axis) {
  return axis.quality ? "quality" : axis.key.replace(/^(latency_ms|fps|speedup)/, "latency_ratio");
}

// The best member within limits, as `parefront export --where` finds it.
function within(active, split = null) {
  const fitting = members.filter((entry) => keeps(entry, active, split));
  const ofUse = active.some(({ axis }) => axis.quality) ? fitting : fitting.filter((entry) => entry.useful);
  const order = [freeObjective(active), ...objectives].filter(Boolean);
  return (ofUse.length ? ofUse : fitting).reduce((a, b) => (a && !better(b, a, order) ? a : b), null);
}

// Whether two differ by less than the noise; what was measured through one anchor by less than its own.
function overlap(one, other, key) {
  const a = one.metrics[key], b = other.metrics[key];
  if (!a || !b) return true;
  const shared = a.among && b.among && a.among[0] === b.among[0];
  const [[, lowA, highA], [, lowB, highB]] = shared ? [a.among, b.among] : [["", a.low, a.high], ["", b.low, b.high]];
  return lowA <= highB && lowB <= highA;
}

// Whether 0 is within the interval of a difference, whose half is that of both, added in quadrature.
function differByNoise(one, other) {
  const [less, more] = one.value < other.value ? [one, other] : [other, one];
  return more.value - less.value <= Math.hypot(less.high - less.value, more.value - more.low);
}

// Whether two differ in quality by less than the noise, on each split that both were scored on.
function asGood(one, other) {
  return !quality || ["", "test_"].every((split) => {
    const key = [`${split}${quality.key}_change`, `${split}${quality.key}`].find((each) => each in one.metrics && each in other.metrics);
    return !key || differByNoise(one.metrics[key], other.metrics[key]);
  });
}

// Members that differ from an entry by less than the noise, in quality and in cost.
function tiesOf(entry) {
  const cost = objectives.find((axis) => !axis.quality);
  return members.filter((m) => m !== entry && m.useful && asGood(m, entry) && (!cost || overlap(m, entry, cost.key)));
}

// The cheapest member that costs less than an entry beyond the noise, is as good within it, and fits.
function cheaperTie(entry, fits) {
  const cost = objectives.find((axis) => !axis.quality);
  if (!cost || !quality || !(cost.key in entry.metrics) || !(quality.key in entry.metrics)) return null;
  const found = members.filter((m) => m.useful && minimised(m, cost) < minimised(entry, cost) && !overlap(m, entry, cost.key) && asGood(m, entry) && (m.safe || !entry.safe) && fits(m));
  return found.reduce((a, b) => (a && !better(b, a, [cost]) ? a : b), null);
}

// The change of the quality that counts: on the test split where the front was scored there.
function changeOf(entry) {
  if (!quality) return null;
  const keys = [`test_${quality.key}_change`, `${quality.key}_change`, `test_${quality.key}`, quality.key];
  const key = keys.find((one) => one in entry.metrics && axes.has(one));
  return key ? { axis: axes.get(key), measured: entry.metrics[key] } : null;
}
