// Numbers as people write them: the same texts as the tables of the command line.

const MINUS = "\u2212";
const SKEWED = 1.5;  // how many times as long as the other one side of an interval may be for one number to stand for both
const NOISY = " ~";  // behind a measurement that was taken while the device was busy with other things

function digits(value) {
  const size = Math.abs(value);
  return value.toFixed(size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.9995 ? 2 : 3);
}

function counted(value) {
  for (const [limit, prefix] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (Math.abs(value) >= 0.9995 * limit) return digits(value / limit) + prefix;
  }
  return value.toFixed(0);
}

function bytes(value) {
  const text = counted(value).toUpperCase();
  return /[A-Z]$/.test(text) ? `${text.slice(0, -1)} ${text.slice(-1)}B` : `${text} B`;
}

function signed(value, places) {
  const text = Math.abs(value).toFixed(places);
  return (value < 0 && Number(text) !== 0 ? MINUS : "+") + text;
}

function duration(seconds) {
  const whole = Math.round(seconds);
  const pad = (n) => String(n).padStart(2, "0");
  const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
  if (whole < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  return hours ? `${hours}:${pad(minutes)}:${pad(whole % 60)} h` : `${minutes}:${pad(whole % 60)} min`;
}

// A value of an axis without its interval.
function plain(value, axis) {
  if (axis.unit === "fraction") return axis.change ? `${signed(100 * value, 2)} pt` : `${(100 * value).toFixed(2)} %`;
  if (axis.unit === "x") return `${value.toFixed(3)}x`;
  if (axis.unit === "bytes") return bytes(value);
  if (["MACs", "parameters", "count"].includes(axis.unit)) return counted(value);
  const number = axis.change ? signed(value, 3) : axis.quality ? String(Number(value.toPrecision(4))) : digits(value);
  return axis.unit === "score" ? number : `${number} ${axis.unit}`;
}

// A measurement of an axis with its interval: ± where both sides are alike, the ends where they are not.
function worded(measured, axis) {
  if (!measured) return "\u2013";
  const { value, low, high } = measured, reach = Math.max(value - low, high - value);
  if (!reach) return plain(value, axis);
  const places = reach < 0.001 ? 2 : 1, noisy = measured.noisy ? NOISY : "";
  const whole = (v) => plain(v, axis), counts = [whole, whole, ""];
  const [shown, half, unit] = {
    fraction: [(v) => (axis.change ? signed(100 * v, places) : (100 * v).toFixed(places)), (v) => (100 * v).toFixed(places), axis.change ? " pt" : " %"],
    x: [(v) => v.toFixed(3), (v) => v.toFixed(3), "x"],
    bytes: counts, MACs: counts, parameters: counts, count: counts,
  }[axis.unit] || [(v) => plain(v, { ...axis, unit: "score" }), digits, axis.unit === "score" ? "" : ` ${axis.unit}`];
  const span = isSkewed(value, low, high, axis) && half(value - low) !== half(high - value) ? ` [${shown(low)}, ${shown(high)}]` : ` \u00b1 ${half(reach)}`;
  return shown(value) + span + unit + noisy;
}

// Whether no ± tells both sides: one is far longer, or as long on the other it would be below 0 or above 1.
function isSkewed(value, low, high, axis) {
  const reach = Math.max(value - low, high - value);
  if (reach > SKEWED * Math.min(value - low, high - value)) return true;
  return (value - reach < 0 && low >= 0) || (axis.unit === "fraction" && value + reach > 1 && high <= 1);
}

// The same without the mark of noise, for sentences.
function said(measured, axis) {
  return worded(measured && { ...measured, noisy: false }, axis);
}

// A tick of an axis: as short as its neighbours allow.
function tick(value, axis, step) {
  const places = (of) => Math.max(0, Math.min(6, -Math.floor(Math.log10(of) + 1e-9)));
  if (axis.unit === "fraction") {
    const text = (100 * value).toFixed(places(100 * step));
    return axis.change ? `${text.replace("-", MINUS)} pt` : `${text} %`;
  }
  if (axis.unit === "x") return `${value.toFixed(places(step))}x`;
  if (axis.unit === "bytes") return bytes(value);
  return Math.abs(value) >= 1000 ? counted(value) : value.toFixed(places(step));
}
