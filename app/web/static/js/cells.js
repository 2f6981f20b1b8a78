// Places to tap, on the picture of a menu: a press shows the form of one; where places are free, a
// drag draws a new one, moves one, or changes its size. The fields say the same in numbers.
const STEP = 10; // px of the picture
const LEAST = 150;

const svgOf = (target) => target.closest?.("svg[data-page]");
const snap = (value) => Math.round(value / STEP) * STEP;
const within = (value, low, high) => Math.min(Math.max(value, low), high);

function pointOn(svg, event) {
  const point = new DOMPoint(event.clientX, event.clientY);
  const { x, y } = point.matrixTransform(svg.getScreenCTM().inverse());
  return { x, y };
}

function fields(form, svg, cell) {
  const at = `p${svg.dataset.page}-c${cell}`;
  return ["x", "y", "width", "height"].map((place) => form.elements[`${at}-${place}`]);
}

function show(group, [x, y, width, height]) {
  const [box, grip] = group.querySelectorAll("rect");
  for (const [name, value] of Object.entries({ x, y, width, height })) box.setAttribute(name, value);
  grip?.setAttribute("x", x + width - 110);
  grip?.setAttribute("y", y + height - 110);
  const mark = group.querySelector("circle");
  mark?.setAttribute("cx", x + 90);
  mark?.setAttribute("cy", y + 90);
  const number = group.querySelector("text");
  number?.setAttribute("x", x + 90);
  number?.setAttribute("y", y + 114);
}

function begin(form, event) {
  const svg = svgOf(event.target);
  const group = event.target.closest?.("g[data-cell]");
  if (!svg || event.button !== 0) return;
  if (!("free" in svg.dataset)) {
    if (group) choose(form, svg, group);
    return;
  }
  event.preventDefault();
  const from = pointOn(svg, event);
  const { width: wide, height: high } = svg.viewBox.baseVal;
  const top = Number(svg.dataset.top);
  const was = group ? fields(form, svg, group.dataset.cell).map((field) => Number(field.value)) : null;
  const isGrip = event.target.classList.contains("grip");
  const shape = group ?? svg.appendChild(newShape());
  let place = was;
  form.dataset.held = ""; // a drawing that arrives now would pull the picture from under the hand

  function move(now) {
    const to = pointOn(svg, now);
    if (!was) {
      const x = within(snap(Math.min(from.x, to.x)), 0, wide);
      const y = within(snap(Math.min(from.y, to.y)), top, high);
      const right = within(snap(Math.max(from.x, to.x)), 0, wide);
      const bottom = within(snap(Math.max(from.y, to.y)), top, high);
      place = [x, y, right - x, bottom - y];
    } else if (isGrip) {
      const [x, y, width, height] = was;
      place = [
        x,
        y,
        within(snap(width + to.x - from.x), LEAST, wide - x),
        within(snap(height + to.y - from.y), LEAST, high - y),
      ];
    } else {
      const [x, y, width, height] = was;
      place = [
        within(snap(x + to.x - from.x), 0, Math.max(wide - width, 0)),
        within(snap(y + to.y - from.y), top, Math.max(high - height, top)),
        width,
        height,
      ];
    }
    show(shape, place);
  }

  function end() {
    removeEventListener("pointermove", move);
    removeEventListener("pointerup", end);
    removeEventListener("pointercancel", end);
    delete form.dataset.held;
    if (!was) {
      shape.remove();
      if (!place || place[2] < LEAST || place[3] < LEAST) return;
      const drawn = svg.parentElement.querySelector("[data-drawn-place]");
      drawn.value = `cell:${svg.dataset.page}:${place.join(":")}`;
      drawn.dispatchEvent(new Event("change", { bubbles: true }));
      return;
    }
    if (place.join() === was.join()) {
      choose(form, svg, group);
      return;
    }
    const inputs = fields(form, svg, group.dataset.cell);
    for (const [index, input] of inputs.entries()) input.value = place[index];
    inputs[0].dispatchEvent(new Event("change", { bubbles: true }));
  }

  addEventListener("pointermove", move);
  addEventListener("pointerup", end);
  addEventListener("pointercancel", end);
}

function newShape() {
  const group = document.createElementNS("http://www.w3.org/2000/svg", "g");
  group.setAttribute("class", "place");
  group.append(document.createElementNS("http://www.w3.org/2000/svg", "rect"));
  return group;
}

function choose(form, svg, group) {
  const field = form.elements[`p${svg.dataset.page}-c${group.dataset.cell}-kind`];
  field?.focus({ preventScroll: true });
  field?.scrollIntoView({ block: "nearest" });
}

for (const form of document.querySelectorAll("[data-cells]")) {
  form.addEventListener("pointerdown", (event) => begin(form, event));
}
