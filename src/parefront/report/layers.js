// What a policy does to each layer of the network.

const WIDTHS = "prune_channels", BLOCKS = "drop_blocks", BITS = "quantize";

// Of every layer: the share of its multiplications that is left, its bits, and what was done in words.
function layersOf(entry) {
  const states = report.network.layers.map(() => ({ kept: 1, precision: "float", words: [] }));
  const narrowed = states.map(() => new Set());
  report.network.knobs.forEach((knob, index) => {
    const choice = knob.choices[entry.policy[index] || 0];
    if (choice === null || choice === undefined) return;
    const narrow = (layer) => {
      if (!narrowed[layer].has(knob.target)) states[layer].kept *= 1 - Number(choice);
      narrowed[layer].add(knob.target);
    };
    if (knob.compressor === WIDTHS) knob.readers.forEach(narrow);
    for (const layer of knob.layers) {
      const state = states[layer];
      if (knob.compressor === WIDTHS) {
        narrow(layer);
        state.words.push(`${Math.round(100 * (1 - Number(choice)))} % of the channels kept`);
      } else if (knob.compressor === BLOCKS) {
        state.kept = 0;
        state.words.unshift("dropped");
      } else if (knob.compressor === BITS) {
        const weightsOnly = String(choice).startsWith("w"), bits = String(choice).replace("w", "");
        state.precision = weightsOnly || Number(bits) < 8 ? "narrow" : "int8";
        state.words.push(`int${bits}${weightsOnly ? " weights" : ""}`);
      } else {
        state.words.push(`${knob.compressor.replaceAll("_", " ")}${choice === true ? "" : ` ${choice}`}`);
      }
    }
  });
  return states.map((state) => (state.kept ? state : { ...state, words: ["dropped"] }));
}

// Knobs that are about no layer that the run's list has: named, so that nothing is hidden.
function elsewhere(entry) {
  return report.network.knobs
    .filter((knob, index) => !knob.layers.length && entry.policy[index])
    .map((knob) => `${knob.compressor.replaceAll("_", " ")} at ${knob.target}`);
}

// What the layers of a model take on the device, where the final step has profiled it.
function timesOf(entry) {
  return report.times[entry.trial === null ? "" : entry.trial];
}

function milliseconds(value) {
  return value >= 0.9995 ? digits(value) : value.toFixed(3);
}

// What no layer of the list takes: additions, pooling, conversions, changes of layout.
function restOf(times, which) {
  return Math.max(0, times.all[which] - times.layers.reduce((sum, layer) => sum + (layer ? layer[which] : 0), 0));
}

// Why the profile of a model is not to be believed to the millisecond, where it is not.
function doubtOf(entry) {
  const times = timesOf(entry);
  if (!times || times.agrees) return "";
  const ratio = (times.all[0] / times.all[1]).toPrecision(3), measured = times.ratio.toPrecision(3);
  return ` Noisy: the profile of ${label(entry)} says ${ratio}x where ${measured}x was measured`
    + (times.without_profiling ? ", as something else slowed the device down." : ", as it still holds what profiling takes itself, some \u00b5s an operator.");
}

function showLayers(entry, beside) {
  const layers = report.network.layers, most = Math.max(...layers.map((layer) => layer.macs), 1);
  const bar = (layer, state) => {
    const left = element("i", { "width%": 100 * state.kept });
    return element("span", { class: "track" }, element("i", { class: state.precision, "width%": (100 * layer.macs) / most }, left));
  };
  const shown = [entry, ...(beside.trial === null || beside.own ? [] : [beside])];
  const states = shown.map(layersOf), times = shown.map(timesOf), timed = times.some(Boolean);
  const before = times.find(Boolean);
  const time = (of, index, which) => (of && of.layers[index] ? milliseconds(of.layers[index][which]) : "\u2013");
  const timeCells = (index) => [time(before, index, 1), ...times.map((one) => time(one, index, 0))];
  const rows = layers.map((layer, index) => {
    const words = states.map((one) => one[index].words.join(", ") || (one[index].kept < 1 ? "fewer channels read" : "as it was"));
    const cells = states.flatMap((one, which) => [[bar(layer, one[index]), "text"], [words[which], "text"]]);
    if (timed) cells.push(...timeCells(index));
    const differs = words.length > 1 && words[0] !== words[1];
    return { cells: [[layer.name, "text"], [`${layer.kind} ${layer.shape}`, "text"], ...cells], kind: differs ? "differs" : "" };
  });
  const heads = shown.flatMap((one) => [[label(one), "text"], ["done", "text"]]);
  if (timed) {
    heads.push(["ms, uncompressed"], ...shown.map((one) => [`ms, ${label(one)}`]));
    const blank = shown.flatMap(() => ["", ""]), both = (row) => (one, which) => (one ? milliseconds(row(one, which)) : "\u2013");
    const sums = (row) => [both(row)(before, 1), ...times.map((one) => both(row)(one, 0))];
    rows.push({ cells: [["all else", "text"], ["additions, pooling, conversions, changes of layout", "text"], ...blank, ...sums(restOf)] });
    rows.push({ cells: [["together", "text"], ["in the profile", "text"], ...blank, ...sums((one, which) => one.all[which])] });
    rows.push({ cells: [["measured", "text"], ["latency", "text"], ...blank, ...sums((one, which) => one.measured[which])] });
  }
  showFindings(entry);
  table(document.getElementById("layers"), [["layer", "text"], ["shape", "text"], ...heads], rows);
  const rest = elsewhere(entry);
  document.getElementById("layers-note").textContent = layers.length
    ? "A bar is a layer's multiplications: outlined those of the uncompressed network, filled what pruned and dropped "
      + "channels leave, as the policy asks for it: blue in float, green in int8, purple in fewer bits. Other methods are named beside it."
      + (timed ? ` Milliseconds are those of a profile by turns with the uncompressed network.${shown.map(doubtOf).join("")}` : "")
      + (rest.length ? ` Elsewhere: ${rest.join(", ")}.` : "")
    : `This run keeps no list of layers. ${entry.done}.`;
}

// What costs time in a model, as `parefront explain` words it, the dearest first.
function showFindings(entry) {
  const times = timesOf(entry), found = times ? times.findings : [];
  document.getElementById("findings-part").hidden = !times;
  document.getElementById("findings").replaceChildren(...found.map((one) => element("li", null,
    `${milliseconds(one.ms)} ms: ${one.text}. Mend: ${one.mend}.`)));
  document.getElementById("findings-none").hidden = found.length > 0;
}
