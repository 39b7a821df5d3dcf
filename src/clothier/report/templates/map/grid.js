// Nearest-point search: points are sorted into square cells, so that a query visits a few cells only.

class Grid {
  /** About four points per cell on average. */
  constructor({ x, y, count }) {
    this.x = x;
    this.y = y;
    this.side = Math.max(1, Math.floor(Math.sqrt(count) / 2));
    const cells = Int32Array.from(x, (_, i) => this.#cell(x[i]) + this.side * this.#cell(y[i]));
    this.#sort(cells, count);
    this.spacing = this.#spacing(count);
  }

  /** The nearest point within `reach` of (x, y) that `accepts`; -1 where there is none. All from 0 to 1. */
  nearest(x, y, reach, accepts) {
    let best = -1;
    let shortest = reach * reach;
    for (let row = this.#cell(y - reach); row <= this.#cell(y + reach); row++) {
      const first = this.starts[row * this.side + this.#cell(x - reach)];
      const end = this.starts[row * this.side + this.#cell(x + reach) + 1];
      for (let i = first; i < end; i++) {
        const point = this.sorted[i];
        const distance = (this.x[point] - x) ** 2 + (this.y[point] - y) ** 2;
        if (distance <= shortest && accepts(point)) {
          shortest = distance;
          best = point;
        }
      }
    }
    return best;
  }

  #cell(coordinate) {
    return Math.min(this.side - 1, Math.max(0, Math.floor(coordinate * this.side)));
  }

  #sort(cells, count) {
    this.starts = new Int32Array(this.side ** 2 + 1);
    for (const cell of cells) this.starts[cell + 1]++;
    for (let i = 0; i < this.side ** 2; i++) this.starts[i + 1] += this.starts[i];
    const next = this.starts.slice();
    this.sorted = new Int32Array(count);
    cells.forEach((cell, point) => (this.sorted[next[cell]++] = point));
  }

  /** Typical distance between neighbors: the side of one point's part of the non-empty cells. */
  #spacing(count) {
    let used = 0;
    for (let i = 0; i < this.side ** 2; i++) used += this.starts[i + 1] > this.starts[i];
    return Math.sqrt(used / count) / this.side;
  }
}
