"""The map of 70,000 images in a real browser: pan, hover, search and filter, on a desktop and on a phone."""

from __future__ import annotations

import base64
import io
import re
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest
from PIL import Image, ImageColor

from clothier.data.sources import load_fashion_mnist
from clothier.exploration.pca import fit_pca
from clothier.report.map_page import MapContent, render_map
from clothier.report.style import DARK, LIGHT, class_color
from tests.e2e.accessibility import require_accessible

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, Locator, Page

    from clothier.data.dataset import Dataset

pytestmark = pytest.mark.slow

DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
CENTER = (472, 400)  # of the map on a desktop: the panel is 21 rem wide
ANIMATION = 1300  # milliseconds, longer than any animation of the page
MIN_FPS = 20  # frames per second on two busy cores; idle ones reach 60
WRONG = 23  # one prediction in 23 is wrong

# Records the time of every draw while the pointer drags the map along a loop, one step per frame.
PAN = """async () => {
  const drawn = [];
  const canvas = document.getElementById("canvas");
  const context = canvas.getContext("2d");
  context.putImageData = function (...words) {
    drawn.push(performance.now());
    return CanvasRenderingContext2D.prototype.putImageData.apply(this, words);
  };
  const send = (type, target, t) => target.dispatchEvent(new MouseEvent(type, {
    view: window, bubbles: true, cancelable: true, button: 0, buttons: 1,
    clientX: 470 + 150 * Math.sin(3 * t), clientY: 400 + 100 * Math.sin(2 * t),
  }));
  const start = performance.now();
  send("mousedown", canvas, 0);
  await new Promise((done) => {
    function frame() {
      const seconds = (performance.now() - start) / 1000;
      send("mousemove", window, seconds);
      if (seconds < 3) requestAnimationFrame(frame);
      else done();
    }
    requestAnimationFrame(frame);
  });
  send("mouseup", window, 3);
  delete context.putImageData;
  return drawn;
}"""


@pytest.fixture(scope="module")
def data() -> Dataset:
    return load_fashion_mnist()


