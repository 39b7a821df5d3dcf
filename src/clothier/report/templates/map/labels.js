// The name of each class where most of its images lie.

const DENSITY = { cells: 40, reach: 2 }; // of the grid that finds the place; cells each way that count with a cell
const LABEL = { size: 13, gap: 3 }; // CSS pixels: height of the text, least distance between two names

/** The middle of the densest part of each class that has images, in map coordinates. */
function densestPlaces() {
  const { cells } = DENSITY;
  const counts = page.classes.map(() => new Uint32Array(cells * cells));
  const cellOf = (coordinate) => Math.min(cells - 1, Math.floor(coordinate * cells));
  for (let point = 0; point < points.count; point++) {
    counts[points.label[point]][cellOf(points.y[point]) * cells + cellOf(points.x[point])]++;
  }
  return counts.flatMap((density, label) => {
    const [most, cell] = densest(density);
    return most > 0 ? [{ label, x: ((cell % cells) + 0.5) / cells, y: (Math.floor(cell / cells) + 0.5) / cells }] : [];
  });
}

/** `[images, cell]` of the cell that has most images around it. */
function densest(density) {
  const { cells, reach } = DENSITY;
  let best = [0, 0];
  for (let cell = 0; cell < density.length; cell++) {
    if (density[cell] === 0) continue;
    let sum = 0;
    for (let row = -reach; row <= reach; row++) {
      for (let column = -reach; column <= reach; column++) {
        const [x, y] = [(cell % cells) + column, Math.floor(cell / cells) + row];
        if (x >= 0 && y >= 0 && x < cells && y < cells) sum += density[y * cells + x];
      }
    }
    if (sum > best[0]) best = [sum, cell];
  }
  return best;
}

const labelPlaces = densestPlaces();

/** Writes the names of the classes for which `isShown`; a name that would cover another moves down. */
function drawLabels(context, { a, bx, by }, scale, isShown) {
  const style = getComputedStyle(document.documentElement);
  context.font = `640 ${LABEL.size * scale}px ${style.getPropertyValue("--sans")}`;
  Object.assign(context, { textAlign: "center", textBaseline: "middle", lineJoin: "round", lineWidth: 4 * scale });
  context.strokeStyle = style.getPropertyValue("--background");
  context.fillStyle = style.getPropertyValue("--text");
  const drawn = [];
  for (const place of labelPlaces.filter(({ label }) => isShown(label)).sort((one, other) => one.y - other.y)) {
    const text = page.classes[place.label];
    const [half, height] = [context.measureText(text).width / 2, (LABEL.size + LABEL.gap) * scale];
    const x = a * place.x + bx;
    let y = a * place.y + by;
    for (const other of drawn) {
      if (Math.abs(other.x - x) < other.half + half && Math.abs(other.y - y) < height) y = other.y + height;
    }
    drawn.push({ x, y, half });
    context.strokeText(text, x, y);
    context.fillText(text, x, y);
  }
}
