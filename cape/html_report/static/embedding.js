// Embeddings of parameters, as in cape/model/embedding.py.

function linearEmbedding(p, low, high) {
  return p.map((value, i) => value / (Math.max(Math.abs(low[i]), Math.abs(high[i])) || 1));
}

function logarithmicEmbedding(p, low, high) {
  return p.map((value, i) => {
    const largest = Math.max(Math.abs(low[i]), Math.abs(high[i]), 1e-30);
    const floor = (low[i] === 0 ? 1e-3 : 0.3) * largest;
    const map = low[i] > 0 ? (x) => Math.log(Math.max(x, 1.2e-38)) : (x) => Math.asinh(x / floor);
    const [start, stop] = [map(low[i]), map(high[i])];
    return (map(value) - (start + stop) / 2) / (stop > start ? (stop - start) / 2 : 1);
  });
}

const EMBEDDINGS = {
  value: linearEmbedding,
  logarithm: logarithmicEmbedding,
  both: (...all) => [...linearEmbedding(...all), ...logarithmicEmbedding(...all)],
  waves: (...all) => logarithmicEmbedding(...all).flatMap((x) => {
    const angles = [0, 1, 2, 3].map((n) => (Math.PI / 2) * 2 ** n * x);
    return [...angles.map(Math.sin), ...angles.map(Math.cos)];
  }),
};

// Return [gain, offset] of every hidden layer, each an array over channels, from the parameters q.
function attention(model, weights, q) {
  const { inner_low: low, inner_high: high, clipped } = model;
  const seen = q.map((x, i) => (i < clipped ? Math.min(Math.max(x, low[i]), high[i]) : x));
  const hidden = dense(weights, "conditioning.attention.first", EMBEDDINGS[model.embedding](seen, low, high)).map(geluOf);
  const both = dense(weights, "conditioning.attention.second", hidden);
  let start = 0;
  return model.hidden_channels.map((channels) => {
    const part = both.slice(start, start + 2 * channels);
    start += 2 * channels;
    return [part.slice(0, channels), part.slice(channels)];
  });
}

function dense(weights, name, x) {
  const { values, shape: [inputs, outputs] } = weights(`${name}.weight`);
  const bias = weights(`${name}.bias`).values;
  return Array.from({ length: outputs }, (_, o) => {
    let sum = bias[o];
    for (let i = 0; i < inputs; i++) sum += x[i] * values[i * outputs + o];
    return sum;
  });
}
