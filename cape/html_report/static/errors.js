// The errors over the parameters and over time.

const KINDS = ["seen", "interpolated", "extrapolated"];
const caption = (parameters) => Object.entries(parameters).map(([name, value]) => `${name} = ${text(value, 4)}`).join(", ");
const positive = (values) => values.filter((value) => value !== null && value > 0);

function showErrors(section, data) {
  const names = data.parameters.filter((name) => new Set(data.rows.map((row) => row.parameters[name])).size > 1);
  const parameter = menu("Parameter", (names.length ? names : data.parameters.slice(0, 1)).map((name) => [name, name]), draw);
  const metric = menu("Error", Object.keys(data.metrics).map((name) => [name, name]), draw);
  const [charts, note] = [element("div", { class: "row" }), element("p", { class: "note" })];
  section.append(element("div", { class: "controls" }, parameter.node, metric.node), charts, note);
  function draw() {
    const parts = [overParameter(data, parameter.value, metric.value), overTime(data, metric.value)];
    charts.replaceChildren(...parts.filter((part) => part !== null));
    note.textContent = `${metric.value}: ${data.metrics[metric.value]}`;
  }
  draw();
}

function overParameter(data, name, metric) {
  if (name === undefined || name === "") return null;
  const trained = data.trained[name];
  const values = [...data.rows.map((row) => row.parameters[name]), ...trained.values];
  const wide = isWide(values);
  const [low, high] = limits(values);
  const room = wide ? [low / 1.15, high * 1.15] : [low - 0.04 * (high - low), high + 0.04 * (high - low)];
  const persistence = data.rows.map((row) => [row.parameters[name], row.persistence[metric] ?? null]);
  const lines = linesAlong(data.rows, name).map((rows) => ({
    points: rows.map((row) => [row.parameters[name], row.errors[metric]]), style: "curve",
  }));
  const marked = KINDS.map((kind) => {
    const rows = data.rows.filter((row) => row.kind === kind);
    const titles = rows.map((row) => `${caption(row.parameters)} (${kind}): ${metric} ${text(row.errors[metric])}, ${row.samples} trajectories`);
    return { points: rows.map((row) => [row.parameters[name], row.errors[metric]]), marker: kind, titles };
  }).filter(({ points }) => points.length);
  const single = lines.length === 1 && persistence.every(([, y]) => y !== null);
  const shown = single ? [{ points: persistence, style: "curve still" }, ...lines] : lines;
  const errors = [...shown, ...marked].flatMap(({ points }) => points.map(([, y]) => y));
  const node = chart({
    label: `${metric} over ${name}`,
    x: { label: name, scale: scale(room, wide) },
    y: { label: metric, scale: errorScale(errors) },
    bands: [[trained.low, trained.high, "trained range"]],
    marks: trained.values,
    lines: [...shown, ...marked],
  });
  const entries = [{ label: "trained range, values marked", band: true }];
  if (single) entries.push({ label: "persistence", style: "curve still" });
  entries.push(...marked.map(({ marker }) => ({ label: marker, marker })));
  return element("figure", {}, element("h3", {}, `${metric} at each value of ${name}`), node, legend(entries));
}

// Group the rows that differ in this parameter only.
function linesAlong(rows, name) {
  const groups = new Map();
  for (const row of [...rows].sort((a, b) => a.parameters[name] - b.parameters[name])) {
    const key = JSON.stringify(Object.entries(row.parameters).filter(([other]) => other !== name));
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()];
}

function overTime(data, metric) {
  const rows = data.rows.filter((row) => row.over_time[metric]);
  if (!rows.length || data.times.length < 2) return null;
  const lines = rows.map((row) => ({ points: data.times.map((t, i) => [t, row.over_time[metric][i]]), style: `curve ${row.kind}` }));
  const node = chart({
    label: `${metric} over time, one line for each parameter value`,
    x: { label: "time", scale: scale(limits(data.times), false) },
    y: { label: metric, scale: errorScale(lines.flatMap(({ points }) => points.map(([, y]) => y))) },
    lines,
  });
  const kinds = KINDS.filter((kind) => rows.some((row) => row.kind === kind));
  return element("figure", {}, element("h3", {}, `${metric} over time, one line for each value`), node, legend(kinds.map((kind) => ({ label: kind, style: `curve ${kind}` }))));
}

function errorScale(values) {
  const found = positive(values);
  if (!found.length) return scale([0, 1], false);
  const [low, high] = limits(found);
  const log = high > 5 * low;
  return log ? scale([low / 1.3, high * 1.3], true) : scale([0, 1.1 * high], false);
}
