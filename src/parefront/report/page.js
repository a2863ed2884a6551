// The page: one selected model that everything follows, axes, limits.

const at = (id) => document.getElementById(id);
let defaultCost = costOf();
const state = {
  chosen: firstChoice(),
  why: "start",
  x: defaultCost,
  y: objectives.find((axis) => axis !== defaultCost) || quality,
  beside: base,
};
const REASONS = {
  knee: (cost) => `From here on ${quality ? shortName(quality) : "quality"} ${quality && !quality.higher_is_better ? "rises" : "falls"} faster with less ${cost}.`,
  fastest: () => `The fastest ${ofUse()}.`,
  smallest: () => `The smallest ${ofUse()}.`,
  best: () => "The best of the front.",
};

function ofUse() {
  if (report.floor === null || !quality) return "within the run's budgets on the quality";
  return `whose ${shortName(quality)} is not ${quality.higher_is_better ? "below" : "above"} the floor of ${plain(report.floor, quality)}`;
}

function costOf() {
  return objectives.find((axis) => !axis.quality) || costs[0];
}

function firstChoice() {
  return report.selected === null ? base : entryOf(report.selected);
}

function shortName(axis) {
  return axis ? axis.label.split(",")[0] : "cost";
}

function begin() {
  at("main").hidden = false;
  for (const id of ["x-axis", "y-axis"]) {
    at(id).addEventListener("change", () => { state[id[0]] = axes.get(at(id).value); drawFront(); });
  }
  beginLimits();
  at("beside").addEventListener("change", () => { state.beside = chosenOption(at("beside").value); showChosen(); });
  at("zoom").addEventListener("change", drawFront);
  at("copy").addEventListener("click", copyCommand);
  at("course-axis").addEventListener("change", drawCourse);
  beginTheme();
  fill();
  showAll();
  new ResizeObserver(() => { drawFront(); drawCourse(); markWide(); }).observe(at("plot"));
  document.addEventListener("toggle", markWide, true);
  addEventListener("beforeprint", () => { document.querySelectorAll("details").forEach((one) => { one.open = true; }); });
  beginLive();
}

// What depends on the run, but not on what is chosen.
function fill() {
  at("about").textContent = aboutLine();
  const named = (axis) => [axis.label, axis.key];
  const marked = landmarks.filter((mark) => mark.entry !== base).map((mark) => [mark.name, optionOf(mark.entry)]);
  offer("x-axis", report.axes.map(named), state.x && state.x.key);
  offer("y-axis", report.axes.map(named), state.y && state.y.key);
  fillLimits();
  offer("beside", [["the uncompressed model", ""], ...marked, ...members.map((entry) => [label(entry), entry.trial])], optionOf(state.beside));
  at("near").textContent = !quality || quality.unit !== "fraction" ? "what loses a twentieth at most" : "what loses 5 pt at most";
  showPicks();
  showSpent();
  showLost();
  showSensitivity();
  showTrust();
}

// How the list of what is put beside the chosen one tells a model.
function optionOf(entry) {
  return entry.own ? entry.file : entry.trial ?? "";
}

function chosenOption(value) {
  return ownNetworks().find((entry) => entry.file === value) || entryOf(value === "" ? null : Number(value));
}

// The options of a list; it stays as it is, open or not, where they are the same.
function offer(id, options, chosen) {
  const told = JSON.stringify(options);
  if (at(id).dataset.told === told) return;
  at(id).dataset.told = told;
  at(id).replaceChildren(...options.map(([text, value]) => element("option", { value }, text)));
  at(id).value = String(chosen);
}

