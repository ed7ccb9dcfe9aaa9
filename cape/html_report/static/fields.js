// Truth and prediction, with sliders over the parameter values and over time; spectra follow the sliders.

function showFields(section, spectraSection, fields, spectra) {
  const decoded = new Map();
  const decodedExample = (number) => {
    if (!decoded.has(number)) {
      const { truth, error } = fields.examples[number];
      const parts = [decode(truth, fields.bits), decode(error, fields.bits)];
      const prediction = parts[0].map((values, c) => values.map((value, i) => value + parts[1][c][i]));
      decoded.set(number, { truth: parts[0], error: parts[1], prediction });
    }
    return decoded.get(number);
  };
  const last = fields.times.length - 1;
  const value = slider("Parameter values", { min: 0, max: fields.examples.length - 1, value: Math.floor(fields.examples.length / 4), onInput: draw });
  const time = slider("Time", { min: 0, max: last, value: Math.ceil(last / 2), onInput: () => { play.stop(); draw(); } });
  const channel = menu("Channel", fields.channels.map((name, i) => [i, name]), draw);
  const play = playButton(() => {
    time.value = time.value >= last ? 0 : time.value + 1;
    draw();
    return time.value === last ? 900 : 1800 / last + 40;
  });
  const badge = element("p", { class: "note", "aria-live": "polite" });
  const view = fields.shape.length === 1 ? lineView(fields) : planeView(fields);
  section.append(element("div", { class: "controls" }, channel.node, value.node, time.node, play.node), view.node, badge);
  if (fields.left_out) section.append(element("p", { class: "note" }, fields.left_out));
  const drawSpectra = spectra ? spectraView(spectraSection, fields, spectra) : () => {};

  function draw() {
    const example = fields.examples[value.value];
    const [c, t] = [Number(channel.value || 0), time.value];
    value.show(`${caption(example.parameters)} (${example.kind})`);
    time.show(`t = ${text(fields.times[t], 4)}`);
    const part = decodedExample(value.value);
    const now = { truth: part.truth[c], prediction: part.prediction[c], error: part.error[c] };
    if (example.half_width) Object.assign(now, { halfWidth: example.half_width[c][t], level: example.level });
    view.draw(now, t, `${fields.channels[c]}, ${caption(example.parameters)}, t = ${text(fields.times[t], 4)}`);
    const given = t < fields.given;
    badge.textContent = given ? "This frame is given to the surrogate." : `Root mean square error of this frame: ${text(rms(frameOf(now.error, t, fields)))}, of the truth: ${text(rms(frameOf(now.truth, t, fields)))}.`;
    drawSpectra(value.value, c, t);
  }
  draw();
}

const points = (fields) => fields.shape.reduce((a, b) => a * b, 1);
const frameOf = (values, t, fields) => values.subarray(t * points(fields), (t + 1) * points(fields));
const rms = (values) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);

// 1D: lines at one time, and images over space and time.
function lineView(fields) {
  const [count] = fields.shape;
  const [left, right] = fields.extent;
  const x = Array.from({ length: count }, (_, i) => left + ((i + 0.5) * (right - left)) / count);
  const panels = ["Truth", "Prediction", "Prediction − truth"].map(imagePanel);
  const box = element("figure");
  const node = element("div", {}, box, element("div", { class: "panels" }, ...panels.map((panel) => panel.node)));
  return {
    node,
    draw({ truth, prediction, error, halfWidth, level }, t, description) {
      const [low, high] = limits(truth);
      const room = 0.08 * (high - low) || 0.5;
      const lines = [["curve truth", truth], ["curve prediction", prediction]].map(([style, values]) => ({ style, points: x.map((at, i) => [at, values[t * count + i]]) }));
      const area = halfWidth ? x.map((at, i) => [at, prediction[t * count + i] - halfWidth, prediction[t * count + i] + halfWidth]).filter((point) => point.every(Number.isFinite)) : [];
      const plot = chart({ label: `Truth and prediction: ${description}`, x: { label: "x", scale: scale([left, right], false) }, y: { label: description.split(",")[0], scale: scale([low - room, high + room], false) }, area, lines, ...WIDE });
      const band = halfWidth === undefined ? [] : [{ label: `band for ${Math.round(100 * level)} % of the points`, area: true }];
      box.replaceChildren(plot, legend([{ label: "truth", style: "curve truth" }, { label: "prediction", style: "curve prediction" }, ...band]));
      const colours = colourScale(low, high);
      drawOverTime(panels[0], truth, count, fields.times.length, colours, t, description);
      drawOverTime(panels[1], prediction, count, fields.times.length, colours, t, description);
      drawOverTime(panels[2], error, count, fields.times.length, colourScale(...limits(error), true), t, description);
    },
  };
}

// Draw [time, x] with x across and time upwards; a line marks the current time.
function drawOverTime(panel, values, count, frames, colours, t, description) {
  const turned = new Float32Array(values.length);
  for (let frame = 0; frame < frames; frame++) for (let i = 0; i < count; i++) turned[i * frames + frame] = values[frame * count + i];
  panel.draw(turned, count, frames, colours, 0.62, `over space (across) and time (upwards), ${description}`);
  panel.mark((t + 0.5) / frames);
}

// 2D: images at one time.
function planeView(fields) {
  const [columns, rows] = fields.shape;
  const panels = ["Truth", "Prediction", "Prediction − truth"].map(imagePanel);
  const ratio = heightOverWidth(fields.extent);
  return {
    node: element("div", { class: "panels" }, ...panels.map((panel) => panel.node)),
    draw({ truth, prediction, error }, t, description) {
      const colours = colourScale(...limits(truth));
      const parts = [[truth, colours], [prediction, colours], [error, colourScale(...limits(error), true)]];
      parts.forEach(([values, of], i) => panels[i].draw(frameOf(values, t, fields), columns, rows, of, ratio, description));
    },
  };
}

function spectraView(section, fields, spectra) {
  const box = element("figure");
  section.append(box, legend([{ label: "truth", style: "curve truth" }, { label: "prediction", style: "curve prediction" }]));
  section.append(element("p", { class: "note" }, "Power in each shell of wave numbers, at the parameter values, channel and time of the sliders above."));
  section.hidden = false;
  const frames = fields.times.length;
  const decoded = spectra.examples.map(({ truth, prediction }) => [integers(truth, 16), integers(prediction, 16)]);
  return (number, channel, t) => {
    const start = (channel * frames + t) * spectra.waves;
    const lines = decoded[number].map((all, i) => ({
      style: ["curve truth", "curve prediction"][i],
      points: Array.from(all.subarray(start, start + spectra.waves), (n, k) => [k + 1, n === -(2 ** 15) ? null : 10 ** (n / 1000)]),
    }));
    const [low, high] = limits(positive(lines[0].points.map(([, y]) => y)), positive(lines[1].points.map(([, y]) => y)));
    box.replaceChildren(chart({
      label: `Power spectra of truth and prediction, ${fields.channels[channel]}, t = ${text(fields.times[t], 4)}`,
      x: { label: "waves per longest side of the domain", scale: scale([1, spectra.waves], true) },
      y: { label: `power of ${fields.channels[channel]}`, scale: scale([Math.max(low, 1e-9 * high) / 2, 3 * high], true) },
      lines,
      ...WIDE,
    }));
  };
}
