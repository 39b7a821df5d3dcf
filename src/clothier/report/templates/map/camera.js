// The position and scale of the map on the screen. d3-zoom handles mouse, wheel and touch; keys and animations use its
// transform too.

const MAX_ZOOM = 500; // times the whole map
const FLY_DURATION = 900; // milliseconds
const STEP_DURATION = 160;

class Camera {
  /** `onMove` is called whenever the view changes, and once more when a movement ends. */
  constructor(canvas, onMove) {
    this.moving = false;
    this.transform = d3.zoomIdentity;
    this.zoom = d3.zoom().scaleExtent([0.7, MAX_ZOOM]);
    this.zoom.on("start", () => (this.moving = true));
    this.zoom.on("zoom", ({ transform }) => onMove((this.transform = transform)));
    this.zoom.on("end", () => onMove((this.moving = false)));
    this.canvas = d3.select(canvas).call(this.zoom);
  }

  resize(width, height) {
    const side = 0.94 * Math.min(width, height);
    Object.assign(this, { width, height, side, left: (width - side) / 2, top: (height - side) / 2 });
    this.zoom.extent([[0, 0], [width, height]]);
    this.zoom.translateExtent([[-width / 2, -height / 2], [1.5 * width, 1.5 * height]]); // half a window on each side
  }

  /** Side length of the whole map in CSS pixels. */
  get length() {
    return this.side * this.transform.k;
  }

  /** `{ a, bx, by }`: map coordinates (x, y) are at (a * x + bx, a * y + by) on the screen, in pixels of `scale`. */
  projection(scale = 1) {
    const { k, x, y } = this.transform;
    return { a: scale * this.length, bx: scale * (x + k * this.left), by: scale * (y + k * this.top) };
  }

  /** Map coordinates, 0 to 1, of a position on the screen. */
  unproject(x, y) {
    const { a, bx, by } = this.projection();
    return [(x - bx) / a, (y - by) / a];
  }

  center() {
    return this.unproject(this.width / 2, this.height / 2);
  }

  panBy(across, down) {
    this.#animate(STEP_DURATION).call(this.zoom.translateBy, across / this.transform.k, down / this.transform.k);
  }

  zoomBy(factor) {
    this.#animate(STEP_DURATION).call(this.zoom.scaleBy, factor);
  }

  reset() {
    this.#animate(FLY_DURATION / 2).call(this.zoom.transform, d3.zoomIdentity);
  }

  /** Animates until (x, y) is in the center at zoom `minZoom` or more. */
  flyTo(x, y, minZoom = 0, duration = FLY_DURATION) {
    const k = Math.min(MAX_ZOOM, Math.max(minZoom, this.transform.k));
    const position = [this.left + this.side * x, this.top + this.side * y];
    const target = d3.zoomIdentity.translate(this.width / 2, this.height / 2).scale(k).translate(-position[0], -position[1]);
    this.#animate(duration).call(this.zoom.transform, target);
  }

  /** A transition of `duration` milliseconds, or the canvas itself where the reader prefers reduced motion. */
  #animate(duration) {
    const reduced = matchMedia("(prefers-reduced-motion: reduce)").matches;
    return reduced ? this.canvas : this.canvas.transition().duration(duration);
  }
}
