// What is said of limits: why a model was chosen within them, what just misses them, and what comes next where none fits.

function limitReason(entry) {
  const active = activeLimits();
  const uncertain = ({ axis }) => axis.quality || (axis !== HIT && judged(entry, axis) !== entry.metrics[axis.key].value);
  const how = active.filter(uncertain).map(({ axis }) => (axis.quality ? `by its value on ${splitsOf(axis, entry)}` : `by the ${axis.higher_is_better ? "lower" : "upper"} end of its interval`));
  return `The ${bestOf(freeObjective(active))} with ${[limitWords(active), [...new Set(how)].join(" and ")].filter(Boolean).join(", ")}.`;
}

// The limits that an entry is known to miss.
function missedLimits(entry) {
  return activeLimits().filter((one) => one.axis.key in entry.metrics && !keeps(entry, [one]));
}

// Of a model that a reader has picked: which of the limits, or of the run's budgets, it is not within.
function outsideText(entry) {
  const missed = missedLimits(entry), budget = report.front.budget;
  if (missed.length) return `It is not within ${missed.map((one) => `${wordsOf(one)}: ${had(entry, one)}`).join("; nor within ")}.`;
  if (!entry.member || !budget.length || report.fitting.includes(entry.trial)) return "";
  const own = budget.join(" and ");
  return limited.size ? `Your limits put the run's own budget aside: trial ${entry.trial} is not within ${own}.` : `It is not within the run's budget: ${own}.`;
}

// What an entry has of what is limited: of a cost its interval, and the end of that which counts; of a quality each split.
function had(entry, { axis, value }) {
  const measured = entry.metrics[axis.key], tested = entry.metrics[`test_${axis.key}`], counts = judged(entry, axis);
  if (axis === HIT) return `${counts} class${counts === 1 ? " is" : "es are"} hit harder`;
  const over = `${overBy(Math.abs(counts - value), axis)} ${axis.quality ? "too much lost" : axis.higher_is_better ? "too little" : "too much"}`;
  if (!axis.quality) {
    const end = counts === measured.value ? "" : `, ${plain(counts, axis)} by the ${axis.higher_is_better ? "lower" : "upper"} end of its interval`;
    return `${said(measured, axis)}${end}, ${over}`;
  }
  const splits = [[measured, "search"], [tested, "test"]].filter(([known]) => known);
  const where = splits.length > 1 ? ` on the ${splits.find(([known]) => known.value === counts)[1]} split` : "";
  return `${splits.map(([known, name]) => `${said(known, axis)} on the ${name} split`).join(", ")}, ${axis.change ? over : `${overBy(Math.abs(counts - value), axis)} off`}${where}`;
}

function overBy(distance, axis) {
  const text = plain(distance, axis).replace(/^[+\u2212]/, "");
  if (parseFloat(text) > 0) return text;
  return `less than ${text.replace(/0(?=[^0-9.]*$)/, "1")}`;
}

// Where no model fits: for each limit the model that comes nearest to it among those that keep the others; where none
// keeps all of the others, the model that misses the fewest, or what comes nearest to each alone.
function nearestTexts() {
  const active = activeLimits();
  const found = active.map((one) => nearestText(one, active.filter((other) => other !== one))).filter(Boolean);
  if (found.length) return found;
  const missed = (entry) => active.filter((one) => !keeps(entry, [one])).length;
  const best = members.reduce((a, b) => (!a || missed(b) < missed(a) || (missed(b) === missed(a) && better(b, a, objectives)) ? b : a), null);
  if (!best || missed(best) === active.length) return active.map((one) => nearestText(one, []));
  return [`Trial ${best.trial} misses the fewest of these limits, ${missed(best)} of ${active.length}. ${outsideText(best)}`];
}

function nearestTo(one, rest) {
  const known = members.filter((entry) => one.axis.key in entry.metrics && keeps(entry, rest));
  const nearer = (a, b) => (judged(a, one.axis) === judged(b, one.axis) ? better(a, b, objectives) : worse(one.axis, judged(b, one.axis), judged(a, one.axis)));
  return known.reduce((a, b) => (!a || nearer(b, a) ? b : a), null);
}

function nearestText(one, rest) {
  const entry = nearestTo(one, rest), best = bestOf(one.axis);
  if (!entry) return "";
  return `${rest.length ? `With ${limitWords(rest)} the ${best}` : `The ${best} of this front`} is that of trial ${entry.trial}: ${had(entry, one)}.`;
}

// Names the one that limits would choose if a single split had been scored, where it fails them on the other.
function contradictionText(split) {
  const active = activeLimits(), { axis } = limits[1], entry = within(active, split);
  if (!axis || !entry || keeps(entry, active) || !(`test_${axis.key}` in entry.metrics)) return "";
  const chosen = state.chosen, free = freeObjective(active);
  if (chosen && keeps(chosen, active) && !better(entry, chosen, [free])) return "";
  const value = (which) => plain(entry.metrics[`${which === "test" ? "test_" : ""}${axis.key}`].value, axis), other = split === "test" ? "search" : "test";
  return `Trial ${entry.trial} holds on the ${split} split alone: ${value(split)} there, ${value(other)} on the ${other} split.`;
}

function contradictionTexts() {
  return activeLimits().some(({ axis }) => axis.quality) ? [contradictionText("search"), contradictionText("test")] : [];
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
    near ? `By its value alone trial ${near.trial} would be within ${bounds.length > 1 ? "them" : "it"}, too: ${told(near)}.` : "",
    behind ? `Trial ${behind.trial} is not on the front, but better within ${active.length > 1 ? "them" : "it"}: ${told(behind)}${split}.` : "",
  ].filter(Boolean).join(" ");
}

function withinByValue(entry, { axis, value }) {
  return axis.key in entry.metrics && !worse(axis, entry.metrics[axis.key].value, value);
}
