// Connects the parts: the filter, the camera and the pointer change the state, and the next frame draws it.

const canvas = document.getElementById("canvas");
const stage = document.getElementById("stage");
const selectedElement = document.querySelector("#selected .card");

const MAX_SCALE = 2; // screen pixels per CSS pixel; more costs time and shows no more detail
const MAX_PIXELS = 6e6;
const SLOW_FRAME = 20; // milliseconds; above this a moving map is drawn in CSS pixels
const DOT = { min: 1.2, max: 5 }; // radius in CSS pixels
const TILE = { fraction: 0.75, min: 20, max: 84, count: 3000 }; // of the spacing; side in CSS pixels; most at once
const MARGIN = 16; // pixels; more than a dot's radius at the largest scale
const REACH = { mouse: 10, touch: 22 }; // CSS pixels
const ARRIVAL_SIZE = 3; // a search ends where thumbnails are this many times their smallest size

const grid = new Grid(points);
const raster = new Raster(canvas);
const thumbnails = new Thumbnails(page.thumbnail, page.sheets, () => {
  hoverCard.draw();
  selectedCard.draw();
  requestDraw();
});
const hoverCard = new Card(document.getElementById("hover"), thumbnails);
const selectedCard = new Card(selectedElement, thumbnails);
const camera = new Camera(canvas, clearHover);
const filter = new Filter(document.getElementById("legend"), requestDraw);

let drawRequested = false;
let slow = false;

/** Draws once with the next frame, however often it is called. */
function requestDraw() {
  if (drawRequested) return;
  drawRequested = true;
  requestAnimationFrame(() => {
    drawRequested = false;
    draw();
  });
}

function draw() {
  const started = performance.now();
  const scale = pixelScale();
  const projection = camera.projection(scale);
  raster.begin(camera.width, camera.height, scale, themeColor("background"), MARGIN);
  const side = tileSide();
  const tiles = side >= TILE.min ? inView(projection, scale * side) : [];
  if (tiles.length > 0 && tiles.length <= TILE.count) drawTiles(tiles, projection, scale * side);
  else raster.dots(points, filter.list, filter.colors, projection, scale * radius(), filter.byPrediction ? 0.7 : 0.8);
  raster.end();
  if (tiles.length === 0 || tiles.length > TILE.count) {
    drawLabels(raster.context, projection, scale, filter.showsClass);
  }
  drawMarks(projection, scale, side);
  if (camera.moving) slow ||= performance.now() - started > SLOW_FRAME;
}

function pixelScale() {
  if (camera.moving && slow) return 1;
  return Math.min(devicePixelRatio, MAX_SCALE, Math.sqrt(MAX_PIXELS / (camera.width * camera.height)));
}

const radius = () => Math.min(DOT.max, Math.max(DOT.min, 0.5 * grid.spacing * camera.length));
const tileSide = () => Math.min(TILE.max, TILE.fraction * grid.spacing * camera.length);

function inView({ a, bx, by }, reach) {
  return filter.list.filter((point) => {
    const [x, y] = [a * points.x[point] + bx, a * points.y[point] + by];
    return x > -reach && y > -reach && x < canvas.width + reach && y < canvas.height + reach;
  });
}

/** Thumbnails, and dots where they are not decoded yet; the selected and the hovered image come last. */
function drawTiles(list, { a, bx, by }, side) {
  const [foreground, background] = [themeColor("text"), themeColor("background")];
  const last = [selectedCard.point, hoverCard.point].filter((point) => list.includes(point));
  const missing = [];
  for (const point of [...list, ...last]) {
    const thumbnail = thumbnails.of(point);
    const at = { x: a * points.x[point] + bx, y: a * points.y[point] + by };
    if (thumbnail) raster.tile(thumbnail, thumbnails, at, side, foreground, background, filter.colors[point]);
    else missing.push(point);
  }
  raster.dots(points, missing, filter.colors, { a, bx, by }, DOT.max, 0.8);
}

/** A ring or a frame around the selected image and around the one under the pointer. */
function drawMarks({ a, bx, by }, scale, side) {
  const longest = Math.max(thumbnails.width, thumbnails.height);
  const [across, down] = [thumbnails.width, thumbnails.height].map((n) => scale * ((side * n) / longest + 8));
  const { context } = raster;
  context.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue("--text");
  context.lineWidth = 2 * scale;
  for (const point of new Set([selectedCard.point, hoverCard.point])) {
    if (point < 0) continue;
    const [x, y] = [a * points.x[point] + bx, a * points.y[point] + by];
    context.beginPath();
    if (side >= TILE.min) context.rect(x - across / 2, y - down / 2, across, down);
    else context.arc(x, y, scale * (radius() + 4), 0, 2 * Math.PI);
    context.stroke();
  }
}

