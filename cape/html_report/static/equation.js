// A step of the identified equation, as in cape/identification/step.py: periodic, with an exact linear part for each
// channel, and products by the Runge-Kutta method of order 4.

const UNIT = 8; // of wave numbers

function basisFunctions(name, scaled) {
  const one = { linear: (r) => r, squares: (r) => r * r, inverse: (r) => 1 / r, root: (r) => Math.sqrt(Math.max(r, 0)) };
  if (name === "constant") return [1];
  if (name === "quadratic") return [1, ...scaled, ...scaled.flatMap((r, i) => scaled.slice(i).map((s) => r * s))];
  const each = name.includes(",") ? name.split(",") : scaled.map(() => name);
  return [1, ...scaled.map((r, i) => one[each[i]](r))];
}

// Return the multiplier of a factor on every mode: (i k)^powers, over -k² for a stream function.
function derivative({ powers, stream }, waves) {
  const z = spectrum(waves[0].length);
  const order = powers.reduce((a, b) => a + b, 0);
  for (let m = 0; m < waves[0].length; m++) {
    let size = waves.reduce((product, k, axis) => product * (k[m] / UNIT) ** powers[axis], 1);
    if (stream) {
      const square = waves.reduce((sum, k) => sum + (k[m] / UNIT) ** 2, 0);
      size = square === 0 ? 0 : -size / square;
    }
    (order % 2 ? z.im : z.re)[m] = order % 4 >= 2 ? -size : size;
  }
  return z;
}

function forceField({ wave, odd }, [rows, columns]) {
  const along = rows > 1 ? wave : [0, ...wave];
  return Float64Array.from({ length: rows * columns }, (_, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns];
    const phase = 2 * Math.PI * ((along[0] * (2 * row + 1)) / (2 * rows) + (along[1] * (2 * column + 1)) / (2 * columns));
    return odd ? Math.sin(phase) : Math.cos(phase);
  });
}

const times = (a, b) => {
  const z = spectrum(a.re.length);
  for (let m = 0; m < z.re.length; m++) {
    z.re[m] = a.re[m] * b.re[m] - a.im[m] * b.im[m];
    z.im[m] = a.re[m] * b.im[m] + a.im[m] * b.re[m];
  }
  return z;
};

// Return Σ weight z over pairs [weight, z].
function combined(...pairs) {
  const z = spectrum(pairs[0][1].re.length);
  for (const [weight, part] of pairs) {
    for (let m = 0; m < z.re.length; m++) {
      z.re[m] += weight * part.re[m];
      z.im[m] += weight * part.im[m];
    }
  }
  return z;
}

// Return prepare(parameters) -> step(u), with u [channel] in physical units.
function equationSolver(model) {
  const { equation, grid } = model;
  const channels = model.channels.length;
  const waves = waveNumbers(grid);
  const linear = equation.terms.map((term) => term.factors.length === 1);
  const most = waves.map((k) => k.reduce((a, b) => Math.max(a, Math.abs(b)), 0));
  const below = (bounds) => Array.from(waves[0], (_, m) => waves.every((k, axis) => Math.abs(k[m]) <= bounds[axis]));
  const kept = below(most.map((k) => (k * 2) / 3));
  const fitted = below(equation.highest.map((k) => k * UNIT * (1 + 1e-6)));
  const operators = equation.terms.map(({ factors }) => factors.map((factor) => derivative(factor, waves)));
  const forces = equation.terms.map((term) => (term.factors.length ? null : forceField(term, grid)));

  function halfSteps(c, pieces) {
    return model.channels.map((_, channel) => {
      const symbol = spectrum(waves[0].length);
      equation.terms.forEach((term, n) => {
        if (!linear[n] || term.output !== channel) return;
        for (let m = 0; m < symbol.re.length; m++) {
          symbol.re[m] += (c[n] / pieces) * operators[n][0].re[m];
          symbol.im[m] += (c[n] / pieces) * operators[n][0].im[m];
        }
      });
      for (let m = 0; m < symbol.re.length; m++) {
        const size = Math.exp(Math.min(symbol.re[m], fitted[m] ? equation.growth / pieces : 0));
        const angle = symbol.im[m];
        symbol.re[m] = size * Math.cos(angle);
        symbol.im[m] = size * Math.sin(angle);
      }
      return symbol;
    });
  }

  const filtered = (z) => {
    const part = spectrum(z.re.length);
    kept.forEach((inside, m) => {
      if (inside) [part.re[m], part.im[m]] = [z.re[m], z.im[m]];
    });
    return part;
  };

  function products(modes, c) {
    const inner = modes.map(filtered);
    const sums = modes.map(() => new Float64Array(grid[0] * grid[1]));
    equation.terms.forEach((term, n) => {
      if (linear[n]) return;
      const fields = term.factors.map((factor, f) => backwards(times(inner[factor.channel], operators[n][f]), grid));
      const sum = sums[term.output];
      for (let i = 0; i < sum.length; i++) {
        let value = fields.length ? c[n] : c[n] * forces[n][i];
        for (const field of fields) value *= field[i];
        sum[i] += value;
      }
    });
    return sums.map((sum) => filtered(forwards(sum, grid)));
  }

  return (parameters) => {
    const scaled = linearEmbedding(parameters, model.low, model.high);
    const functions = basisFunctions(equation.basis, scaled);
    const c = equation.coefficients.map((row) => row.reduce((sum, value, i) => sum + value * functions[i], 0));
    const half = halfSteps(c, 2 * equation.substeps);
    const small = c.map((value) => value / equation.substeps);
    const decayed = (z) => z.map((part, channel) => times(half[channel], part));
    const sum = (...pairs) => pairs[0][1].map((_, channel) => combined(...pairs.map(([weight, z]) => [weight, z[channel]])));
    return (u) => {
      const std = model.channel_std;
      let modes = u.map((field, channel) => forwards(Float64Array.from(field, (value) => value / std[channel]), grid));
      if (linear.every(Boolean)) modes = decayed(decayed(modes));
      else {
        for (let n = 0; n < equation.substeps; n++) {
          const first = products(modes, small);
          const start = decayed(modes);
          const second = products(sum([1, start], [0.5, decayed(first)]), small);
          const third = products(sum([1, start], [0.5, second]), small);
          const fourth = products(decayed(sum([1, start], [1, third])), small);
          modes = sum([1, decayed(sum([1, start], [1 / 6, decayed(first)], [1 / 3, second], [1 / 3, third]))], [1 / 6, fourth]);
        }
      }
      const after = modes.map((z, channel) => backwards(z, grid).map((value) => value * std[channel]));
      after.forEach((field, channel) => model.conserved[channel] && keepMean(u[channel], field));
      return accepted(u, after, std) ? after : u.map((field) => Float64Array.from(field));
    };
  };
}

const meanOf = (field) => field.reduce((a, b) => a + b, 0) / field.length;

// Give `after` the mean of `before`, in place.
function keepMean(before, after) {
  const change = meanOf(after) - meanOf(before);
  for (let i = 0; i < after.length; i++) after[i] -= change;
}

// A step that is not finite or very large is not taken.
function accepted(u, after, std) {
  let [size, change] = [0, 0];
  u.forEach((field, channel) => {
    for (let i = 0; i < field.length; i++) {
      size += (field[i] / std[channel]) ** 2;
      change += ((after[channel][i] - field[i]) / std[channel]) ** 2;
    }
  });
  const count = u.length * u[0].length;
  return change / count <= 100 * (size / count + 1);
}
