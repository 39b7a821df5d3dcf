// Where the map lies on the screen. d3-zoom turns mouse, wheel and fingers into its transform; keys and flights use it
// too.

const CLOSEST = 500; // times the whole map
const FLIGHT = 900; // milliseconds
const STEP = 160;

class Camera {
  /** `moved` is called whenever the view changes, and once more when a movement ends. */
  constructor(canvas, moved) {
    this.moving = false;
    this.transform = d3.zoomIdentity;
    this.zoom = d3.zoom().scaleExtent([0.7, CLOSEST]);
    this.zoom.on("start", () => (this.moving = true));
    this.zoom.on("zoom", ({ transform }) => moved((this.transform = transform)));
    this.zoom.on("end", () => moved((this.moving = false)));
    this.canvas = d3.select(canvas).call(this.zoom);
  }

  resize(width, height) {
    const side = 0.94 * Math.min(width, height);
    Object.assign(this, { width, height, side, left: (width - side) / 2, top: (height - side) / 2 });
    this.zoom.extent([[0, 0], [width, height]]);
    this.zoom.translateExtent([[-width / 2, -height / 2], [1.5 * width, 1.5 * height]]); // half a window beyond
  }

  /** CSS pixels that the whole map is long now. */
  get length() {
    return this.side * this.transform.k;
  }

  /** `{ a, bx, by }`: the place of (x, y) on the screen is (a * x + bx, a * y + by), in pixels of `scale`. */
  lens(scale = 1) {
    const { k, x, y } = this.transform;
    return { a: scale * this.length, bx: scale * (x + k * this.left), by: scale * (y + k * this.top) };
  }

  /** The place on the map, 0 to 1, under a place on the screen. */
  under(x, y) {
    const { a, bx, by } = this.lens();
    return [(x - bx) / a, (y - by) / a];
  }

  middle() {
    return this.under(this.width / 2, this.height / 2);
  }

  by(across, down) {
    this.#soon(STEP).call(this.zoom.translateBy, across / this.transform.k, down / this.transform.k);
  }

  closer(times) {
    this.#soon(STEP).call(this.zoom.scaleBy, times);
  }

  all() {
    this.#soon(FLIGHT / 2).call(this.zoom.transform, d3.zoomIdentity);
  }

  /** Flies until (x, y) is in the middle and the map `times` as large as the window, or closer where it is already. */
  fly(x, y, times = 0, duration = FLIGHT) {
    const k = Math.min(CLOSEST, Math.max(times, this.transform.k));
    const place = [this.left + this.side * x, this.top + this.side * y];
    const target = d3.zoomIdentity.translate(this.width / 2, this.height / 2).scale(k).translate(-place[0], -place[1]);
    this.#soon(duration).call(this.zoom.transform, target);
  }

  /** The canvas itself where the reader wants no motion, else a transition of so many milliseconds. */
  #soon(duration) {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    return calm ? this.canvas : this.canvas.transition().duration(duration);
  }
}
