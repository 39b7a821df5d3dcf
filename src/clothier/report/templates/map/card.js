// A card shows one point: thumbnail, label, split and index, and the model's prediction.

const nameOf = (point) => {
  const { split, index } = splitOf(points.index[point]);
  return `${page.splits[split][0]} ${index}`;
};

class Card {
  constructor(element, thumbnails) {
    this.element = element;
    this.thumbnails = thumbnails;
    this.point = -1;
    element.append(document.getElementById("details").content.cloneNode(true));
  }

  /** Shows `point`, or nothing for -1. */
  show(point) {
    this.element.hidden = point < 0;
    if (point === this.point) return;
    this.point = point;
    if (point < 0) return;
    this.#write(".name", page.classes[points.label[point]]);
    this.#write(".index", nameOf(point));
    this.#writePrediction(point);
    this.draw();
  }

  /** Draws the thumbnail in the theme's colors; blank until its sheet is decoded. */
  draw() {
    if (this.point < 0) return;
    const { height, width } = this.thumbnails;
    const canvas = Object.assign(this.element.querySelector("canvas"), { width, height });
    canvas.setAttribute("aria-label", `Image of ${nameOf(this.point)}`);
    const thumbnail = this.thumbnails.of(this.point);
    if (thumbnail === null) return;
    const [background, foreground] = [themeColor("background"), themeColor("text")];
    const pixels = new Uint32Array(width * height);
    for (let i = 0; i < pixels.length; i++) {
      const gray = thumbnail.gray[thumbnail.start + Math.floor(i / width) * thumbnail.stride + (i % width)];
      pixels[i] = blend(background, foreground, gray + (gray >> 7));
    }
    const image = new ImageData(new Uint8ClampedArray(pixels.buffer), width, height);
    canvas.getContext("2d").putImageData(image, 0, 0);
  }

  #writePrediction(point) {
    const line = this.element.querySelector(".prediction");
    line.hidden = points.prediction === null;
    if (line.hidden) return;
    const prediction = Object.assign(document.createElement("b"), { textContent: page.classes[points.prediction[point]] });
    line.classList.toggle("wrong", wrong(point));
    const verdict = `${points.percent[point]} %, ${wrong(point) ? "wrong" : "correct"}`;
    line.replaceChildren(`${page.model} predicts `, prediction, ` with ${verdict}`);
  }

  #write(selector, text) {
    this.element.querySelector(selector).textContent = text;
  }
}
