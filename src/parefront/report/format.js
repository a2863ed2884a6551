// Numbers as people write them: the same texts as evaluators/results/views/written.py gives the command line.

const MINUS = "\u2212";
const SKEWED = 1.5;  // how many times as long as the other one side of an interval may be for one number to stand for both
const NOISY = " ~";  // behind a measurement that was taken while the device was busy with other things

const PREFIXES = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];
const COUNTS = ["MACs", "parameters", "count"];
const COSTS = ["ms", "mJ", "1/s", "s"];

// Three digits, of a value from 0.01 to 1 three decimals.
function decimals(value) {
  const size = Math.abs(value);
  if (size > 0 && size < 0.00995) return Math.min(9, 2 - Math.floor(Math.log10(size)));
  return size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.9995 ? 2 : 3;
}

function digits(value) {
  return value.toFixed(decimals(value));
}

function prefixOf(value) {
  return PREFIXES.find(([limit]) => Math.abs(value) >= 0.9995 * limit) || [1, ""];
}

function counted(value) {
  const [limit, prefix] = prefixOf(value);
  return prefix ? digits(value / limit) + prefix : value.toFixed(0);
}

function bytes(value) {
  const text = counted(value).toUpperCase();
  return /[A-Z]$/.test(text) ? `${text.slice(0, -1)} ${text.slice(-1)}B` : `${text} B`;
}

function unsignedZero(text) {
  return Number(text) === 0 ? text.replace("-", "") : text;
}

function signed(value, places) {
  const text = Math.abs(value).toFixed(places);
  return Number(text) === 0 ? text : (value < 0 ? MINUS : "+") + text;
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
  if (COUNTS.includes(axis.unit)) return counted(value);
  const small = value ? Math.max(3, Math.min(15, 3 - Math.floor(Math.log10(Math.abs(value))))) : 3;
  const number = axis.change ? signed(value, small) : axis.quality ? String(Number(value.toPrecision(4))) : digits(value);
  return axis.unit === "score" ? number : `${number} ${axis.unit}`;
}

// As many decimals as a kind of number has at least, and more where half of its interval would else be written as zero.
function places(least, half) {
  return Math.max(least, Math.min(6, Math.ceil(-Math.log10(2 * half))));
}

// Percentages and points: one decimal, and below 0.1 as many as the first digit of half of the interval takes.
function pointPlaces(reach) {
  return reach ? places(1, 50 * reach) : 1;
}

// How the numbers of a measurement are scaled, how many decimals they have, and what stands behind them.
function formOf(value, reach, axis) {
  if (axis.unit === "fraction") return [(v) => 100 * v, Math.max(pointPlaces(reach), axis.places || 0), axis.change ? " pt" : " %"];
  if (axis.unit === "x") return [Number, places(3, reach), "x"];
  if (axis.unit === "bytes" || COUNTS.includes(axis.unit)) {
    const [limit, prefix] = prefixOf(value), unit = axis.unit === "bytes" ? ` ${prefix.toUpperCase()}B` : prefix;
    return [(v) => v / limit, places(decimals(value / limit), reach / limit), unit];
  }
  const unit = axis.unit === "score" ? "" : ` ${axis.unit}`;
  if (COSTS.includes(axis.unit)) return [Number, places(decimals(value), reach), unit];
  return [Number, Math.max(0, Math.min(15, 1 - Math.floor(Math.log10(reach)))), unit];
}

// A measurement of an axis with its interval: ± where both sides are alike, the ends where they are not.
function worded(measured, axis) {
  if (!measured) return "\u2013";
  const { value, low, high } = measured, reach = Math.max(value - low, high - value);
  const noisy = measured.noisy ? NOISY : "";
  if (!reach) return plain(value, axis) + noisy;
  const [scale, count, unit] = formOf(value, reach, axis);
  const half = (v) => unsignedZero(scale(v).toFixed(count)), shown = (v) => (axis.change ? signed(scale(v), count) : half(v));
  const skewed = isSkewed(value, low, high, axis) && half(value - low) !== half(high - value);
  return shown(value) + (skewed ? ` [${shown(low)}, ${shown(high)}]` : ` \u00b1 ${half(reach)}`) + unit + noisy;
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
