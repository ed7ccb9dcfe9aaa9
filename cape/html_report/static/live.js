// The surrogate in the page: sliders of the parameters change the field at once.

const SLICE = 30; // milliseconds of computing before the page may react again

async function showLive(section, model) {
  const kernels = await loadKernels(model.kernels);
  const at = buildSurrogate(kernels, model);
  const size = model.grid[0] * model.grid[1];
  const starts = model.starts.map(({ values }) => {
    const all = float32(values);
    return model.channels.map((_, c) => all.subarray(c * size, (c + 1) * size));
  });
  const start = menu("Initial condition", starts.map((_, i) => [i, `${i + 1} of ${starts.length}`]), () => view.restart());
  const channel = menu("Channel", model.channels.map((name, i) => [i, name]), () => view.draw());
  const dials = model.parameters.map((name, i) => parameterDial(model, name, i, () => view.change()));
  const time = slider("Time", { min: 0, max: model.steps, value: Math.ceil(model.steps / 5), onInput: () => { play.stop(); view.draw(); } });
  const play = playButton(() => {
    time.value = time.value >= model.steps ? 0 : time.value + 1;
    view.draw();
    return 90;
  });
  const status = element("p", { class: "note status", role: "status" });
  const picture = model.grid[0] > 1 ? livePlane(model) : liveLine(model);
  const where = element("p", { class: "note" }, "Drag the parameters: the field is computed in this page, by the weights of the surrogate.");
  section.append(where, element("div", { class: "controls" }, ...dials.map((dial) => dial.node), time.node, start.node, channel.node, play.node), picture.node, status);

  const values = () => dials.map((dial) => dial.value);
  const view = rolloutView({
    initial: () => starts[Number(start.value || 0)],
    step: () => at(values()),
    target: () => time.value,
    show(frames, number, milliseconds) {
      time.show(`t = ${text(number * model.dt, 4)} (step ${number})`);
      const outside = dials.some((dial) => !dial.inside);
      picture.draw(frames, number, Number(channel.value || 0));
      const finite = frames[number].every((field) => field.every(Number.isFinite));
      const note = outside ? " Outside the trained range: the surrogate extrapolates." : "";
      status.textContent = `${milliseconds ? `${text(milliseconds, 2)} ms a step.` : ""}${finite ? note : " The rollout is not finite."}`;
    },
  });
  section.hidden = false;
  view.change();
  // for tests and for the curious: all frames after an initial condition, [step][channel][point]
  section.rollout = (number, parameters, steps) => {
    const step = at(parameters);
    const frames = [];
    for (let i = 0, u = starts[number]; i < steps; i++) frames.push((u = step(u)));
    return frames.map((frame) => frame.map((field) => Array.from(field)));
  };
}

// Return the slider of a parameter, logarithmic over a wide range. Its ends lie beyond the trained range.
function parameterDial(model, name, i, onInput) {
  const [low, high] = [model.low[i], model.high[i]];
  const log = low > 0 && high > 10 * low;
  const room = log ? 0.15 * Math.log(high / low) : 0.2 * (high - low || Math.abs(low) || 1);
  const [start, end] = log ? [Math.log(low) - room, Math.log(high) + room] : [Math.max(low - room, low >= 0 ? 0 : -Infinity), high + room];
  const valueOf = (place) => (log ? Math.exp(start + place * (end - start)) : start + place * (end - start));
  const dial = slider(name, { min: 0, max: 1, step: "any", value: 0.5, onInput: () => { label(); onInput(); } });
  const found = {
    node: dial.node,
    get value() { return valueOf(dial.value); },
    get inside() { return found.value >= low * (1 - 1e-9) && found.value <= high * (1 + 1e-9); },
  };
  function label() {
    dial.show(`${text(found.value)} (${found.inside ? "inside" : "outside"} ${text(low)} to ${text(high)})`);
  }
  label();
  return found;
}

// Compute frames as far as they are looked at, in slices of time, and show them. A change during a computation is taken
// up when the frame that is looked at has been reached, so that dragging shows fields all the time.
function rolloutView({ initial, step, target, show }) {
  let frames = [];
  let [advance, changed, running, spent, taken] = [null, true, false, 0, 0];
  function run() {
    const end = performance.now() + SLICE;
    if (changed) {
      [frames, advance, changed, spent, taken] = [[initial()], step(), false, 0, 0];
    }
    while (frames.length <= target() && performance.now() < end) {
      const before = performance.now();
      frames.push(advance(frames.at(-1)));
      spent += performance.now() - before;
      taken++;
    }
    const reached = frames.length > target();
    if (reached) show(frames, target(), taken ? spent / taken : 0);
    running = changed || !reached;
    if (running) setTimeout(run, 0);
  }
  const start = () => {
    if (running) return;
    running = true;
    setTimeout(run, 0);
  };
  const change = () => {
    changed = true;
    start();
  };
  return { change, restart: change, draw: start };
}

// 1D: the field now and its initial condition.
function liveLine(model) {
  const count = model.grid[1];
  const [left, right] = model.extent;
  const x = Array.from({ length: count }, (_, i) => left + ((i + 0.5) * (right - left)) / count);
  const box = element("figure");
  const node = element("div", {}, box, legend([{ label: "initial condition", style: "curve truth" }, { label: "surrogate", style: "curve prediction" }]));
  return {
    node,
    draw(frames, number, channel) {
      const [low, high] = limits(frames[0][channel]);
      const room = 0.1 * (high - low) || 0.5;
      const lines = [[frames[0], "curve truth"], [frames[number], "curve prediction"]].map(([frame, style]) => ({ style, points: x.map((place, i) => [place, frame[channel][i]]) }));
      box.replaceChildren(chart({ label: `${model.channels[channel]} of the surrogate`, x: { label: "x", scale: scale([left, right], false) }, y: { label: model.channels[channel], scale: scale([low - room, high + room], false) }, lines, ...WIDE }));
    },
  };
}

// 2D: the initial condition and the field now, with one scale of colours.
function livePlane(model) {
  const [columns, rows] = model.grid;
  const panels = ["Initial condition", "Surrogate"].map(imagePanel);
  const ratio = heightOverWidth(model.extent);
  return {
    node: element("div", { class: "panels live" }, ...panels.map((panel) => panel.node)),
    draw(frames, number, channel) {
      const colours = colourScale(...limits(frames[0][channel]));
      [frames[0], frames[number]].forEach((frame, i) => panels[i].draw(frame[channel], columns, rows, colours, ratio, `${model.channels[channel]}, step ${i ? number : 0}`));
    },
  };
}
