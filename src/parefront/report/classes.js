// What a member changed in each class of the test split.

const SHOWN = 200;  // classes, those that lost most first

function showClasses(entry) {
  const rows = (entry && report.classes[entry.trial]) || [], groups = (entry && report.subgroups[entry.trial]) || [];
  const known = rows.length || groups.length || (entry && (report.confidences[entry.trial] || report.flips[entry.trial]));
  document.getElementById("fairness").hidden = !known;
  showCounts(entry, rows, "class", "fair-classes", "fair", "classes");
  showCounts(entry, groups, "subgroup", "fair-groups", "fair-of-groups", "subgroups");
  showLeaning(entry);
  showConfidence(entry);
  showFlips(entry);
}

// A table of classes or subgroups, and a sentence that names those that were hit.
function showCounts(entry, rows, what, part, said, into) {
  document.getElementById(part).hidden = !rows.length;
  if (!rows.length) return;
  const axis = { unit: "fraction", change: true }, share = (value) => `${(100 * value).toFixed(1)} %`;
  const all = rows.reduce((sum, row) => sum + row.n * row.change.value, 0) / rows.reduce((sum, row) => sum + row.n, 0);
  const called = (row) => (what === "class" ? classNamed(row.label) : row.label);
  const hit = rows.filter((row) => row.harder).map((row) => `${what} ${called(row)} (${worded(row.change, axis)})`);
  const several = what === "class" ? "classes" : `${what}s`, test = `${rows.length} ${several} compared, 5 % chance that any is named wrongly`;
  document.getElementById(said).textContent = hit.length
    ? `Hit harder than the others: ${hit.join(", ")}; over all images the change is ${plain(all, axis)}. (${test}.)`
    : `No ${what} is hit harder than the others beyond the noise; over all images the change is ${plain(all, axis)}. (${test}.)`;
  table(document.getElementById(into), [[what], ["images"], ["uncompressed"], [label(entry)], ["change"], ["chance of such a loss if it were hit like the others, corrected"]],
    rows.slice(0, SHOWN).map((row) => ({
      kind: row.harder ? "chosen" : "",
      cells: [called(row), String(row.n), share(row.before), share(row.after), worded(row.change, axis), row.chance < 0.001 ? "below 0.001" : row.chance.toFixed(3)],
    })));
}

// Bias amplification: how far answers lean, beyond the labels, towards the subgroups in which each class is frequent.
function showLeaning(entry) {
  const found = entry && report.amplifications[entry.trial];
  document.getElementById("leaning-part").hidden = !found;
  if (!found) return;
  const change = { unit: "fraction", change: true }, { low, high } = found.change;
  const how = low > 0 ? "more" : high < 0 ? "less" : "neither more nor less, beyond the noise,";
  document.getElementById("leaning").textContent = `It answers ${how} by subgroup than the uncompressed model: bias amplification changes by ${worded(found.change, change)}.`;
  table(document.getElementById("amplification"), [["on the test split", "text"], ["uncompressed"], [label(entry)]], [
    { cells: ["bias amplification", worded(found.before, change), worded(found.after, change)] },
  ]);
}

// Expected calibration error: how far the share of right answers is from the probability that the model gives them.
function showConfidence(entry) {
  const found = entry && report.confidences[entry.trial];
  document.getElementById("confidence-part").hidden = !found;
  if (!found) return;
  const change = { unit: "fraction", change: true }, moved = found.error_change;
  // Before and after have the decimals of the change, so that no change stands between numbers that look alike.
  const share = { unit: "fraction", places: pointPlaces(Math.max(moved.value - moved.low, moved.high - moved.value)) };
  const how = moved.low > 0 ? "more wrong about its own certainty than the uncompressed model"
    : moved.high < 0 ? "less wrong about its own certainty than the uncompressed model"
      : "as right or wrong about its own certainty as the uncompressed model, within the noise";
  document.getElementById("sure").textContent = `It is ${how}: the expected calibration error changes by ${worded(moved, change)}.`;
  table(document.getElementById("confidence"), [["on the test split", "text"], ["uncompressed"], [label(entry)]], [
    { cells: ["expected calibration error, 15 bins", worded(found.error_before, share), worded(found.error, share)] },
    { cells: ["mean probability of its answers", worded(found.mean_before, share), worded(found.mean, share)] },
  ]);
}

function showFlips(entry) {
  const found = entry && report.flips[entry.trial];
  document.getElementById("flips-part").hidden = !found;
  if (!found) return;
  const shown = found.shown.length < found.count ? ` Here are ${found.shown.length} of them, first those that were right before.` : "";
  document.getElementById("flips-note").textContent = found.count
    ? `${found.count} of ${found.n} test images (${((100 * found.count) / found.n).toFixed(1)} %) get another answer.${shown}`
    : `All ${found.n} test images get the same answer.`;
  document.getElementById("flips").replaceChildren(...found.shown.map(([index, right, before, after]) => {
    const picture = report.pictures[index], verdict = before === right ? "lost" : after === right ? "gained" : "wrong before and after";
    const image = picture ? element("img", { src: `data:image/png;base64,${picture}`, alt: `test image ${index}` }) : "";
    return element("li", null, image, element("b", null, verdict), `: image ${index}, class ${classNamed(right)}: ${classNamed(before)} \u2192 ${classNamed(after)}`);
  }));
}