// Newer data of the same run: what was chosen stays chosen, and what was only begun with is chosen anew.
function retake(told) {
  take(told);
  defaultCost = costOf();
  const same = (axis, other) => (axis && axes.get(axis.key)) || other;
  state.x = same(state.x, defaultCost);
  state.y = same(state.y, quality);
  state.beside = chosenOption(optionOf(state.beside)) || base;
  const chosen = state.why === "start" ? firstChoice() : state.chosen && entryOf(state.chosen.trial);
  fill();
  state.chosen = state.why === "limit" ? within(activeLimits()) : chosen || firstChoice();
  showAll();
  drawCourse();
}

function aboutLine() {
  const { trials, seconds, date } = report.front, devices = report.front.device ? [report.front.device] : Object.values(report.front.devices || {});
  const counts = Object.entries(trials).filter(([, n]) => n).map(([name, n]) => `${n} ${name}`).join(", ");
  const versions = (d) => [d, ...(d.other_runtimes || [])].map((each) => `${each.runtime.name} ${each.runtime.version}${each.choice ? ` (${each.choice})` : ""}`).join(" and ");
  const on = devices.map((d) => `${d.cpu || d.name}, ${versions(d)}, ${d.threads} thread${d.threads === 1 ? "" : "s"}, batch ${d.batch}`);
  const unfinished = report.finished ? "" : "; the search is not finished";
  return `${date.slice(0, 10)}; ${on.join("; ")}; trials: ${counts || "none"}; ${duration(seconds)}${unfinished}`;
}

function choose(entry, why) {
  Object.assign(state, { chosen: entry, why });
  showAll();
}

function showAll() {
  showVerdict();
  drawFront();
  showMembers();
  showChosen();
  markWide();
}

// Says of each table that is wider than its place that there is more of it.
function markWide() {
  const wide = [...document.querySelectorAll(".wide")].map((one) => [one, one.scrollWidth > one.clientWidth + 1]);
  for (const [one, more] of wide) one.classList.toggle("scrolls", more);
}

function showVerdict() {
  const entry = state.chosen, change = entry && changeOf(entry);
  if (entry === null) {
    at("sentence").textContent = `No model of this front has ${limitWords(activeLimits())}.`;
    at("why").replaceChildren(...linked([...contradictionTexts(), ...nearestTexts()]));
  } else if (entry.trial === null) {
    at("sentence").textContent = "Ship the uncompressed model: the front is empty.";
    at("why").textContent = "";
  } else {
    const parts = change ? [`${said(change.measured, change.axis)} ${change.axis.change ? shortName(quality) : change.axis.label}`] : [];
    const shown = [...new Set([...objectives.filter((axis) => !axis.quality), axes.get("size_bytes")])].filter((axis) => axis && axis.key in entry.metrics);
    parts.push(...shown.map((axis) => said(entry.metrics[axis.key], axis) + (axis.key.startsWith("latency_ratio") ? ` of the ${axis.label.replace(", x of uncompressed", "")}` : "")));
    if (entry.member && worstHit(entry)) parts.push(worstHit(entry));
    at("sentence").textContent = `${leadOf(entry)}: ${parts.join(", ")}.`;
    at("why").replaceChildren(...linked([reason(entry), outsideText(entry), ...againstTexts(), tieText(entry), cheaperText(entry), betterText(entry), ownText(entry), harmText(entry), splitText(change), noiseText(shown)]));
  }
  const trial = entry && entry.trial !== null ? entry.trial : null;
  at("answer").textContent = entry === null ? "No model of this front is within all of it; the text above says what comes near." : at("sentence").textContent;
  at("command").textContent = trial === null ? "" : `parefront export ${quoted(report.argument)} --trial ${trial} -o model.onnx`;
  at("export").hidden = trial === null;
  at("copy").textContent = "copy";
  for (const button of at("picks").children) {
    button.setAttribute("aria-pressed", String(Number(button.dataset.trial) === trial));
    button.querySelector(".outside").hidden = !missedLimits(entryOf(Number(button.dataset.trial))).length;
  }
}

