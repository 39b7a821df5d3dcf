// Brings the parts together: the legend, the camera and the pointer change what is shown, and a frame draws it.

const canvas = document.getElementById("canvas");
const stage = document.getElementById("stage");
const chosenPlace = document.querySelector("#chosen .card");

const SHARPEST = 2; // pixels of the screen to a CSS pixel; finer dots cost time and show nothing more
const MOST_PIXELS = 6e6;
const SLOW = 20; // milliseconds for a frame, above which a moving map is drawn in CSS pixels
const DOT = { smallest: 1.2, largest: 5 }; // CSS pixels of radius
const TILE = { share: 0.75, smallest: 20, largest: 84, most: 3000 }; // of the spacing; CSS pixels of a side; at once
const MARGIN = 16; // pixels; more than a dot's radius at its sharpest
const REACH = { mouse: 10, touch: 22 }; // CSS pixels
const ARRIVE = 3; // a flight ends where thumbnails are so many times their smallest size

const grid = new Grid(points);
const raster = new Raster(canvas);
const pictures = new Pictures(page.picture, page.sheets, () => {
  hoverCard.draw();
  chosenCard.draw();
  soon();
});
const hoverCard = new Card(document.getElementById("hover"), pictures);
const chosenCard = new Card(chosenPlace, pictures);
const camera = new Camera(canvas, letGo);
const shown = new Shown(document.getElementById("legend"), soon);

let waiting = false;
let slow = false;

/** Draws with the next frame, once, however often it is asked. */
function soon() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    draw();
  });
}

function draw() {
  const started = performance.now();
  const scale = sharpness();
  const lens = camera.lens(scale);
  raster.begin(camera.width, camera.height, scale, inked("paper"), MARGIN);
  const side = tileSide();
  const tiles = side >= TILE.smallest ? inView(lens, scale * side) : [];
  if (tiles.length > 0 && tiles.length <= TILE.most) drawTiles(tiles, lens, scale * side);
  else raster.dots(points, shown.list, shown.colours, lens, scale * radius(), shown.byAnswer ? 0.7 : 0.8);
  raster.end();
  marks(lens, scale, side);
  if (camera.moving) slow ||= performance.now() - started > SLOW;
}

function sharpness() {
  if (camera.moving && slow) return 1;
  return Math.min(devicePixelRatio, SHARPEST, Math.sqrt(MOST_PIXELS / (camera.width * camera.height)));
}

const radius = () => Math.min(DOT.largest, Math.max(DOT.smallest, 0.5 * grid.spacing * camera.length));
const tileSide = () => Math.min(TILE.largest, TILE.share * grid.spacing * camera.length);

function inView({ a, bx, by }, reach) {
  return shown.list.filter((point) => {
    const [x, y] = [a * points.x[point] + bx, a * points.y[point] + by];
    return x > -reach && y > -reach && x < canvas.width + reach && y < canvas.height + reach;
  });
}

/** Thumbnails, and dots in the place of those on their way; the chosen one and the one pointed at come last. */
function drawTiles(list, { a, bx, by }, side) {
  const [ink, card] = [inked("ink"), inked("paper")];
  const last = [chosenCard.point, hoverCard.point].filter((point) => list.includes(point));
  const missing = [];
  for (const point of [...list, ...last]) {
    const picture = pictures.of(point);
    const at = { x: a * points.x[point] + bx, y: a * points.y[point] + by };
    if (picture) raster.tile(picture, pictures, at, side, ink, card, shown.colours[point]);
    else missing.push(point);
  }
  raster.dots(points, missing, shown.colours, { a, bx, by }, DOT.largest, 0.8);
}

/** A ring or a frame in ink around the chosen picture and around the one under the pointer. */
function marks({ a, bx, by }, scale, side) {
  const longest = Math.max(pictures.width, pictures.height);
  const [across, down] = [pictures.width, pictures.height].map((n) => scale * ((side * n) / longest + 8));
  const { context } = raster;
  context.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue("--ink");
  context.lineWidth = 2 * scale;
  for (const point of new Set([chosenCard.point, hoverCard.point])) {
    if (point < 0) continue;
    const [x, y] = [a * points.x[point] + bx, a * points.y[point] + by];
    context.beginPath();
    if (side >= TILE.smallest) context.rect(x - across / 2, y - down / 2, across, down);
    else context.arc(x, y, scale * (radius() + 4), 0, 2 * Math.PI);
    context.stroke();
  }
}

