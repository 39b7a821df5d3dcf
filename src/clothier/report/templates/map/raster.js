// Draws dots and thumbnails into a pixel buffer: 70,000 dots take a few milliseconds on a CPU, with or without a GPU.
// A color is a number 0xBBGGRR, the byte order of ImageData; alpha is 0 to 256.

const PHASES = 4; // dots are placed to a quarter of a pixel, so that a slow pan does not jitter

const parseColor = (css) => {
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(css.slice(i, i + 2), 16));
  return r | (g << 8) | (b << 16);
};

class Raster {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
  }

  /** Starts a frame of `width` x `height` CSS pixels at `scale`, with a margin for dots at the edge. */
  begin(width, height, scale, background, margin) {
    const [across, down] = [Math.round(width * scale), Math.round(height * scale)];
    if (this.canvas.width !== across || this.canvas.height !== down || this.margin !== margin) {
      Object.assign(this.canvas, { width: across, height: down });
      this.margin = margin;
      this.width = across + 2 * margin;
      this.height = down + 2 * margin;
      this.image = this.context.createImageData(this.width, this.height);
      this.pixels = new Uint32Array(this.image.data.buffer);
    }
    this.pixels.fill(0xff000000 | background);
  }

  end() {
    this.context.putImageData(this.image, -this.margin, -this.margin);
  }

  /** Round dots at pixels (ax * x + bx, ax * y + by) for each point of `list`, in its color. */
  dots({ x, y }, list, colors, { a, bx, by }, radius, opacity) {
    const dotMasks = this.#dotMasks(radius, opacity);
    const reach = Math.ceil(radius) + 1;
    const { width, height, margin, pixels } = this;
    for (let n = 0; n < list.length; n++) {
      const point = list[n];
      const px = a * x[point] + bx + margin;
      const py = a * y[point] + by + margin;
      if (!(px >= reach && py >= reach && px < width - reach && py < height - reach)) continue;
      const column = px | 0;
      const row = py | 0;
      const phase = (((py - row) * PHASES) | 0) * PHASES + (((px - column) * PHASES) | 0);
      blendDot(pixels, row * width + column, dotMasks[phase], colors[point]);
    }
  }

  /** A thumbnail, its longer edge `side` pixels, with a border in the color of its point; `at` is its center. */
  tile(thumbnail, { height, width }, at, side, foreground, background, borderColor) {
    const border = Math.max(1, Math.round(side / 24));
    const across = Math.round((side * width) / Math.max(width, height));
    const down = Math.round((side * height) / Math.max(width, height));
    const left = Math.round(at.x + this.margin - across / 2);
    const top = Math.round(at.y + this.margin - down / 2);
    this.#box(left - border, top - border, across + 2 * border, down + 2 * border, borderColor);
    for (let row = Math.max(0, -top); row < Math.min(down, this.height - top); row++) {
      const source = thumbnail.start + Math.floor((row * height) / down) * thumbnail.stride;
      for (let column = Math.max(0, -left); column < Math.min(across, this.width - left); column++) {
        const gray = thumbnail.gray[source + Math.floor((column * width) / across)];
        this.pixels[(top + row) * this.width + left + column] = blend(background, foreground, gray + (gray >> 7));
      }
    }
  }

  /** Offsets and alphas of a dot's pixels, for each sub-pixel position of its center. */
  #dotMasks(radius, opacity) {
    const reach = Math.ceil(radius + 0.5);
    return Array.from({ length: PHASES * PHASES }, (_, phase) => {
      const center = { x: ((phase % PHASES) + 0.5) / PHASES, y: (Math.floor(phase / PHASES) + 0.5) / PHASES };
      const offsets = [];
      const alphas = [];
      for (let row = -reach; row <= reach; row++) {
        for (let column = -reach; column <= reach; column++) {
          const distance = Math.hypot(column + 0.5 - center.x, row + 0.5 - center.y);
          const alpha = Math.round(256 * opacity * Math.min(1, Math.max(0, radius + 0.5 - distance)));
          if (alpha > 0) {
            offsets.push(row * this.width + column);
            alphas.push(alpha);
          }
        }
      }
      return { offsets: Int32Array.from(offsets), alphas: Int32Array.from(alphas) };
    });
  }

  #box(left, top, width, height, color) {
    const [from, to] = [Math.max(0, left), Math.min(this.width, left + width)];
    if (from >= to) return;
    for (let row = Math.max(0, top); row < Math.min(this.height, top + height); row++) {
      this.pixels.fill(0xff000000 | color, row * this.width + from, row * this.width + to);
    }
  }
}

/** `alpha` 0 to 256 of `over`, the rest of `under`: red and blue in one multiplication, green in another. */
function blend(under, over, alpha) {
  const rest = 256 - alpha;
  const redBlue = (Math.imul(under & 0xff00ff, rest) + Math.imul(over & 0xff00ff, alpha)) >>> 8;
  const green = (Math.imul(under & 0x00ff00, rest) + Math.imul(over & 0x00ff00, alpha)) >>> 8;
  return 0xff000000 | (redBlue & 0xff00ff) | (green & 0x00ff00);
}

function blendDot(pixels, center, { offsets, alphas }, color) {
  for (let i = 0; i < offsets.length; i++) {
    const at = center + offsets[i];
    pixels[at] = blend(pixels[at], color, alphas[i]);
  }
}