function select(point) {
  selectedCard.show(point);
  document.querySelector(".hint").hidden = point >= 0;
  requestDraw();
}

function flyToPoint(point) {
  const minZoom = (ARRIVAL_SIZE * TILE.min) / (TILE.fraction * grid.spacing * camera.side);
  camera.flyTo(points.x[point], points.y[point], minZoom);
}

function pointAt({ offsetX, offsetY, pointerType }) {
  const reach = Math.max(pointerType === "touch" ? REACH.touch : REACH.mouse, 0.6 * tileSide());
  return grid.nearest(...camera.unproject(offsetX, offsetY), reach / camera.length, filter.accepts);
}

function hover(event) {
  const point = event.buttons || event.pointerType === "touch" ? -1 : pointAt(event);
  if (point !== hoverCard.point) requestDraw();
  hoverCard.show(point);
  if (point < 0) return;
  const { offsetWidth, offsetHeight } = hoverCard.element;
  const left = event.offsetX + 18 + offsetWidth < camera.width ? event.offsetX + 18 : event.offsetX - 18 - offsetWidth;
  const top = Math.max(8, Math.min(event.offsetY + 18, camera.height - offsetHeight - 8));
  hoverCard.element.style.transform = `translate(${Math.max(8, left)}px, ${top}px)`;
}

/** When the map moves or the pointer leaves. */
function clearHover() {
  hoverCard.show(-1);
  requestDraw();
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const KEYS = {
  "+": () => camera.zoomBy(1.5),
  "=": () => camera.zoomBy(1.5),
  "-": () => camera.zoomBy(1 / 1.5),
  0: () => camera.reset(),
  Enter: () => select(grid.nearest(...camera.center(), 2, filter.accepts)),
  Escape: () => select(-1),
};

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const arrow = ARROWS[event.key];
  if (arrow && event.shiftKey) step(...arrow);
  else if (arrow) camera.panBy(-80 * arrow[0], -80 * arrow[1]);
  else if (KEYS[event.key]) KEYS[event.key]();
  else return;
  event.preventDefault();
}

/** Selects the nearest image in a direction, within 45 degrees, and moves the view to it. */
function step(across, down) {
  const from = selectedCard.point;
  if (from < 0) return KEYS.Enter();
  let [next, shortest] = [-1, Infinity];
  for (const point of filter.list) {
    const [x, y] = [points.x[point] - points.x[from], points.y[point] - points.y[from]];
    const ahead = x * across + y * down;
    if (ahead > 0 && ahead >= Math.abs(x * down + y * across) && x * x + y * y < shortest) {
      shortest = x * x + y * y;
      next = point;
    }
  }
  if (next < 0) return;
  select(next);
  camera.flyTo(points.x[next], points.y[next], 0, STEP_DURATION);
}

function search(query) {
  const { point, error } = find(query);
  const hidden = point !== undefined && !filter.accepts(point);
  document.getElementById("found").textContent =
    error ?? (hidden ? `${nameOf(point)} is hidden by the filter; its position is marked.` : "");
  if (point === undefined) return;
  select(point);
  document.getElementById("selected").scrollIntoView({ block: "nearest" });
  flyToPoint(point);
}

/** `map.html#test-123` opens at that image. */
function openHash() {
  const query = new URLSearchParams(`query=${location.hash.slice(1)}`).get("query"); // decodes without throwing
  if (query) search(query);
}

canvas.addEventListener("pointermove", hover);
canvas.addEventListener("pointerdown", hover);
canvas.addEventListener("pointerleave", clearHover);
canvas.addEventListener("click", (event) => select(pointAt(event)));
canvas.addEventListener("keydown", key);
document.getElementById("zoom-in").addEventListener("click", () => camera.zoomBy(1.8));
document.getElementById("zoom-out").addEventListener("click", () => camera.zoomBy(1 / 1.8));
document.getElementById("reset").addEventListener("click", () => camera.reset());
document.getElementById("search").addEventListener("submit", (event) => {
  event.preventDefault();
  search(document.getElementById("query").value);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  filter.update();
  hoverCard.draw();
  selectedCard.draw();
  requestDraw();
});
matchMedia("print").addEventListener("change", () => {
  filter.update(); // paper has the light colors; no frame is drawn before the page is printed
  draw();
});
addEventListener("hashchange", openHash);
new ResizeObserver(() => {
  camera.resize(stage.clientWidth, stage.clientHeight);
  requestDraw();
}).observe(stage);
camera.resize(stage.clientWidth, stage.clientHeight);
openHash();
requestDraw();
