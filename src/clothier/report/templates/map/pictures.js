// Thumbnails, 2,048 to a sheet. A sheet is decoded when one of its pictures is first asked for, and kept as bytes.

class Pictures {
  /** `arrived` is called whenever a sheet has been decoded. */
  constructor({ height, width, columns, sheet }, sheets, arrived) {
    Object.assign(this, { height, width, columns, perSheet: sheet, sheets, arrived });
    this.stride = columns * width;
    this.decoded = new Array(sheets.length);
  }

  /** `{ grey, start, stride }`: pixels of `point`, 0 to 255, light on black; null while its sheet is on its way. */
  of(point) {
    const number = Math.floor(point / this.perSheet);
    const grey = (this.decoded[number] ??= this.#decode(number));
    if (grey instanceof Promise) return null;
    const cell = point % this.perSheet;
    const row = Math.floor(cell / this.columns);
    const start = row * this.height * this.stride + (cell % this.columns) * this.width;
    return { grey, start, stride: this.stride };
  }

  async #decode(number) {
    const file = new Blob([bytesOf(this.sheets[number])], { type: "image/webp" });
    const bitmap = await createImageBitmap(file);
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d", { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0);
    const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
    const grey = new Uint8Array(data.length / 4);
    for (let i = 0; i < grey.length; i++) grey[i] = data[4 * i];
    this.decoded[number] = grey;
    this.arrived();
  }
}
