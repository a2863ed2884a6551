// Numbers as people write them: the same texts as the tables of the command line.

const MINUS = "\u2212";
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

// A measurement of an axis with half of its interval, where it has one.
function worded(measured, axis) {
  if (!measured) return "\u2013";
  const half = (measured.high - measured.low) / 2;
  if (!half) return plain(measured.value, axis);
  const noisy = measured.noisy ? NOISY : "";
  if (axis.unit === "fraction") {
    const places = half < 0.001 ? 2 : 1;
    const value = axis.change ? signed(100 * measured.value, places) : (100 * measured.value).toFixed(places);
    return `${value} \u00b1 ${(100 * half).toFixed(places)} ${axis.change ? "pt" : "%"}${noisy}`;
  }
  if (axis.unit === "x") return `${measured.value.toFixed(3)} \u00b1 ${half.toFixed(3)}x${noisy}`;
  const unit = axis.unit === "score" ? "" : ` ${axis.unit}`;
  return `${plain(measured.value, axis).replace(unit, "")} \u00b1 ${digits(half)}${unit}${noisy}`;
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
