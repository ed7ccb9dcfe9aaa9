// Base solvers: the Fourier neural operator in 1D and the factorised one. Feature maps are [channel, *space].

// Return a map of channels: apply(out, h, add) leaves out the bias, which the caller adds.
function pointwiseLayer(kernels, weights, name, points) {
  const { values, shape: [inputs, outputs] } = weights(`${name}.weight`);
  const turned = new Float32Array(values.length);
  for (let i = 0; i < inputs; i++) for (let o = 0; o < outputs; o++) turned[o * inputs + i] = values[i * outputs + o];
  const matrix = kernels.store(turned);
  return {
    outputs,
    bias: weights(`${name}.bias`).values,
    apply: (out, h, add = 0) => kernels.multiply(out, points, matrix, inputs, h, points, outputs, points, inputs, add),
  };
}

// Return apply(out, h, add), a spectral convolution along the middle axis of [channel, points, lines].
function spectralLayer(kernels, weights, name, points, lines) {
  const real = weights(`${name}.real`);
  const imaginary = weights(`${name}.imaginary`).values;
  const [stored, inputs, outputs] = real.shape;
  const modes = Math.min(stored, Math.floor(points / 2) + 1);
  const analyse = new Float32Array(2 * modes * points);
  const synthesise = new Float32Array(2 * modes * points);
  for (let k = 0; k < modes; k++) {
    const alone = k === 0 || 2 * k === points;
    for (let n = 0; n < points; n++) {
      const angle = (2 * Math.PI * ((k * n) % points)) / points;
      analyse[2 * k * points + n] = Math.cos(angle) / points;
      analyse[(2 * k + 1) * points + n] = -Math.sin(angle) / points;
      synthesise[n * 2 * modes + 2 * k] = (alone ? 1 : 2) * Math.cos(angle);
      synthesise[n * 2 * modes + 2 * k + 1] = alone ? 0 : -2 * Math.sin(angle);
    }
  }
  const factors = new Float32Array(modes * 4 * inputs * outputs);
  for (let k = 0; k < modes; k++) {
    for (let o = 0; o < outputs; o++) {
      for (let i = 0; i < inputs; i++) {
        const [re, im] = [real.values, imaginary].map((part) => part[(k * inputs + i) * outputs + o]);
        const row = (k * 2 * outputs + o) * 2 * inputs + i;
        const below = row + outputs * 2 * inputs;
        factors[row] = re;
        factors[row + inputs] = -im;
        factors[below] = im;
        factors[below + inputs] = re;
      }
    }
  }
  const [first, second, matrix] = [analyse, synthesise, factors].map((array) => kernels.store(array));
  const before = kernels.reserve(2 * modes * inputs * lines);
  const after = kernels.reserve(2 * modes * outputs * lines);
  return (out, h, add) => {
    const size = 4 * points * lines;
    for (let c = 0; c < inputs; c++) kernels.multiply(before + 4 * c * lines, inputs * lines, first, points, h + c * size, lines, 2 * modes, lines, points, 0);
    for (let k = 0; k < modes; k++) {
      kernels.multiply(after + 8 * k * outputs * lines, lines, matrix + 16 * k * inputs * outputs, 2 * inputs, before + 8 * k * inputs * lines, lines, 2 * outputs, lines, 2 * inputs, 0);
    }
    for (let o = 0; o < outputs; o++) kernels.multiply(out + o * size, lines, second, 2 * modes, after + 4 * o * lines, outputs * lines, points, lines, 2 * modes, add);
  };
}

// Return add(out, h), a convolution of each channel with a small kernel on a periodic grid [rows, columns].
function localLayer(kernels, weights, name, width, [rows, columns]) {
  const { values, shape: sizes } = weights(`${name}.weight`);
  const across = sizes.at(-2);
  const up = sizes.length > 2 ? sizes[0] : 1;
  return (out, h) => {
    const [from, to] = [kernels.view(h, width * rows * columns), kernels.view(out, width * rows * columns)];
    for (let c = 0; c < width; c++) {
      for (let a = 0; a < up; a++) {
        for (let b = 0; b < across; b++) {
          const tap = values[(a * across + b) * width + c];
          for (let row = 0; row < rows; row++) {
            const source = c * rows * columns + ((row + a - (up >> 1) + rows) % rows) * columns;
            const target = c * rows * columns + row * columns;
            for (let i = 0; i < columns; i++) to[target + i] += tap * from[source + ((i + b - (across >> 1) + columns) % columns)];
          }
        }
      }
    }
  };
}

