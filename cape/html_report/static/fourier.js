// Discrete Fourier transforms of real fields in one or two dimensions, with sizes that are powers of two.
// A spectrum is {re, im}, Float64Array [rows, columns / 2 + 1]: one-sided along the last axis, as rfftn of NumPy.

const turns = new Map();

function turn(n) {
  if (!turns.has(n)) {
    const angles = Array.from({ length: n / 2 }, (_, k) => (2 * Math.PI * k) / n);
    turns.set(n, [Float64Array.from(angles, Math.cos), Float64Array.from(angles, Math.sin)]);
  }
  return turns.get(n);
}

// Transform n complex numbers in place; sign is -1 forwards, and 1 backwards without the factor 1/n.
function transform(re, im, n, sign) {
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [re[i], re[j]] = [re[j], re[i]];
      [im[i], im[j]] = [im[j], im[i]];
    }
  }
  const [cosines, sines] = turn(n);
  for (let size = 2; size <= n; size *= 2) {
    const half = size / 2;
    const stride = n / size;
    for (let start = 0; start < n; start += size) {
      for (let k = 0; k < half; k++) {
        const [a, b] = [start + k, start + k + half];
        const c = cosines[k * stride];
        const s = sign * sines[k * stride];
        const x = re[b] * c - im[b] * s;
        const y = re[b] * s + im[b] * c;
        re[b] = re[a] - x;
        im[b] = im[a] - y;
        re[a] += x;
        im[a] += y;
      }
    }
  }
}

// Transform along the first axis of [rows, width], in place.
function transformRows(z, rows, width, sign) {
  const re = new Float64Array(rows);
  const im = new Float64Array(rows);
  for (let column = 0; column < width; column++) {
    for (let row = 0; row < rows; row++) {
      re[row] = z.re[row * width + column];
      im[row] = z.im[row * width + column];
    }
    transform(re, im, rows, sign);
    for (let row = 0; row < rows; row++) {
      z.re[row * width + column] = re[row];
      z.im[row * width + column] = im[row];
    }
  }
}

const spectrum = (size) => ({ re: new Float64Array(size), im: new Float64Array(size) });

// Transform a real field of [rows, columns] points; rows is 1 in one dimension.
function forwards(field, [rows, columns]) {
  const width = columns / 2 + 1;
  const z = spectrum(rows * width);
  for (let row = 0; row < rows; row++) {
    const re = Float64Array.from(field.subarray(row * columns, (row + 1) * columns));
    const im = new Float64Array(columns);
    transform(re, im, columns, -1);
    z.re.set(re.subarray(0, width), row * width);
    z.im.set(im.subarray(0, width), row * width);
  }
  if (rows > 1) transformRows(z, rows, width, -1);
  return z;
}

// Transform back to a real field; z is overwritten.
function backwards(z, [rows, columns]) {
  const width = columns / 2 + 1;
  if (rows > 1) transformRows(z, rows, width, 1);
  const field = new Float64Array(rows * columns);
  const [re, im] = [new Float64Array(columns), new Float64Array(columns)];
  for (let row = 0; row < rows; row++) {
    re.fill(0);
    im.fill(0);
    for (let k = 0; k < width; k++) {
      const alone = k === 0 || 2 * k === columns;
      re[k] = (alone ? 1 : 2) * z.re[row * width + k];
      im[k] = alone ? 0 : 2 * z.im[row * width + k];
    }
    transform(re, im, columns, 1);
    for (let column = 0; column < columns; column++) field[row * columns + column] = re[column] / (rows * columns);
  }
  return field;
}

// Return the signed wave number along each axis of every mode: [first axis, last axis].
function waveNumbers([rows, columns]) {
  const width = columns / 2 + 1;
  const first = new Float64Array(rows * width);
  const last = new Float64Array(rows * width);
  for (let row = 0; row < rows; row++) {
    for (let k = 0; k < width; k++) {
      first[row * width + k] = ((row + rows / 2) % rows) - rows / 2;
      last[row * width + k] = k;
    }
  }
  return rows > 1 ? [first, last] : [last];
}