// How a sentence begins: to ship a model is advised where it keeps what was asked for.
function leadOf(entry) {
  if (missedLimits(entry).length) return `Trial ${entry.trial}, picked by you, outside of your limits`;
  return `${state.why === "click" ? "Trial" : "Ship trial"} ${entry.trial}`;
}

// Sentences, in which each trial that is named can be chosen.
function linked(sentences) {
  return sentences.filter(Boolean).join(" ").split(/(\btrial \d+)/i).map((part, index) => {
    const entry = index % 2 ? entryOf(Number(part.split(" ")[1])) : null;
    return entry ? element("button", { type: "button", class: "link", onclick: () => choose(entry, "click") }, part) : part;
  });
}

function reason(entry) {
  const pick = report.front.picks.find((one) => one.trial === entry.trial);
  if (state.why === "limit") return limitReason(entry);
  if (state.why === "start" && report.front.budget.length) return `The best within the run's budget: ${report.front.budget.join(" and ")}.`;
  if (!entry.member) return "It is not on the front: another one measured better in every objective on the search split.";
  if (!entry.useful) return report.floor === null ? "It is of no use: its quality is not within the run's budgets." : `It is of no use: its ${shortName(quality)} is worse than the floor of ${plain(report.floor, quality)}.`;
  if (!pick) return "It is on the front: no other one measured better in every objective on the search split.";
  return pick.names.map((name) => pickReason(name, entry)).join(" ");
}

function pickReason(name, entry) {
  return name === "safe" ? safeReason(entry) : (REASONS[name] || (() => `The one with the ${name}.`))(shortName(defaultCost));
}

function safeReason(entry) {
  return holds(entry)
    ? `The cheapest whose ${shortName(quality)} is not worse than the uncompressed model's beyond the noise, on ${splitsOf(quality, entry)}.`
    : "The best of the front; all of it is worse than the uncompressed model beyond the noise.";
}

// The splits that a quality of an entry is judged on.
function splitsOf(axis, entry) {
  return `test_${axis.key}` in entry.metrics ? "the search split and the test split" : "the search split";
}

function tieText(entry) {
  const ties = entry.member ? tiesOf(entry).filter(fits) : [];
  if (!ties.length) return "";
  const more = ties.length > 4 ? ` and ${ties.length - 4} more` : "";
  return `A tie within the noise with trial${ties.length > 1 ? "s" : ""} ${ties.slice(0, 4).map((tie) => tie.trial).join(", ")}${more}.`;
}

// What a budget of the run, or a limit, would choose by one split alone, and what just misses a limit.
function againstTexts() {
  return state.why === "limit" ? [...contradictionTexts(), missedText(state.chosen)] : state.why === "start" ? [report.contradicted] : [];
}

// Within a budget or a limit the best one may be so by chance.
function cheaperText(entry) {
  const cheaper = entry.member ? cheaperTie(entry, fits) : null;
  if (!cheaper) return "";
  const change = changeOf(cheaper), cost = objectives.find((axis) => !axis.quality);
  return `Trial ${cheaper.trial} is as good within the noise, and costs less: ${said(change.measured, change.axis)}, ${said(cheaper.metrics[cost.key], cost)}.`;
}

// What costs the same within the noise, and is better beyond it.
function betterText(entry) {
  const cost = objectives.find((axis) => !axis.quality), change = entry.member && changeOf(entry);
  if (!change || !cost) return "";
  const found = members.filter((one) => overlap(one, entry, cost.key) && !asGood(one, entry) && better(one, entry, [quality]) && fits(one));
  const best = found.reduce((a, b) => (a && !better(b, a, [quality]) ? a : b), null), its = best && changeOf(best);
  return best ? `Trial ${best.trial} costs the same within the noise, and is better: ${said(its.measured, its.axis)}.` : "";
}

