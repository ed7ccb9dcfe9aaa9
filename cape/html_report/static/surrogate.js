// The surrogate: normalisation around propagator heads and a base solver, as in cape/surrogate.py.

// Return at(parameters) -> step(u), with u [channel] of fields in physical units.
function buildSurrogate(kernels, model) {
  const all = float32(model.weights);
  const weights = (name) => {
    const [offset, size] = model.index[name];
    return { values: all.subarray(offset, offset + size.reduce((a, b) => a * b, 1)), shape: size };
  };
  const base = baseSolver(kernels, model, weights);
  const equationAt = model.equation ? equationSolver(model) : null;
  const mix = weights("conditioning.propagator.mix");
  const prepare = (q) => ({
    multipliers: propagatorMultipliers(propagatorRates(model, weights, q), model.grid),
    modulation: attention(model, weights, q),
  });
  const conditioned = (v, { multipliers, modulation }) => {
    const { guess, fields } = propagate(v, multipliers, mix, model.grid);
    const correction = base([...v, ...fields], modulation);
    const next = guess.map((field, c) => field.map((value, i) => value + correction[c][i]));
    return { guess, next };
  };
  const normalise = { sample: sampleNormalisation, channel: channelNormalisation, off: channelNormalisation }[model.normalisation];

  return (parameters) => {
    const substep = normalise(model, weights, prepare, conditioned, parameters);
    const advance = equationAt ? equationAt(parameters) : null;
    const apply = (u) => {
      const next = substep(u);
      next.forEach((field, c) => model.kept[c] && keepMean(u[c], field));
      return next;
    };
    return (start) => {
      const advanced = advance ? advance(start) : start;
      let u = advanced;
      for (let n = 0; n < model.substeps; n++) u = apply(u);
      if (!advance) return u;
      return u.map((field, c) => field.map((value, i) => advanced[c][i] + model.equation.error[c] * (value - advanced[c][i])));
    };
  };
}

// Mean and deviation of the training data, or none.
function channelNormalisation(model, weights, prepare, conditioned, parameters) {
  const prepared = prepare(parameters);
  const mean = model.channels.map((_, c) => (model.normalisation === "off" ? 0 : model.channel_mean[c]));
  const std = model.channels.map((_, c) => (model.normalisation === "off" ? 1 : model.channel_std[c]));
  return (u) => {
    const v = u.map((field, c) => Float64Array.from(field, (value) => (value - mean[c]) / std[c]));
    return conditioned(v, prepared).next.map((field, c) => field.map((value) => value * std[c] + mean[c]));
  };
}

// Mean and deviation of the state itself, which are further parameters.
function sampleNormalisation(model, weights, prepare, conditioned, parameters) {
  const gain = weights("normalisation.gain");
  const channels = model.channels.length;
  return (u) => {
    const mean = u.map(meanOf);
    const std = u.map((field, c) => {
      const square = field.reduce((sum, value) => sum + (value - mean[c]) ** 2, 0) / field.length;
      return Math.sqrt(square + (1e-6 * model.channel_std[c]) ** 2);
    });
    const q = [...parameters, ...std, ...mean];
    const v = u.map((field, c) => Float64Array.from(field, (value) => (value - mean[c]) / std[c]));
    const { guess, next } = conditioned(v, prepare(q));
    const logs = logarithmicEmbedding(q, model.inner_low, model.inner_high);
    return next.map((field, c) => {
      const power = logs.reduce((sum, value, i) => sum + value * gain.values[i * channels + c], 0);
      const factor = Math.exp(Math.min(6, Math.max(-6, power)));
      return field.map((value, i) => (guess[c][i] + factor * (value - guess[c][i])) * std[c] + mean[c]);
    });
  };
}
