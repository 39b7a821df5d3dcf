// Thumbnails, 2,048 per sprite sheet. A sheet is decoded when one of its thumbnails is first requested, and cached.

class Thumbnails {
  /** `onDecode` is called whenever a sheet has been decoded. */
  constructor({ height, width, columns, sprites_per_sheet }, sheets, onDecode) {
    Object.assign(this, { height, width, columns, perSheet: sprites_per_sheet, sheets, onDecode });
    this.stride = columns * width;
    this.decoded = new Array(sheets.length);
  }

  /** `{ gray, start, stride }`: pixels of `point`, 0 to 255, light on black; null until its sheet is decoded. */
  of(point) {
    const number = Math.floor(point / this.perSheet);
    const gray = (this.decoded[number] ??= this.#decode(number));
    if (gray instanceof Promise) return null;
    const cell = point % this.perSheet;
    const row = Math.floor(cell / this.columns);
    const start = row * this.height * this.stride + (cell % this.columns) * this.width;
    return { gray, start, stride: this.stride };
  }

  async #decode(number) {
    const file = new Blob([bytesOf(this.sheets[number])], { type: "image/webp" });
    const bitmap = await createImageBitmap(file);
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d", { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0);
    const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
    const gray = new Uint8Array(data.length / 4);
    for (let i = 0; i < gray.length; i++) gray[i] = data[4 * i];
    this.decoded[number] = gray;
    this.onDecode();
  }
}
