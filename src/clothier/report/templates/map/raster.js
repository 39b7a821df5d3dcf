// Draws dots and thumbnails into pixels of our own. A processor does 70,000 dots in some milliseconds, with or without
// a graphics card. A colour is a number 0xBBGGRR, as the bytes lie in an ImageData; alpha is 0 to 256.

const PHASES = 4; // a dot is drawn a quarter of a pixel exactly, so that a slow pan does not shiver

const colourOf = (css) => {
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(css.slice(i, i + 2), 16));
  return r | (g << 8) | (b << 16);
};

class Raster {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
  }

  /** Starts a picture of `width` x `height` CSS pixels at `scale`, with a margin that dots may hang into. */
  begin(width, height, scale, paper, margin) {
    const [across, down] = [Math.round(width * scale), Math.round(height * scale)];
    if (this.canvas.width !== across || this.canvas.height !== down || this.margin !== margin) {
      Object.assign(this.canvas, { width: across, height: down });
      this.margin = margin;
      this.width = across + 2 * margin;
      this.height = down + 2 * margin;
      this.image = this.context.createImageData(this.width, this.height);
      this.pixels = new Uint32Array(this.image.data.buffer);
    }
    this.pixels.fill(0xff000000 | paper);
  }

  end() {
    this.context.putImageData(this.image, -this.margin, -this.margin);
  }

  /** Round dots at pixels (ax * x + bx, ax * y + by) for each point of `list`, in its colour. */
  dots({ x, y }, list, colours, { a, bx, by }, radius, opacity) {
    const stamps = this.#stamps(radius, opacity);
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
      stamp(pixels, row * width + column, stamps[phase], colours[point]);
    }
  }

  /** A thumbnail `side` pixels long in the ink, on a card with a rim in its colour; `at` is its middle. */
  tile(picture, { height, width }, at, side, ink, card, rim) {
    const rimmed = Math.max(1, Math.round(side / 24));
    const across = Math.round((side * width) / Math.max(width, height));
    const down = Math.round((side * height) / Math.max(width, height));
    const left = Math.round(at.x + this.margin - across / 2);
    const top = Math.round(at.y + this.margin - down / 2);
    this.#box(left - rimmed, top - rimmed, across + 2 * rimmed, down + 2 * rimmed, rim);
    for (let row = Math.max(0, -top); row < Math.min(down, this.height - top); row++) {
      const source = picture.start + Math.floor((row * height) / down) * picture.stride;
      for (let column = Math.max(0, -left); column < Math.min(across, this.width - left); column++) {
        const grey = picture.grey[source + Math.floor((column * width) / across)];
        this.pixels[(top + row) * this.width + left + column] = mixed(card, ink, grey + (grey >> 7));
      }
    }
  }

  /** Offsets and alphas of a dot's pixels, for each phase of its middle. */
  #stamps(radius, opacity) {
    const reach = Math.ceil(radius + 0.5);
    return Array.from({ length: PHASES * PHASES }, (_, phase) => {
      const middle = { x: ((phase % PHASES) + 0.5) / PHASES, y: (Math.floor(phase / PHASES) + 0.5) / PHASES };
      const offsets = [];
      const alphas = [];
      for (let row = -reach; row <= reach; row++) {
        for (let column = -reach; column <= reach; column++) {
          const distance = Math.hypot(column + 0.5 - middle.x, row + 0.5 - middle.y);
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

  #box(left, top, width, height, colour) {
    const [from, to] = [Math.max(0, left), Math.min(this.width, left + width)];
    if (from >= to) return;
    for (let row = Math.max(0, top); row < Math.min(this.height, top + height); row++) {
      this.pixels.fill(0xff000000 | colour, row * this.width + from, row * this.width + to);
    }
  }
}

/** `share` 0 to 256 of `over`, the rest of `under`: red and blue in one multiplication, green in another. */
function mixed(under, over, share) {
  const rest = 256 - share;
  const redBlue = (Math.imul(under & 0xff00ff, rest) + Math.imul(over & 0xff00ff, share)) >>> 8;
  const green = (Math.imul(under & 0x00ff00, rest) + Math.imul(over & 0x00ff00, share)) >>> 8;
  return 0xff000000 | (redBlue & 0xff00ff) | (green & 0x00ff00);
}

function stamp(pixels, middle, { offsets, alphas }, colour) {
  for (let i = 0; i < offsets.length; i++) {
    const at = middle + offsets[i];
    pixels[at] = mixed(pixels[at], colour, alphas[i]);
  }
}
