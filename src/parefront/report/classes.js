// What a member changed in each class of the test split.

const SHOWN = 200;  // classes, those that lost most first

function showClasses(entry) {
  const rows = (entry && report.classes[entry.trial]) || [];
  document.getElementById("fairness").hidden = !rows.length;
  if (!rows.length) return;
  const axis = { unit: "fraction", change: true }, share = (value) => `${(100 * value).toFixed(1)} %`;
  const all = rows.reduce((sum, row) => sum + row.n * row.change.value, 0) / rows.reduce((sum, row) => sum + row.n, 0);
  const hit = rows.filter((row) => row.harder).map((row) => `class ${row.label} (${worded(row.change, axis)})`);
  const test = `${rows.length} classes compared, 5 % chance that any is named wrongly`;
  document.getElementById("fair").textContent = hit.length
    ? `Hit harder than the others: ${hit.join(", ")}; over all classes the change is ${plain(all, axis)}. (${test}.)`
    : `No class is hit harder than the others beyond the noise; over all classes the change is ${plain(all, axis)}. (${test}.)`;
  table(document.getElementById("classes"), [["class"], ["images"], ["uncompressed"], [label(entry)], ["change"], ["chance of such a loss, corrected"]],
    rows.slice(0, SHOWN).map((row) => ({
      kind: row.harder ? "chosen" : "",
      cells: [String(row.label), String(row.n), share(row.before), share(row.after), worded(row.change, axis), row.chance < 0.001 ? "below 0.001" : row.chance.toFixed(3)],
    })));
}