function choose(point) {
  chosenCard.show(point);
  document.querySelector(".hint").hidden = point >= 0;
  soon();
}

function flyTo(point) {
  const times = (ARRIVE * TILE.smallest) / (TILE.share * grid.spacing * camera.side);
  camera.fly(points.x[point], points.y[point], times);
}

function pointAt({ offsetX, offsetY, pointerType }) {
  const reach = Math.max(pointerType === "touch" ? REACH.touch : REACH.mouse, 0.6 * tileSide());
  return grid.nearest(...camera.under(offsetX, offsetY), reach / camera.length, shown.accepts);
}

function hover(event) {
  const point = event.buttons || event.pointerType === "touch" ? -1 : pointAt(event);
  if (point !== hoverCard.point) soon();
  hoverCard.show(point);
  if (point < 0) return;
  const { offsetWidth, offsetHeight } = hoverCard.element;
  const left = event.offsetX + 18 + offsetWidth < camera.width ? event.offsetX + 18 : event.offsetX - 18 - offsetWidth;
  const top = Math.max(8, Math.min(event.offsetY + 18, camera.height - offsetHeight - 8));
  hoverCard.element.style.transform = `translate(${Math.max(8, left)}px, ${top}px)`;
}

/** The map moves or the pointer leaves: nothing is pointed at. */
function letGo() {
  hoverCard.show(-1);
  soon();
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const KEYS = {
  "+": () => camera.closer(1.5),
  "=": () => camera.closer(1.5),
  "-": () => camera.closer(1 / 1.5),
  0: () => camera.all(),
  Enter: () => choose(grid.nearest(...camera.middle(), 2, shown.accepts)),
  Escape: () => choose(-1),
};

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const arrow = ARROWS[event.key];
  if (arrow && event.shiftKey) step(...arrow);
  else if (arrow) camera.by(-80 * arrow[0], -80 * arrow[1]);
  else if (KEYS[event.key]) KEYS[event.key]();
  else return;
  event.preventDefault();
}

/** Chooses the nearest picture to the given side of the chosen one, within 45 degrees, and takes the view along. */
function step(across, down) {
  const from = chosenCard.point;
  if (from < 0) return KEYS.Enter();
  let [next, shortest] = [-1, Infinity];
  for (const point of shown.list) {
    const [x, y] = [points.x[point] - points.x[from], points.y[point] - points.y[from]];
    const ahead = x * across + y * down;
    if (ahead > 0 && ahead >= Math.abs(x * down + y * across) && x * x + y * y < shortest) {
      shortest = x * x + y * y;
      next = point;
    }
  }
  if (next < 0) return;
  choose(next);
  camera.fly(points.x[next], points.y[next], 0, STEP);
}

function search(query) {
  const { point, trouble } = find(query);
  const hidden = point !== undefined && !shown.accepts(point);
  document.getElementById("found").textContent =
    trouble ?? (hidden ? `${nameOf(point)} is switched off in the legend; its place is marked.` : "");
  if (point === undefined) return;
  choose(point);
  document.getElementById("chosen").scrollIntoView({ block: "nearest" });
  flyTo(point);
}

/** `map.html#test-123` opens at that picture. */
function followAddress() {
  const query = new URLSearchParams(`query=${location.hash.slice(1)}`).get("query"); // decodes, and never throws
  if (query) search(query);
}

canvas.addEventListener("pointermove", hover);
canvas.addEventListener("pointerdown", hover);
canvas.addEventListener("pointerleave", letGo);
canvas.addEventListener("click", (event) => choose(pointAt(event)));
canvas.addEventListener("keydown", key);
document.getElementById("closer").addEventListener("click", () => camera.closer(1.8));
document.getElementById("farther").addEventListener("click", () => camera.closer(1 / 1.8));
document.getElementById("all").addEventListener("click", () => camera.all());
document.getElementById("search").addEventListener("submit", (event) => {
  event.preventDefault();
  search(document.getElementById("query").value);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  shown.read();
  hoverCard.draw();
  chosenCard.draw();
  soon();
});
addEventListener("hashchange", followAddress);
new ResizeObserver(() => {
  camera.resize(stage.clientWidth, stage.clientHeight);
  soon();
}).observe(stage);
camera.resize(stage.clientWidth, stage.clientHeight);
followAddress();
soon();