// Return run(input, modulation): fields [channel] as arrays -> fields of the output channels.
function baseSolver(kernels, model, weights) {
  const name = "conditioning.base";
  const { grid } = model;
  const points = grid[0] * grid[1];
  const { width, layers, projection } = model.base;
  const [lift, project, last] = ["lift", "project", "out"].map((part) => pointwiseLayer(kernels, weights, `${name}.${part}`, points));
  const inputs = weights(`${name}.lift.weight`).shape[0];
  const [input, h, y] = [inputs, width, width].map((channels) => kernels.reserve(channels * points));
  const [wide, output] = [projection, last.outputs].map((channels) => kernels.reserve(channels * points));
  const local = Array.from({ length: model.base.kernel ? layers : 0 }, (_, i) => localLayer(kernels, weights, `${name}.local.${i}`, width, grid));
  const build = model.base.type === "fno" ? fourierLayers : factorisedLayers;
  const apply = build(kernels, model, weights, { h, y, local, points });
  const { view } = kernels;
  return (fields, modulation) => {
    fields.forEach((field, c) => view(input + 4 * c * points, points).set(field));
    lift.apply(h, input);
    lift.bias.forEach((bias, c) => shift(view(h + 4 * c * points, points), 1, bias));
    const hidden = apply(modulation);
    project.apply(wide, hidden);
    project.bias.forEach((bias, c) => kernels.gelu(wide + 4 * c * points, points, 1, bias));
    last.apply(output, wide);
    return Array.from({ length: last.outputs }, (_, c) => shift(view(output + 4 * c * points, points), 1, last.bias[c]));
  };
}

function shift(values, gain, offset) {
  for (let i = 0; i < values.length; i++) values[i] = gain * values[i] + offset;
  return values;
}

// h = gelu(modulated(K h + W h + b [+ D h])), without the gelu after the last layer. One dimension.
function fourierLayers(kernels, model, weights, { h, y, local, points }) {
  const name = "conditioning.base";
  const { layers } = model.base;
  const spectral = Array.from({ length: layers }, (_, i) => spectralLayer(kernels, weights, `${name}.spectral.${i}`, points, 1));
  const pointwise = Array.from({ length: layers }, (_, i) => pointwiseLayer(kernels, weights, `${name}.pointwise.${i}`, points));
  return (modulation) => {
    let [now, next] = [h, y];
    for (let i = 0; i < layers; i++) {
      const { bias, apply } = pointwise[i];
      apply(next, now);
      spectral[i](next, now, 1);
      if (local.length) local[i](next, now);
      const [gain, offset] = modulation[i];
      bias.forEach((b, c) => {
        const [scale, start] = [1 + gain[c], (1 + gain[c]) * b + offset[c]];
        if (i < layers - 1) kernels.gelu(next + 4 * c * points, points, scale, start);
        else shift(kernels.view(next + 4 * c * points, points), scale, start);
      });
      [now, next] = [next, now];
    }
    return now;
  };
}

// h = h + W₂ gelu(W₁ modulated(Σ_a K_a h [+ D h])).
function factorisedLayers(kernels, model, weights, { h, y, local, points }) {
  const name = "conditioning.base";
  const { layers, width, expansion } = model.base;
  const [rows, columns] = model.grid;
  const along = rows > 1 ? [rows, columns] : [columns];
  const [turned, back] = [width, width].map((channels) => kernels.reserve(channels * points));
  const wide = kernels.reserve(expansion * width * points);
  const parts = Array.from({ length: layers }, (_, i) => ({
    axes: along.map((size, axis) => spectralLayer(kernels, weights, `${name}.spectral.${i}.axes.${axis}`, size, points / size)),
    first: pointwiseLayer(kernels, weights, `${name}.first.${i}`, points),
    second: pointwiseLayer(kernels, weights, `${name}.second.${i}`, points),
  }));
  const view = (at) => kernels.view(at, width * points);
  return (modulation) => {
    parts.forEach(({ axes, first, second }, i) => {
      axes[0](y, h, 0);
      if (axes.length > 1) {
        turn2d(view(turned), view(h), width, rows, columns);
        axes[1](back, turned, 0);
        addTurned(view(y), view(back), width, rows, columns);
      }
      if (local.length) local[i](y, h);
      const [gain, offset] = modulation[i];
      for (let c = 0; c < width; c++) shift(kernels.view(y + 4 * c * points, points), 1 + gain[c], offset[c]);
      first.apply(wide, y);
      first.bias.forEach((bias, c) => kernels.gelu(wide + 4 * c * points, points, 1, bias));
      second.apply(h, wide, 1);
      second.bias.forEach((bias, c) => shift(kernels.view(h + 4 * c * points, points), 1, bias));
    });
    return h;
  };
}

// out[c, column, row] = from[c, row, column]
function turn2d(out, from, channels, rows, columns) {
  for (let c = 0, start = 0; c < channels; c++, start += rows * columns) {
    for (let row = 0; row < rows; row++) for (let i = 0; i < columns; i++) out[start + i * rows + row] = from[start + row * columns + i];
  }
}

function addTurned(out, from, channels, rows, columns) {
  for (let c = 0, start = 0; c < channels; c++, start += rows * columns) {
    for (let row = 0; row < rows; row++) for (let i = 0; i < columns; i++) out[start + row * columns + i] += from[start + i * rows + row];
  }
}