// How a member stands against the network of the user's own that costs most nearly the same: where it costs between
// half and twice as much, or one of them is better in both.
function ownText(entry) {
  const cost = objectives.find((axis) => !axis.quality), change = entry.member && changeOf(entry);
  const known = change && cost ? ownNetworks().filter((own) => cost.key in own.metrics && change.axis.key in own.metrics) : [];
  if (!known.length) return "";
  const distance = (own) => Math.abs(own.metrics[cost.key].value - entry.metrics[cost.key].value);
  const own = known.reduce((a, b) => (distance(b) < distance(a) ? b : a)), its = own.metrics[change.axis.key];
  const whole = axes.get(change.axis.key.replace(/_change$/, "")), more = (change.measured.value - its.value) * (quality.higher_is_better ? 1 : -1);
  const gain = differByNoise(change.measured, its) ? "as good within the noise" : `${plain(Math.abs(more), change.axis).replace("+", "")} ${more > 0 ? "better" : "worse"}`;
  const times = entry.metrics[cost.key].value / own.metrics[cost.key].value, name = shortName(cost);
  if ((times < 0.5 || times > 2) && (more > 0) === (times > 1)) return "";
  const spent = overlap(entry, own, cost.key) ? `the same ${name} within the noise` : `${digits(times)} times its ${name}`;
  return `\u201c${label(own)}\u201d reaches ${plain(own.metrics[whole.key].value, whole)} at ${plain(own.metrics[cost.key].value, cost)}: trial ${entry.trial} is ${gain}, at ${spent}.`;
}

function harmText(entry) {
  const hit = entry.member && hitClasses(entry);
  return hit && hit.length ? `Trial ${entry.trial} hits ${hitText(entry)} harder than the others (see below).` : "";
}

// Whether a member is within what the chosen one is the best of: the run's budgets, or the limits.
function fits(entry) {
  return state.why === "start" ? report.fitting.includes(entry.trial) : keeps(entry, activeLimits());
}

function splitText(change) {
  if (!change) return "";
  return `The change is ${change.axis.key.startsWith("test_") ? "on the test split" : "on the search split"}, with its 95 % interval.`;
}

function noiseText(shown) {
  const noisy = shown.filter((axis) => state.chosen.metrics[axis.key].noisy).map(shortName);
  return noisy.length ? `The ${noisy.join(" and ")} is noisy: believe the interval, not the value.` : "";
}

function quoted(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\"'\"'")}'`;
}

async function copyCommand() {
  const text = at("command").textContent;
  try {
    await navigator.clipboard.writeText(text);
    at("copy").textContent = "copied";
  } catch {  // pages opened as files may have no clipboard
    getSelection().selectAllChildren(at("command"));
    at("copy").textContent = document.execCommand("copy") ? "copied" : "selected";
  }
}

function showPicks() {
  const focused = at("picks").contains(document.activeElement) && document.activeElement.dataset.trial;
  at("picks").replaceChildren(...report.front.picks.map((pick) => {
    const entry = entryOf(pick.trial), cost = defaultCost && entry.metrics[defaultCost.key], change = changeOf(entry);
    const numbers = [change && said(change.measured, change.axis), cost && said(cost, defaultCost)].filter(Boolean).join(", ");
    const both = pick.names.some((name) => ["safe", "knee", "best"].includes(name)), others = pick.ties.filter((trial) => keeps(entryOf(trial), activeLimits())).join(", ");
    const ties = others ? (both ? `; a tie with ${others}` : `; ${others} costs the same within the noise`.replace(/, (.*) costs/, ", $1 cost")) : "";
    return element("button", { type: "button", "data-trial": pick.trial, onclick: () => choose(entry, "pick") },
      element("b", null, pick.names.join(", ").replace(/, ([^,]*)$/, " and $1")), `: trial ${pick.trial}, ${numbers}${ties}`,
      ...(worstHit(entry) ? [element("span", { class: "warn" }, worstHit(entry))] : []),
      element("span", { class: "warn outside", hidden: "" }, "outside of your limits"),
      element("span", { class: "dim" }, pick.names.map((name) => pickReason(name, entry)).join(" ")));
  }));
  if (focused) ([...at("picks").children].find((one) => one.dataset.trial === focused) || at("limit")).focus();
}