@pytest.fixture(scope="module")
def file(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a map of two principal components, with predictions of which one in ``WRONG`` is wrong."""
    images = np.concatenate([data.train.images, data.test.images])
    labels = np.concatenate([data.train.labels, data.test.labels])
    positions = fit_pca(data.train.images[::6], 2).transform(images)
    predictions = np.where(np.arange(len(labels)) % WRONG == 0, (labels + 1) % 10, labels)
    splits = {"train": len(data.train), "test": len(data.test)}
    content = MapContent(
        "All images",
        positions,
        images,
        labels,
        data.classes,
        splits,
        np.eye(10)[predictions],
        "CNN",
        "Two principal components.",
    )
    path = tmp_path_factory.mktemp("map") / "map.html"
    path.write_text(render_map(content))
    return path


def opened(context: BrowserContext, address: str, messages: list[str]) -> Page:
    page = context.new_page()
    page.on("request", lambda request: messages.append(request.url))
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.goto(address)
    return page


@pytest.fixture
def page(browser: Browser, file: Path) -> Iterator[Page]:
    yield from watched(browser, file, "light")


@pytest.fixture(params=["light", "dark"])
def screen(browser: Browser, file: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    yield from watched(browser, file, request.param)


def watched(browser: Browser, file: Path, scheme: Literal["light", "dark"]) -> Iterator[Page]:
    """The page on a desktop; checks after the test that it made no request and logged no error."""
    messages: list[str] = []
    context = browser.new_context(color_scheme=scheme, viewport=DESK)
    yield opened(context, file.as_uri(), messages)
    assert messages == [file.as_uri()]
    context.close()


def search(page: Page, query: str) -> None:
    page.fill("#query", query)
    page.press("#query", "Enter")
    page.wait_for_timeout(ANIMATION)


def facts(card: Locator) -> list[str]:
    return card.inner_text().split("\n\n")


def chosen(page: Page) -> Locator:
    return page.locator("#selected .card")


def pixels(canvas: Locator) -> np.ndarray:
    """The pixels of a canvas: (H, W, 3) uint8."""
    address: str = canvas.evaluate("canvas => canvas.toDataURL('image/png')")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))).convert("RGB"))


def palette(page: Page) -> dict[str, np.ndarray]:
    """Role to (3,) color in the current mode."""
    roles = DARK if page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") else LIGHT
    return {role: np.array(ImageColor.getrgb(color)) for role, color in roles.items()}


def gray_levels(page: Page) -> np.ndarray:
    """The image on the card, converted back to 0 to 255."""
    colors = palette(page)
    red = pixels(chosen(page).locator("canvas"))[:, :, 0].astype(float)
    return 255 * (red - colors["background"][0]) / (colors["text"][0] - colors["background"][0])


def test_70000_images_fit_into_a_small_file(file: Path) -> None:
    assert file.stat().st_size < 15_000_000


def test_it_is_accessible(screen: Page) -> None:
    require_accessible(screen)


def test_class_names_are_drawn_on_their_islands(page: Page, data: Dataset) -> None:
    """Of the classes that are shown, and not over thumbnails."""
    page.evaluate(
        """() => {
            window.written = [];
            CanvasRenderingContext2D.prototype.fillText = (text) => window.written.push(text);
        }"""
    )
    page.locator("#legend").get_by_label("Bag").uncheck()
    page.wait_for_timeout(ANIMATION)
    assert set(page.evaluate("written")) == set(data.classes) - {"Bag"}
    search(page, "test 123")
    page.evaluate("written.length = 0")
    page.locator("#legend").get_by_label("Bag").check()
    page.wait_for_timeout(ANIMATION)
    assert page.evaluate("written") == []


@pytest.mark.parametrize("screen", ["dark"], indirect=True)
def test_on_paper_it_is_light_and_has_only_what_is_drawn(screen: Page) -> None:
    legend, canvas = screen.locator("#legend"), screen.locator("#canvas")
    legend.get_by_label("Bag").uncheck()
    screen.emulate_media(media="print")
    screen.wait_for_timeout(ANIMATION)
    assert pixels(canvas)[0, 0].tolist() == list(ImageColor.getrgb(LIGHT["background"]))
    assert canvas.evaluate("canvas => getComputedStyle(canvas).objectFit") == "contain"
    assert legend.get_by_text("Dress").is_visible()
    assert not legend.get_by_text("Bag").is_visible()
    assert not screen.locator("#search").is_visible()
    assert legend.locator("label i").first.evaluate("i => getComputedStyle(i).printColorAdjust") == "exact"


def test_swatches_keep_their_colors_where_colors_are_forced(page: Page, data: Dataset) -> None:
    page.emulate_media(forced_colors="active")
    swatches = page.locator("#legend .classes i").evaluate_all(
        "all => all.map((i) => getComputedStyle(i).backgroundColor)"
    )
    assert swatches == [f"rgb{ImageColor.getrgb(class_color(label))}" for label in range(len(data.classes))]
    assert page.locator("#error").is_hidden()


def test_a_searched_image_is_centered_and_moves_with_the_map(page: Page, data: Dataset) -> None:
    search(page, "test 123")
    label = data.classes[data.test.labels[123]]
    assert facts(chosen(page)) == [label, "test 123", f"CNN predicts {label} with 100 %, correct"]
    page.mouse.move(*CENTER)
    page.mouse.down()
    page.mouse.move(CENTER[0] + 120, CENTER[1] - 90, steps=5)
    page.mouse.up()
    page.mouse.move(5, 5)
    assert page.locator("#hover").inner_text() != chosen(page).inner_text()
    page.mouse.move(CENTER[0] + 120, CENTER[1] - 90)
    assert page.locator("#hover").inner_text() == chosen(page).inner_text()


def test_the_card_shows_the_image(screen: Page, data: Dataset) -> None:
    for index in (0, 4321, 9999):
        search(screen, f"test {index}")
        differences = data.test.images - gray_levels(screen)
        errors = np.sqrt((differences**2).mean(axis=(1, 2)))
        assert errors.argmin() == index
        assert errors[index] < 20  # gray levels of 255, lost in compression


def test_an_index_is_over_all_splits_or_within_one(page: Page, data: Dataset) -> None:
    for query, name in (
        ("60123", "test 123"),
        ("123", "train 123"),
        ("Test #123", "test 123"),
        ("tr 59,999", "train 59999"),
    ):
        search(page, query)
        assert facts(chosen(page))[1] == name


def test_an_invalid_query_shows_an_error(page: Page) -> None:
    for query, sentence in (
        ("boot", "“boot” is not an index. Type a number, such as test 9999."),
        ("test 10000", "There is no test 10,000: test has 0 to 9,999."),
        ("70000", "There is no index 70,000: index has 0 to 69,999."),
        ("photo 3", "There is no split “photo”. Splits: train, test."),
    ):
        search(page, query)
        assert page.inner_text("#found") == sentence
    assert not chosen(page).is_visible()


def test_color_by_prediction(screen: Page) -> None:
    wrong_color = palette(screen)["secondary"]

    def nearest() -> int:
        return int(np.abs(pixels(screen.locator("#canvas")).astype(int) - wrong_color).max(axis=2).min())

    screen.wait_for_timeout(200)
    by_class = nearest()
    screen.check("input[name=color][value=prediction]")
    screen.wait_for_timeout(200)
    assert nearest() < 8 < by_class
    screen.uncheck("input[name=prediction][value=correct]")
    assert screen.inner_text("#count") == f"{-(-70_000 // WRONG):,} of 70,000 shown"


def test_the_filter_selects_classes_and_splits(page: Page) -> None:
    page.click("#no-classes")
    page.wait_for_timeout(200)
    assert page.inner_text("#count") == "0 of 70,000 shown"
    assert len(np.unique(pixels(page.locator("#canvas")).reshape(-1, 3), axis=0)) == 1
    page.check("text=Trouser")
    assert page.inner_text("#count") == "7,000 of 70,000 shown"
    page.uncheck("input[name=split][value='0']")
    assert page.inner_text("#count") == "1,000 of 70,000 shown"
    search(page, "train 1")
    assert page.inner_text("#found") == "train 1 is hidden by the filter; its position is marked."
    page.mouse.move(CENTER[0] + 2, CENTER[1])
    assert "train" not in page.locator("#hover").inner_text()
    page.click("#all-classes")
    assert page.inner_text("#count") == "10,000 of 70,000 shown"


def test_the_keyboard(page: Page) -> None:
    page.focus("#canvas")
    page.keyboard.press("Enter")
    first = facts(chosen(page))[1]
    page.keyboard.press("Shift+ArrowRight")
    second = facts(chosen(page))[1]
    page.wait_for_timeout(ANIMATION)
    page.keyboard.press("Shift+ArrowLeft")
    assert re.fullmatch(r"(train|test) \d+", first)
    assert len({first, second, facts(chosen(page))[1]}) >= 2
    before = pixels(page.locator("#canvas"))
    for key in ("+", "+", "ArrowUp", "-", "ArrowLeft"):
        page.keyboard.press(key)
        page.wait_for_timeout(ANIMATION // 4)
        before, last = pixels(page.locator("#canvas")), before
        assert (before != last).any()
    page.keyboard.press("Escape")
    assert not chosen(page).is_visible()


def test_a_hash_opens_at_an_image(browser: Browser, file: Path) -> None:
    messages: list[str] = []
    context = browser.new_context(viewport=DESK, reduced_motion="reduce")
    linked = opened(context, f"{file.as_uri()}#train-45592", messages)
    assert facts(chosen(linked))[1] == "train 45592"
    linked.mouse.move(*CENTER)  # no animation with reduced motion
    assert linked.locator("#hover").inner_text() == chosen(linked).inner_text()
    assert messages == [file.as_uri()]
    context.close()


def test_tap_and_pinch_on_a_phone(browser: Browser, file: Path) -> None:
    messages: list[str] = []
    context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True, device_scale_factor=3)
    phone = opened(context, file.as_uri(), messages)
    assert phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    phone.touchscreen.tap(195, 240)
    assert facts(chosen(phone))[1].startswith(("train", "test"))
    assert chosen(phone).bounding_box()["y"] < PHONE["height"] - 100  # type: ignore[index]
    zoomed_out = edge_density(phone)
    devtools = context.new_cdp_session(phone)
    for kind, reach in (
        ("touchStart", 20),
        *(("touchMove", 20 + 12 * step) for step in range(1, 10)),
        ("touchEnd", None),
    ):
        fingers = [] if reach is None else [{"x": 195 - reach, "y": 240}, {"x": 195 + reach, "y": 240}]
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})
    phone.wait_for_timeout(ANIMATION)
    assert edge_density(phone) < 0.9 * zoomed_out
    assert phone.evaluate("visualViewport.scale") == 1  # the map was zoomed, not the page
    assert messages == [file.as_uri()]
    context.close()


def edge_density(page: Page) -> float:
    """Fraction of the map's pixels that differ from their neighbor; it falls when zooming in."""
    shown = pixels(page.locator("#canvas"))
    return float((shown[:, 1:] != shown[:, :-1]).any(axis=2).mean())


def test_an_old_browser_shows_an_error(browser: Browser, file: Path) -> None:
    context = browser.new_context(viewport=DESK)
    context.add_init_script("delete window.createImageBitmap")
    messages: list[str] = []
    old = opened(context, f"{file.as_uri()}#test-0", messages)
    old.wait_for_selector("#error:visible")
    assert re.fullmatch(
        r"The map cannot be drawn here: .*createImageBitmap.*\. Use a browser of 2023 or later\.",
        old.inner_text("#error"),
    )
    context.close()


def test_panning_is_smooth(browser: Browser, file: Path) -> None:
    context = browser.new_context(viewport=DESK)
    messages: list[str] = []
    moved = opened(context, file.as_uri(), messages)
    moved.wait_for_timeout(1000)
    drawn: Any = moved.evaluate(PAN)
    rates = 1000 / np.diff(drawn)
    median, slow = np.median(rates), np.percentile(rates, 5)
    print(f"panning 70,000 points: {median:.0f} frames a second, 5th percentile {slow:.0f}, n = {len(rates)} frames")  # noqa: T201
    assert median >= MIN_FPS
    assert len(drawn) >= 3 * MIN_FPS  # in three seconds, so that a pause counts
    assert messages == [file.as_uri()]
    context.close()
