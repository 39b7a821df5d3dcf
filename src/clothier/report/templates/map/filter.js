// Which points are drawn, and in which color, as set in the filter form.

const themeColor = (role) => parseColor(getComputedStyle(document.documentElement).getPropertyValue(`--${role}`).trim());

const CORRECT_OPACITY = 115; // of 256: correct predictions are pale, so that the few wrong ones stand out

class Filter {
  constructor(form, onChange) {
    this.form = form;
    this.colors = new Uint32Array(points.count);
    const changed = () => {
      this.update();
      onChange();
    };
    form.addEventListener("change", changed);
    for (const [id, checked] of [["all-classes", true], ["no-classes", false]]) {
      document.getElementById(id).addEventListener("click", () => {
        for (const box of this.#boxes("class")) box.checked = checked;
        changed();
      });
    }
    this.update();
  }

  /** Reads the form. `list`: the points to draw, the last on top; `colors`: one for every point. */
  update() {
    const checked = (name) => this.#boxes(name).map((box) => box.checked);
    const [classes, splits, predictions] = ["class", "split", "prediction"].map(checked);
    this.accepts = (point) =>
      classes[points.label[point]] && (splits[points.split[point]] ?? true) && (predictions[+wrong(point)] ?? true);
    this.showsClass = (label) => classes[label];
    this.byPrediction = this.form.elements.color?.value === "prediction";
    this.form.classList.toggle("by-prediction", this.byPrediction);
    this.#updateList();
    this.#updateColors();
    const [some, all] = [this.list.length, points.count].map((n) => n.toLocaleString("en"));
    document.getElementById("count").textContent = `${some} of ${all} shown`;
  }

  /** Check boxes of one fieldset; empty where the page has none. */
  #boxes(name) {
    return [...this.form.querySelectorAll(`input[type=checkbox][name=${name}]`)];
  }

  /** Wrong predictions come last, so that correct ones do not cover them. */
  #updateList() {
    const accepted = Uint32Array.from(points.index.keys()).filter(this.accepts);
    this.list = this.byPrediction
      ? Uint32Array.from([...accepted.filter((point) => !wrong(point)), ...accepted.filter(wrong)])
      : accepted;
  }

  #updateColors() {
    const categories = page.colors.map(parseColor);
    const [correctColor, wrongColor] = [blend(themeColor("background"), themeColor("primary"), CORRECT_OPACITY), themeColor("secondary")];
    for (let point = 0; point < points.count; point++) {
      const byClass = categories[points.label[point] % categories.length];
      this.colors[point] = this.byPrediction ? (wrong(point) ? wrongColor : correctColor) : byClass;
    }
  }
}
