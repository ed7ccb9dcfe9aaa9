// Propagator heads, as in cape/model/propagator.py, on periodic grids.

// Return displacement [head][axis] and diffusion [head] over one step at parameters q.
function propagatorRates(model, weights, q) {
  const scaled = [1, ...linearEmbedding(q, model.inner_low, model.inner_high)];
  const moves = weights("conditioning.propagator.displacement");
  const decay = weights("conditioning.propagator.log_diffusion").values;
  const [heads, columns, axes] = moves.shape;
  const sum = (term) => scaled.reduce((total, value, i) => total + term(value, i), 0);
  return Array.from({ length: heads }, (_, j) => ({
    displacement: Array.from({ length: axes }, (_, a) => sum((value, i) => value * moves.values[(j * columns + i) * axes + a])),
    diffusion: sum((value, i) => Math.abs(value) * Math.exp(decay[j * columns + i])),
  }));
}

// Return the multiplier exp(-2πi k·s - |2πk|² d) of every mode for each head.
function propagatorMultipliers(rates, grid) {
  const waves = waveNumbers(grid);
  return rates.map(({ displacement, diffusion }) => {
    const multiplier = spectrum(waves[0].length);
    for (let m = 0; m < waves[0].length; m++) {
      let angle = 0;
      let square = 0;
      waves.forEach((k, axis) => {
        angle += 2 * Math.PI * k[m] * displacement[axis];
        square += k[m] * k[m];
      });
      const size = Math.exp(-square * 4 * Math.PI * Math.PI * diffusion);
      multiplier.re[m] = size * Math.cos(angle);
      multiplier.im[m] = -size * Math.sin(angle);
    }
    return multiplier;
  });
}

// Apply all heads to every channel of u; return the first guess [channel] and the heads' fields [head * channel].
function propagate(u, multipliers, mix, grid) {
  const channels = u.length;
  const fields = [];
  const modes = u.map((field) => forwards(field, grid));
  for (const { re, im } of multipliers) {
    for (const z of modes) {
      const product = spectrum(re.length);
      for (let m = 0; m < re.length; m++) {
        product.re[m] = z.re[m] * re[m] - z.im[m] * im[m];
        product.im[m] = z.re[m] * im[m] + z.im[m] * re[m];
      }
      fields.push(backwards(product, grid));
    }
  }
  const guess = u.map((field) => Float64Array.from(field));
  const { values, shape: [, heads] } = mix;
  fields.forEach((field, number) => {
    const [j, c] = [Math.floor(number / channels), number % channels];
    for (let o = 0; o < channels; o++) {
      const weight = values[(c * heads + j) * channels + o];
      for (let i = 0; i < field.length; i++) guess[o][i] += weight * (field[i] - u[c][i]);
    }
  });
  return { guess, fields };
}