function drawFront() {
  const { x, y, chosen } = state, has = (entry) => x.key in entry.metrics && y.key in entry.metrics;
  const near = at("zoom").value === "near", within = (entry) => has(entry) && (!near || losesLittle(entry));
  const shown = members.filter(within), marks = landmarks.filter((mark) => within(mark.entry));
  const framed = [...shown.filter((entry) => near || entry.useful || entry === chosen), ...marks.map((mark) => mark.entry), ...(chosen && within(chosen) ? [chosen] : [])];
  const frame = framed.length ? framed : shown;
  if (!frame.length) return at("plot").replaceChildren(element("p", null, "Nothing was measured in both."));
  const spread = (axis) => span(frame.map((entry) => entry.metrics[axis.key]));
  const hadFocus = at("plot").contains(document.activeElement);
  const plot = new Plot(at("plot"), `${y.label} over ${x.label}`, x, y, spread(x), spread(y));
  for (const bound of report.bounds) {
    for (const along of ["x", "y"]) if (bound.key === state[along].key) plot.bound(along, bound.value, bound.at_most, bound.text);
  }
  drawLimits(plot, state);
  const cloud = others.filter(has), inside = cloud.filter((entry) => within(entry) && plot.holds(entry.metrics[x.key], entry.metrics[y.key]));
  for (const entry of inside) if (entry !== chosen) dot(plot, entry, "cloud", 3);
  if (objectives.length === 2 && objectives.includes(x) && objectives.includes(y)) stairs(plot, shown);
  for (const mark of marks) landmark(plot, mark);
  const group = plot.add("g", { role: "radiogroup", "aria-label": "members of the front; arrow keys choose" });
  const sorted = shown.filter((entry) => plot.holds(entry.metrics[x.key], entry.metrics[y.key])).sort((a, b) => a.metrics[x.key].value - b.metrics[x.key].value);
  for (const entry of sorted) plot.intervals(entry.metrics[x.key], entry.metrics[y.key], kindOf(entry));
  for (const entry of sorted) radio(plot, group, entry, sorted);
  plot.svg.append(group);
  if (chosen && !chosen.member && chosen.trial !== null && within(chosen)) {
    plot.intervals(chosen.metrics[x.key], chosen.metrics[y.key], "chosen");
    dot(plot, chosen, "chosen", 6);
  }
  plot.writeTexts();
  if (hadFocus) (group.querySelector("[tabindex='0']") || at("plot")).focus();
  const hidden = [[cloud.length - inside.length, "trials behind the front"], [members.filter(has).length - sorted.length, near ? "members with more loss" : "members of no use"]].filter(([n]) => n);
  at("plot-note").textContent = "Filled: the front; small: other trials; diamonds: models that you know. Bars are 95 % intervals, with an arrow where they go on; what a budget forbids is shaded."
    + (hidden.length ? ` Outside of the picture: ${hidden.map(([n, what]) => `${n} ${n === 1 ? what.replace(/s\b/, "") : what}`).join(", ")}.` : "");
}

// At most five points of a fraction, or a twentieth of another quality, on each split.
function losesLittle(entry) {
  return !quality || ["", "test_"].map((split) => `${split}${quality.key}`).every((key) => {
    if (!(key in entry.metrics) || !(key in base.metrics)) return true;
    const before = base.metrics[key].value, loss = (entry.metrics[key].value - before) * (quality.higher_is_better ? -1 : 1);
    return loss <= 0.05 * (quality.unit === "fraction" ? 1 : Math.abs(before));
  });
}

function kindOf(entry) {
  return `member${entry === state.chosen ? " chosen" : ""}${entry.useful ? "" : " of-no-use"}`;
}

