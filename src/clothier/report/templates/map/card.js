// A card says what a point is: its picture, its label, which it is, and what the model answered.

const nameOf = (point) => {
  const { part, index } = partOf(points.index[point]);
  return `${page.parts[part][0]} ${index}`;
};

class Card {
  constructor(element, pictures) {
    this.element = element;
    this.pictures = pictures;
    this.point = -1;
    element.append(document.getElementById("facts").content.cloneNode(true));
  }

  /** Shows `point`, or nothing for -1. */
  show(point) {
    this.element.hidden = point < 0;
    if (point === this.point) return;
    this.point = point;
    if (point < 0) return;
    this.#write(".name", page.classes[points.label[point]]);
    this.#write(".where", nameOf(point));
    this.#answer(point);
    this.draw();
  }

  /** Draws the picture in today's colours; blank while its sheet is on its way. */
  draw() {
    if (this.point < 0) return;
    const { height, width } = this.pictures;
    const canvas = Object.assign(this.element.querySelector("canvas"), { width, height });
    canvas.setAttribute("aria-label", `Picture of ${nameOf(this.point)}`);
    const picture = this.pictures.of(this.point);
    if (picture === null) return;
    const [paper, ink] = [inked("paper"), inked("ink")];
    const pixels = new Uint32Array(width * height);
    for (let i = 0; i < pixels.length; i++) {
      const grey = picture.grey[picture.start + Math.floor(i / width) * picture.stride + (i % width)];
      pixels[i] = mixed(paper, ink, grey + (grey >> 7));
    }
    const image = new ImageData(new Uint8ClampedArray(pixels.buffer), width, height);
    canvas.getContext("2d").putImageData(image, 0, 0);
  }

  #answer(point) {
    const place = this.element.querySelector(".answer");
    place.hidden = points.answer === null;
    if (place.hidden) return;
    const answer = Object.assign(document.createElement("b"), { textContent: page.classes[points.answer[point]] });
    place.classList.toggle("no", wrong(point));
    place.replaceChildren(`${page.model} says `, answer, wrong(point) ? ", wrong" : ", right");
  }

  #write(selector, text) {
    this.element.querySelector(selector).textContent = text;
  }
}
