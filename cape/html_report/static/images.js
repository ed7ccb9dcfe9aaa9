// Fields as images. The first axis of a field is horizontal, the second one is vertical and points upwards.

// Draw values [columns, rows] (the row is the fast index) on a canvas of one pixel for each value.
function paint(canvas, values, columns, rows, { low, high, table }) {
  if (canvas.width !== columns || canvas.height !== rows) {
    canvas.width = columns;
    canvas.height = rows;
  }
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  const factor = 255 / (high - low);
  for (let column = 0; column < columns; column++) {
    for (let row = 0; row < rows; row++) {
      const value = values[column * rows + row];
      const level = Math.min(255, Math.max(0, Math.round((value - low) * factor)));
      const colour = value === value ? table[level] : NOT_FINITE;
      const place = 4 * ((rows - 1 - row) * columns + column);
      image.data[place] = colour[0];
      image.data[place + 1] = colour[1];
      image.data[place + 2] = colour[2];
      image.data[place + 3] = 255;
    }
  }
  context.putImageData(image, 0, 0);
}

// Return a titled image with its colour bar: {node, draw(...), mark(height)}, a line across it.
function imagePanel(title) {
  const canvas = element("canvas", { class: "field", role: "img" });
  const now = element("div", { class: "now", "aria-hidden": "true" });
  const bar = element("canvas", { width: 256, height: 1, "aria-hidden": "true" });
  const [low, high] = [element("span"), element("span")];
  const node = element("figure", {}, element("h3", {}, title), element("div", { class: "frame" }, canvas, now), element("div", { class: "bar" }, low, bar, high));
  return {
    node,
    mark(height) {
      now.style.display = "block";
      now.style.bottom = `${100 * height}%`;
    },
    draw(values, columns, rows, colours, ratio, description) {
      paint(canvas, values, columns, rows, colours);
      canvas.style.aspectRatio = `${1 / ratio}`;
      canvas.setAttribute("aria-label", `${title}: ${description}`);
      paint(bar, Float32Array.from({ length: 256 }, (_, i) => i), 256, 1, { low: 0, high: 255, table: colours.table });
      low.textContent = text(colours.low);
      high.textContent = text(colours.high);
    },
  };
}

// Height over width of a box, limited so that thin boxes can be seen.
const heightOverWidth = ([left, right, bottom, top]) => Math.min(2, Math.max(0.4, (top - bottom) / (right - left)));