function dot(plot, entry, kind, radius) {
  const circle = plot.add("circle", { class: kind, cx: plot.x(entry.metrics[state.x.key].value), cy: plot.y(entry.metrics[state.y.key].value), r: radius });
  circle.addEventListener("click", () => choose(entry, "click"));
  explained(circle, () => tipText(entry));
}

function radio(plot, group, entry, sorted) {
  const chosen = entry === state.chosen, first = !sorted.includes(state.chosen) && entry === sorted[0];
  const circle = shape("circle", {
    class: kindOf(entry), role: "radio", "aria-checked": String(chosen), tabindex: chosen || first ? 0 : -1,
    "aria-label": tipText(entry).replaceAll("\n", ", "), r: chosen ? 7 : 5,
    cx: plot.x(entry.metrics[state.x.key].value), cy: plot.y(entry.metrics[state.y.key].value),
  });
  circle.addEventListener("click", () => choose(entry, "click"));
  circle.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const next = step ? sorted[sorted.indexOf(entry) + step] : [" ", "Enter"].includes(event.key) ? entry : null;
    if (step || next) event.preventDefault();
    if (next) choose(next, "click");
  });
  explained(circle, () => tipText(entry));
  plot.mark(plot.x(entry.metrics[state.x.key].value), plot.y(entry.metrics[state.y.key].value), chosen ? 7 : 5);
  group.append(circle);
}

// The diamond of one that is chosen is larger than the dot upon it.
function landmark(plot, mark) {
  const x = plot.x(mark.entry.metrics[state.x.key].value), y = plot.y(mark.entry.metrics[state.y.key].value);
  const half = mark.entry === state.chosen ? 11 : 7;
  plot.intervals(mark.entry.metrics[state.x.key], mark.entry.metrics[state.y.key], "landmark");
  const diamond = plot.add("path", { class: "landmark", d: `M${x} ${y - half}L${x + half} ${y}L${x} ${y + half}L${x - half} ${y}Z` });
  explained(diamond, () => tipText(mark.entry, mark.name));
  plot.mark(x, y, half);
  plot.name(x, y, half, mark.file ? label(mark.entry) : mark.name.startsWith("uniform") ? "uniform" : mark.name);
}

// From left to right, what the better one of a cost gives holds up to the next.
function stairs(plot, shown) {
  const { x, y } = state, points = shown.map((entry) => [entry.metrics[x.key].value, entry.metrics[y.key].value]).sort((a, b) => a[0] - b[0]);
  const clip = (v, [low, high]) => Math.min(high, Math.max(low, v));
  const at = points.map(([a, b]) => [plot.x(clip(a, plot.ranges.x)), plot.y(clip(b, plot.ranges.y))]);
  if (at.length) plot.add("path", { class: "stairs", d: `M${at[0][0]} ${at[0][1]}` + at.slice(1).map(([a, b]) => (x.higher_is_better ? `V${b}H${a}` : `H${a}V${b}`)).join("") });
}

function tipText(entry, name) {
  const shown = [...new Set([state.y, state.x, quality, defaultCost])].filter((axis) => axis && axis.key in entry.metrics);
  return [name || label(entry), ...shown.map((axis) => `${axis.label}: ${worded(entry.metrics[axis.key], axis)}`), entry.done].join("\n");
}

// What a member runs in, where the runtime is searched; the uncompressed model in the first one.
function runtimeOf(entry) {
  return entry.runtime || report.runtimes[0];
}

