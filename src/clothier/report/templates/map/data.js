// The page's data as packed by report/map_data.py: points in the order of a Z-shaped curve over the map.

const page = JSON.parse(document.getElementById("data").textContent);

function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

const decodeArray = (Type, base64) => new Type(bytesOf(base64).buffer);

/** Coordinates from 0 to 1, y downward as on a screen. */
function coordinatesOf(quantized) {
  const steps = 65535;
  const x = new Float32Array(quantized.length / 2);
  const y = new Float32Array(quantized.length / 2);
  for (let i = 0; i < x.length; i++) {
    x[i] = quantized[2 * i] / steps;
    y[i] = 1 - quantized[2 * i + 1] / steps;
  }
  return { x, y };
}

/** Split, and index in it, for an index over all splits: `train 0, train 1, ... test 0`. */
function splitOf(index) {
  let split = 0;
  while (index >= page.splits[split][1]) index -= page.splits[split++][1];
  return { split, index };
}

const points = {
  ...coordinatesOf(decodeArray(Uint16Array, page.positions)),
  index: decodeArray(Uint32Array, page.order),
  label: decodeArray(Uint16Array, page.labels),
  prediction: page.predictions && decodeArray(Uint16Array, page.predictions),
  percent: page.probabilities && decodeArray(Uint8Array, page.probabilities), // of the prediction
};
points.count = points.index.length;
points.split = Uint8Array.from(points.index, (index) => splitOf(index).split);

const wrong = (point) => points.prediction !== null && points.prediction[point] !== points.label[point];
