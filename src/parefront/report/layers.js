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

function showLayers(entry, beside) {
  const layers = report.network.layers, most = Math.max(...layers.map((layer) => layer.macs), 1);
  const bar = (layer, state) => {
    const left = element("i", { "width%": 100 * state.kept });
    return element("span", { class: "track" }, element("i", { class: state.precision, "width%": (100 * layer.macs) / most }, left));
  };
  const shown = [entry, ...(beside.trial === null ? [] : [beside])];
  const states = shown.map(layersOf);
  const rows = layers.map((layer, index) => {
    const words = states.map((one) => one[index].words.join(", ") || (one[index].kept < 1 ? "fewer channels read" : "as it was"));
    const cells = states.flatMap((one, which) => [[bar(layer, one[index]), "text"], [words[which], "text"]]);
    const differs = words.length > 1 && words[0] !== words[1];
    return { cells: [[layer.name, "text"], [`${layer.kind} ${layer.shape}`, "text"], ...cells], kind: differs ? "differs" : "" };
  });
  const heads = shown.flatMap((one) => [[label(one), "text"], ["done", "text"]]);
  table(document.getElementById("layers"), [["layer", "text"], ["shape", "text"], ...heads], rows);
  const rest = elsewhere(entry);
  document.getElementById("layers-note").textContent = layers.length
    ? "A bar is a layer's multiplications: outlined those of the uncompressed network, filled what pruned and dropped "
      + "channels leave, as the policy asks for it: blue in float, green in int8, purple in fewer bits. Other methods are named beside it."
      + (rest.length ? ` Elsewhere: ${rest.join(", ")}.` : "")
    : `This run keeps no list of layers. ${entry.done}.`;
}
