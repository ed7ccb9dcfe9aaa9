// Matrix products and activations on a memory that WebAssembly shares; plain JavaScript where SIMD is missing.

async function loadKernels(base64) {
  const memory = new WebAssembly.Memory({ initial: 16 });
  let end = 1 << 16;
  const view = (at, count) => new Float32Array(memory.buffer, at, count);
  const kernels = {
    view,
    // Reserve memory for numbers and return its address; the reserve is a multiple of four numbers.
    reserve(count) {
      const at = end;
      end += 16 * Math.ceil(count / 4 + 2);
      const missing = end - memory.buffer.byteLength;
      if (missing > 0) memory.grow(Math.ceil(missing / 65536) + 16);
      return at;
    },
    store(values) {
      const at = kernels.reserve(values.length);
      view(at, values.length).set(values);
      return at;
    },
  };
  try {
    const { instance } = await WebAssembly.instantiate(bytes(base64), { env: { memory } });
    return Object.assign(kernels, { multiply: instance.exports.multiply, gelu: instance.exports.gelu, simd: true });
  } catch {
    return Object.assign(kernels, plainKernels(memory), { simd: false });
  }
}

// The same functions as in kernels.c; addresses are in bytes.
function plainKernels(memory) {
  return {
    multiply(c, lc, a, la, b, lb, rows, columns, inner, add) {
      const all = new Float32Array(memory.buffer);
      [c, a, b] = [c / 4, a / 4, b / 4];
      for (let i = 0; i < rows; i++) {
        const row = all.subarray(c + i * lc, c + i * lc + columns);
        if (!add) row.fill(0);
        for (let k = 0; k < inner; k++) {
          const factor = all[a + i * la + k];
          const start = b + k * lb;
          for (let j = 0; j < columns; j++) row[j] += factor * all[start + j];
        }
      }
    },
    gelu(x, n, gain, offset) {
      const part = new Float32Array(memory.buffer, x, n);
      for (let i = 0; i < n; i++) part[i] = geluOf(gain * part[i] + offset);
    },
  };
}

const geluOf = (u) => 0.5 * u * (1 + erf(u * Math.SQRT1_2));
const ERF_ABOVE = [-2.72614225801306e-10, 2.77068142495902e-8, -2.10102402082508e-6, -5.69250639462346e-5, -7.34990630326855e-4, -2.95459980854025e-3, -1.60960333262415e-2];
const ERF_BELOW = [-1.45660718464996e-5, -2.13374055278905e-4, -1.68282697438203e-3, -7.37332916720468e-3, -1.42647390514189e-2];

function erf(x) {
  const v = Math.max(-4, Math.min(4, x));
  const polynomial = (terms) => terms.reduce((sum, term) => sum * v * v + term, 0);
  return (v * polynomial(ERF_ABOVE)) / polynomial(ERF_BELOW);
}