function showMembers() {
  const keys = [quality && quality.key, quality && `${quality.key}_change`, ...objectives.filter((axis) => !axis.quality).map((axis) => axis.key), "size_bytes", quality && `test_${quality.key}`, quality && `test_${quality.key}_change`];
  const shown = [...new Set(keys)].map((key) => axes.get(key)).filter((axis) => axis && members.some((entry) => axis.key in entry.metrics));
  const tallied = members.some((entry) => HIT.key in entry.metrics);
  const beside = [base, ...ownNetworks()];
  const rows = [...beside, ...members].map((entry) => ({
    kind: [entry === state.chosen ? "chosen" : "", entry.member && !entry.useful ? "of-no-use" : ""].join(" ").trim(),
    cells: [
      !entry.member ? element("span", { title: entry.own || false }, entry.own ? label(entry) : "base") : element("button", { type: "button", "aria-pressed": String(entry === state.chosen), "aria-label": `choose trial ${entry.trial}`, onclick: () => choose(entry, "click") }, String(entry.trial)),
      ...shown.map((axis) => (entry.trial === null && axis.change ? "\u2013" : worded(entry.metrics[axis.key], axis))),
      ...(tallied ? [[hitText(entry), "text hit"]] : []),
      ...(report.runtimes.length ? [[runtimeOf(entry), "text"]] : []),
      [entry.done + (entry.member && !entry.useful ? " (of no use)" : ""), "text long"],
    ],
  }));
  const names = state.chosen && label(state.chosen), links = [["the verdict", "#verdict"], ["its layers", "#chosen-title"]].map(([name, to]) => element("a", { href: to }, name));
  at("picked").replaceChildren(...(names ? [element("b", null, `Chosen: ${names}`), " (", links[0], "; ", links[1], ")"] : ["No model is within the limits."]));
  at("noisy").textContent = [...beside, ...members].some((entry) => shown.some((axis) => (entry.metrics[axis.key] || {}).noisy))
    ? "~ noisy: the device was busy with other things; believe the interval, not the value." : "";
  const focused = document.activeElement && document.activeElement.closest("#members") && document.activeElement.textContent;
  table(at("members"), [["trial"], ...shown.map((axis) => [axis.label]), ...(tallied ? [["classes hit harder", "text"]] : []), ...(report.runtimes.length ? [["runs in", "text"]] : []), ["what was done", "text"]], rows);
  const again = focused && [...at("members").querySelectorAll("button")].find((button) => button.textContent === focused);
  if (again) again.focus();
}

// The first few of the classes that a member hits harder.
function hitText(entry) {
  const hit = hitClasses(entry), more = hit && hit.length > 10 ? ` and ${hit.length - 10} others` : "";
  return !hit ? "\u2013" : hit.length ? `class${hit.length === 1 ? "" : "es"} ${hit.slice(0, 10).join(", ")}${more}` : "none";
}

function showChosen() {
  const entry = state.chosen || base, beside = state.beside || base;
  at("chosen-title").textContent = entry.trial === null ? "The uncompressed model" : `Trial ${entry.trial}`;
  const digest = entry.digest ? ` Policy ${entry.digest.slice(0, 12)}….` : "", notes = (entry.notes || []).join("; ");
  at("done").textContent = `${entry.done}.${digest}${notes ? ` Noted: ${notes}.` : ""}`;
  const known = report.axes.filter((axis) => axis.key in entry.metrics);
  const value = (of, axis) => worded(of.metrics[axis.key], axis);
  const why = (of) => (of && of.why_noisy ? ` (${of.why_noisy.join(", ")})` : "");
  table(at("facts"), [["metric", "text"], [label(entry)], ["95 % interval"], [label(beside)]], known.map((axis) => {
    const m = entry.metrics[axis.key];
    const span = m.low === m.high ? "exact" : `${plain(m.low, axis)} to ${plain(m.high, axis)}${why(m)}`;
    return { cells: [axis.label, value(entry, axis), span, value(beside, axis)] };
  }));
  showLayers(entry, beside);
  showClasses(entry);
}

