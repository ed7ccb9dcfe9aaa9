// Line charts as SVG: they follow the colours of the page and stay sharp.

const WIDTH = 520;
const WIDE = innerWidth < 720 ? {} : { width: 1040, height: 260 }; // of a chart across the page
const HEIGHT = 300;
const EDGES = { left: 62, right: 14, top: 12, bottom: 44 };

// Draw a chart; `lines` are {points: [[x, y], ...], style, marker, label}, an `area` is [[x, low, high], ...]. `x` and `y`
// are {label, scale}.
function chart({ label, x, y, bands = [], marks = [], area = [], lines, width = WIDTH, height = HEIGHT }) {
  const across = (value) => EDGES.left + x.scale.at(value) * (width - EDGES.left - EDGES.right);
  const up = (value) => height - EDGES.bottom - y.scale.at(value) * (height - EDGES.top - EDGES.bottom);
  const bottom = height - EDGES.bottom;
  const root = shape("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  const clip = `clip-${++controls}`;
  const inside = shape("g", { "clip-path": `url(#${clip})` });
  root.append(
    shape("clipPath", { id: clip }, shape("rect", { x: EDGES.left - 6, y: EDGES.top - 6, width: width - EDGES.left - EDGES.right + 12, height: bottom - EDGES.top + 12 })),
  );
  for (const [low, high, name] of bands) {
    const [start, end] = [Math.max(across(low), EDGES.left), Math.min(across(high), width - EDGES.right)];
    root.append(shape("rect", { class: "band", x: start, y: EDGES.top, width: Math.max(end - start, 2), height: bottom - EDGES.top }, shape("title", {}, name)));
  }
  drawAxes(root, x, y, across, up, bottom, width);
  for (const value of marks) root.append(shape("line", { class: "tick", x1: across(value), x2: across(value), y1: bottom, y2: bottom - 7 }));
  if (area.length) inside.append(shape("path", { class: "area", d: outline(area, across, up) }));
  for (const line of lines) drawLine(inside, line, across, up);
  root.append(inside);
  return root;
}

// Return the path around an area: along its lower edge and back along its upper edge.
function outline(area, across, up) {
  const edge = (points) => points.map(([x, y]) => `${across(x).toFixed(1)} ${up(y).toFixed(1)}`).join("L");
  return `M${edge(area.map(([x, low]) => [x, low]))}L${edge(area.map(([x, , high]) => [x, high]).reverse())}Z`;
}

function drawAxes(root, x, y, across, up, bottom, width) {
  for (const value of y.scale.ticks) {
    root.append(
      shape("line", { class: "gridline", x1: EDGES.left, x2: width - EDGES.right, y1: up(value), y2: up(value) }),
      shape("text", { x: EDGES.left - 8, y: up(value) + 4, "text-anchor": "end" }, text(value)),
    );
  }
  for (const value of x.scale.ticks) root.append(shape("text", { x: across(value), y: bottom + 17, "text-anchor": "middle" }, text(value)));
  const middle = (EDGES.top + bottom) / 2;
  root.append(
    shape("path", { class: "axis", d: `M${EDGES.left} ${EDGES.top}V${bottom}H${width - EDGES.right}` }),
    shape("text", { x: (EDGES.left + width - EDGES.right) / 2, y: bottom + 38, "text-anchor": "middle" }, x.label),
    shape("text", { x: 14, y: middle, "text-anchor": "middle", transform: `rotate(-90 14 ${middle})` }, y.label),
  );
}

function drawLine(group, { points, style, marker, titles = [] }, across, up) {
  const parts = [];
  let started = false;
  points.forEach(([x, y]) => {
    const shown = y !== null && Number.isFinite(up(y));
    if (shown) parts.push(`${started ? "L" : "M"}${across(x).toFixed(1)} ${up(y).toFixed(1)}`);
    started = shown;
  });
  if (style) group.append(shape("path", { class: style, d: parts.join("") }));
  if (!marker) return;
  points.forEach(([x, y], i) => {
    const lost = y === null || !Number.isFinite(up(y));
    const place = `translate(${across(x).toFixed(1)} ${(lost ? EDGES.top : up(y)).toFixed(1)})`;
    const node = symbol(lost ? "lost" : marker, marker);
    node.setAttribute("transform", place);
    if (titles[i]) node.append(shape("title", {}, titles[i]));
    group.append(node);
  });
}

const PATHS = {
  seen: "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0",
  interpolated: "M-4.2-4.2h8.4v8.4h-8.4z",
  extrapolated: "M0-5.4L5 4H-5z",
  lost: "M-5-3.5L-3.5-5L0-1.5L3.5-5L5-3.5L1.5 0L5 3.5L3.5 5L0 1.5L-3.5 5L-5 3.5L-1.5 0z",
};
const symbol = (form, kind) => shape("path", { class: `marker ${kind}`, d: PATHS[form] });

// Return a legend; entries are {label, style} for lines and {label, marker} for symbols.
function legend(entries) {
  const items = entries.map(({ label, style, marker, band, area }) => {
    const sample = shape("svg", { viewBox: "0 0 26 12", "aria-hidden": "true" });
    if (band) sample.append(shape("rect", { class: "band", x: 2, y: 1, width: 22, height: 10 }));
    if (area) sample.append(shape("rect", { class: "area", x: 2, y: 1, width: 22, height: 10 }));
    if (style) sample.append(shape("path", { class: style, d: "M1 6H25" }));
    if (marker) {
      const node = symbol(marker, marker);
      node.setAttribute("transform", "translate(13 6)");
      sample.append(node);
    }
    return element("span", {}, sample, label);
  });
  return element("div", { class: "legend" }, ...items);
}
