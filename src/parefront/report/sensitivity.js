// A heat map for every method: how far each choice at each place moves the outputs, if it is all that is done.

function showSensitivity() {
  const holder = document.getElementById("sensitivity"), known = report.probed.filter((one) => one.divergence !== null);
  document.getElementById("sensitivity-part").hidden = !known.length;
  const unit = Object.keys(report.confidences).length || (quality && quality.key === "accuracy")
    ? "as the Kullback\u2013Leibler divergence of the class probabilities, in nats" : "as the squared difference over the variance of the outputs, without a unit";
  document.getElementById("sensitivity-note").textContent = "How far one choice alone moves the outputs of the uncompressed network, "
    + `as measured before the first trial: ${unit}. The stronger the colour, the farther.`;
  holder.replaceChildren();
  if (!known.length) return;
  const order = new Map(report.network.layers.map((layer, index) => [layer.name, index]));
  const place = (target) => order.get(target) ?? [...order].find(([name]) => name.startsWith(`${target}.`))?.[1] ?? Infinity;
  const logs = known.map((one) => Math.log10(Math.max(one.divergence, 1e-9))), low = Math.min(...logs), high = Math.max(...logs);
  for (const method of new Set(known.map((one) => one.compressor))) {
    const own = known.filter((one) => one.compressor === method);
    const choices = [...new Set(own.map((one) => one.choice))].sort((a, b) => (Number(a) || 0) - (Number(b) || 0));
    const targets = [...new Set(own.map((one) => one.target))].sort((a, b) => place(a) - place(b));
    const cell = (target, choice) => {
      const found = own.find((one) => one.target === target && one.choice === choice);
      if (!found) return element("span", { class: "heat" }, "\u2013");
      const made = element("span", { class: "heat" }, found.divergence.toPrecision(2));
      const share = high > low ? (Math.log10(Math.max(found.divergence, 1e-9)) - low) / (high - low) : 0;
      made.style.backgroundColor = `color-mix(in srgb, var(--chosen) ${Math.round(40 * share)}%, transparent)`;
      return made;
    };
    const map = element("table");
    table(map, [[method.replaceAll("_", " "), "text"], ...choices.map((choice) => [choice === true ? "done" : String(choice)])],
      targets.map((target) => ({ cells: [[target, "text"], ...choices.map((choice) => cell(target, choice))] })));
    holder.append(element("div", { class: "wide", tabindex: 0, role: "region", "aria-label": `sensitivity to ${method.replaceAll("_", " ")}` }, map));
  }
}
