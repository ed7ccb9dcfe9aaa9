// Numbers: arrays in base64, text, and the scales of axes.

function bytes(base64) {
  const text = atob(base64);
  const found = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) found[i] = text.charCodeAt(i);
  return found;
}

const float32 = (base64) => new Float32Array(bytes(base64).buffer);

function integers(base64, bits) {
  const { buffer } = bytes(base64);
  return bits === 8 ? new Int8Array(buffer) : new Int16Array(buffer);
}

// Decode fields that field_data.py has coded, to one Float32Array [time, *space] for each channel.
function decode({ offset, scale, values }, bits) {
  const all = integers(values, bits);
  const missing = -(2 ** (bits - 1));
  const size = all.length / offset.length;
  return offset.map((start, channel) => {
    const part = all.subarray(channel * size, (channel + 1) * size);
    return Float32Array.from(part, (n) => (n === missing ? NaN : start + scale[channel] * n));
  });
}

function text(value, digits = 3) {
  if (value === null || Number.isNaN(value)) return "not finite";
  if (value === 0) return "0";
  const size = Math.abs(value);
  const rounded = Number(value.toPrecision(digits));
  const shown = size < 1e-3 || size >= 1e5 ? rounded.toExponential() : String(rounded);
  return shown.replaceAll("-", "−").replace("e+", "e");
}

function limits(...arrays) {
  let low = Infinity;
  let high = -Infinity;
  for (const array of arrays) {
    for (const value of array) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return low <= high ? [low, high] : [0, 1];
}

const isWide = (values) => Math.min(...values) > 0 && Math.max(...values) > 20 * Math.min(...values);

// Return a scale of an axis: at(value) is 0 to 1, and ticks are values.
function scale([low, high], log) {
  if (high <= low) [low, high] = log ? [low / 2, low * 2] : [low - 0.5, low + 0.5];
  const [start, end] = log ? [Math.log10(low), Math.log10(high)] : [low, high];
  const at = (value) => ((log ? Math.log10(value) : value) - start) / (end - start);
  return { at, ticks: log ? logTicks(start, end) : linearTicks(low, high), low, high, log };
}

function linearTicks(low, high, most = 6) {
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((n) => n * power >= rough) * power;
  const ticks = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + 1e-9 * step; n++) ticks.push(Number((n * step).toPrecision(12)));
  return ticks;
}

function logTicks(start, end) {
  const factors = end - start > 2.5 ? [1] : end - start > 1 ? [1, 3] : [1, 2, 3, 5, 7];
  const each = Math.max(1, Math.ceil((end - start) / 8));
  const ticks = [];
  for (let power = Math.floor(start); power <= Math.ceil(end); power++) {
    if (power % each) continue;
    for (const factor of factors) {
      const value = factor * 10 ** power;
      const log = Math.log10(value);
      if (log >= start - 1e-9 && log <= end + 1e-9) ticks.push(value);
    }
  }
  return ticks;
}
