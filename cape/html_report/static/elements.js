// Elements of the page. Text from the run is always inserted as text, never as HTML.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

const element = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
const shape = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

let controls = 0;

// Return a labelled slider: {node, input, show(text), value}. `onInput` gets the number.
function slider(label, { min, max, step = 1, value, onInput }) {
  const id = `control-${++controls}`;
  const output = element("output", { for: id });
  const input = element("input", { type: "range", id, min, max, step });
  input.value = value;
  input.addEventListener("input", () => onInput(Number(input.value)));
  const node = element("div", { class: "control wide" }, element("label", { for: id }, label, output), input);
  return {
    node,
    input,
    show(text) {
      output.textContent = text;
      input.setAttribute("aria-valuetext", text);
    },
    get value() {
      return Number(input.value);
    },
    set value(number) {
      input.value = number;
    },
  };
}

// Return a labelled menu, or a node that shows nothing if there is one option only.
function menu(label, options, onChange) {
  const id = `control-${++controls}`;
  const select = element("select", { id }, ...options.map(([value, text]) => element("option", { value }, text)));
  select.addEventListener("change", () => onChange(select.value));
  const node = element("div", { class: "control" }, element("label", { for: id }, label), select);
  node.hidden = options.length < 2;
  if (node.hidden) node.style.display = "none";
  return { node, select, get value() { return select.value; } };
}

// Return a button that starts and stops an animation; `advance` returns the milliseconds to the next frame.
function playButton(advance) {
  const button = element("button", { type: "button" }, "▶ Play");
  let timer = null;
  function stop() {
    clearTimeout(timer);
    timer = null;
    button.textContent = "▶ Play";
  }
  function tick() {
    timer = setTimeout(tick, advance());
  }
  button.addEventListener("click", () => {
    if (timer !== null) return stop();
    button.textContent = "❚❚ Pause";
    tick();
  });
  return { node: element("div", { class: "control" }, button), stop };
}
