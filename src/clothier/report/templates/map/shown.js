// Which points are drawn, and in which colour: what the legend says.

const inked = (role) => colourOf(getComputedStyle(document.documentElement).getPropertyValue(`--${role}`).trim());

const QUIET = 115; // of 256: what is right steps back, so that the few that are wrong are seen

class Shown {
  constructor(form, changed) {
    this.form = form;
    this.colours = new Uint32Array(points.count);
    const update = () => {
      this.read();
      changed();
    };
    form.addEventListener("change", update);
    for (const [id, checked] of [["every", true], ["none", false]]) {
      document.getElementById(id).addEventListener("click", () => {
        for (const box of this.#boxes("class")) box.checked = checked;
        update();
      });
    }
    this.read();
  }

  /** Takes the legend's word: `list` are the points to draw, the last on top; `colours` has one for each of all. */
  read() {
    const checked = (name) => this.#boxes(name).map((box) => box.checked);
    const [classes, parts, answers] = ["class", "part", "answer"].map(checked);
    this.accepts = (point) =>
      classes[points.label[point]] && (parts[points.part[point]] ?? true) && (answers[+wrong(point)] ?? true);
    this.byAnswer = this.form.elements.colour?.value === "answer";
    this.form.classList.toggle("by-answer", this.byAnswer);
    this.#list();
    this.#colour();
    const [some, all] = [this.list.length, points.count].map((n) => n.toLocaleString("en"));
    document.getElementById("count").textContent = `${some} of ${all} shown`;
  }

  /** Boxes of one fieldset; an empty list where the page has none. The radio buttons for colour are no boxes. */
  #boxes(name) {
    return [...this.form.querySelectorAll(`input[type=checkbox][name=${name}]`)];
  }

  /** What is wrong comes last, so that what is right does not cover it. */
  #list() {
    const accepted = Uint32Array.from(points.index.keys()).filter(this.accepts);
    this.list = this.byAnswer
      ? Uint32Array.from([...accepted.filter((point) => !wrong(point)), ...accepted.filter(wrong)])
      : accepted;
  }

  #colour() {
    const categories = page.categories.map(colourOf);
    const [right, mistaken] = [mixed(inked("paper"), inked("first"), QUIET), inked("second")];
    for (let point = 0; point < points.count; point++) {
      const byClass = categories[points.label[point] % categories.length];
      this.colours[point] = this.byAnswer ? (wrong(point) ? mistaken : right) : byClass;
    }
  }
}
