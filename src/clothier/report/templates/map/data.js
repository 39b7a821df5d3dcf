// The page's data as Python packed them (report/map_data.py): points in the order in which they lie on the map.

const page = JSON.parse(document.getElementById("data").textContent);

function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

const numbers = (Type, base64) => new Type(bytesOf(base64).buffer);

/** Coordinates from 0 to 1, y downwards as screens count it. */
function placesOf(quantised) {
  const steps = 65535;
  const x = new Float32Array(quantised.length / 2);
  const y = new Float32Array(quantised.length / 2);
  for (let i = 0; i < x.length; i++) {
    x[i] = quantised[2 * i] / steps;
    y[i] = 1 - quantised[2 * i + 1] / steps;
  }
  return { x, y };
}

/** Part and place in it for an index over all parts, as in `train 0, train 1, ... test 0`. */
function partOf(index) {
  let part = 0;
  while (index >= page.parts[part][1]) index -= page.parts[part++][1];
  return { part, index };
}

const points = {
  ...placesOf(numbers(Uint16Array, page.positions)),
  index: numbers(Uint32Array, page.order),
  label: numbers(Uint16Array, page.labels),
  answer: page.answers && numbers(Uint16Array, page.answers),
};
points.count = points.index.length;
points.part = Uint8Array.from(points.index, (index) => partOf(index).part);

const wrong = (point) => points.answer !== null && points.answer[point] !== points.label[point];