function drawCourse() {
  if (!report.steps.length) return at("course").replaceChildren(element("p", null, "No trial has ended yet."));
  const column = at("course-axis").value === "trial" ? 0 : 1, points = report.steps.map((step) => [step[column], step[2]]);
  const x = { label: column ? "seconds of searching" : "trial", unit: "score" }, y = { label: "hypervolume of the front so far", unit: "score" };
  const plot = new Plot(at("course"), `${y.label} over ${x.label}`, x, y, [0, Math.max(...points.map((p) => p[0]), 1)], range(points.map((p) => p[1])));
  plot.svg.setAttribute("role", "img");
  plot.add("path", { class: "stairs", d: points.map(([a, b], i) => (i ? `H${plot.x(a)}V${plot.y(b)}` : `M${plot.x(a)} ${plot.y(b)}`)).join("") });
  const last = report.steps[report.steps.length - 1], half = report.steps.find((step) => step[2] >= 0.99 * last[2]);
  at("course-note").textContent = `The front of the search, before training and the final readings, dominates ${last[2].toFixed(3)} of the box between the uncompressed model and the ideal; 99 % of that were reached by trial ${half[0]}.`;
}

function showSpent() {
  const all = Object.values(report.spent).reduce((a, b) => a + b, 0) || 1;
  table(at("spent"), [["step", "text"], ["time"], ["share"], ["of all", "text"]], Object.entries(report.spent).sort((a, b) => b[1] - a[1]).map(([step, seconds]) => ({
    cells: [step.replaceAll("_", " "), duration(seconds), `${((100 * seconds) / all).toFixed(1)} %`,
      element("span", { class: "track" }, element("span", { class: "spent", "width%": (100 * seconds) / all }))],
  })));
}

function showLost() {
  const lost = report.trials.filter((trial) => trial.outcome !== "complete");
  if (!lost.length) return at("lost").replaceChildren(element("p", { class: "dim" }, "No trial failed, and none was infeasible."));
  const held = element("table");
  table(held, [["trial"], ["outcome", "text"], ["reason", "text"], ["what was tried", "text"]], lost.map((trial) => ({
    cells: [String(trial.trial), trial.outcome, [trial.reason || "", "text long"], [trial.done, "text long"]],
  })));
  const before = at("lost").querySelector("details"), open = before ? before.open : lost.length <= 20;
  at("lost").replaceChildren(element("details", { open: open ? "" : false }, element("summary", null, `${lost.length} trials without a model`), element("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "trials without a model" }, held)));
}

function showTrust() {
  const trust = report.trust, task = report.front.task, join = (counts) => Object.entries(counts).map(([what, n]) => `${what}: ${n}`).join("; ");
  const itself = Object.entries(trust.reading_of_itself).map(([key, m]) => worded(m, axes.get(key) || { unit: "x" }));
  const machine = Object.entries(trust.machine).map(([name, told]) => [`device ${name}`.trim(), [told.cpu, told.system, told.cores && `${told.cores} cores`, (told.flags || []).join(" ")].filter(Boolean).join("; ")]);
  const splits = Object.entries(trust.splits).map(([name, told]) => [`${name} split`, told]);
  const rows = [
    ["the uncompressed model against itself", itself.join(", ") ? `${itself.join(", ")}: a second reading of the same file, so that it should be 1 within its interval` : "not measured"],
    ["noisy candidates, by what was amiss", join(trust.noisy) || "none"],
    ["notes on candidates", join(trust.notes) || "none"],
    ["seed", String(trust.seed)],
    ["to repeat the run", trust.repeat || "its task was given in Python: run that program again"],
    ...(task ? [["weights, SHA-256", task.weights], ["architecture, SHA-256", task.architecture]] : []),
    ...splits, ...ownNetworks().map((own) => [`${own.own}, SHA-256 of the file`, own.file]), ...machine,
    ["versions", join(trust.versions)],
  ];
  table(at("trust"), [["what", "text"], ["as this run has it", "text"]], rows.map(([what, text]) => ({ cells: [what, [text, "text long"]] })));
  at("config").textContent = trust.config;
  at("log").textContent = trust.log.join("\n");
}

begin();
