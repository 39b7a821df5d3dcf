"""Photographs every page of ``clothier serve`` for docs/serve.md: light, dark and on a phone. The photos are drawn.

python -m tools.make_page_screenshots [PAGE ...]     all pages by default; writes docs/images/page-PAGE-VIEW.png
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageFilter
from playwright.sync_api import sync_playwright

from benchmarks.server_process import running_server
from clothier import atomic
from clothier.store import open_store
from clothier.store.api_keys import create_key
from tools.draw_examples import draw_photo
from tools.make_screenshots import ARGUMENTS, IMAGES, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

WIDE = {"viewport": {"width": 1200, "height": 800}}
VIEWS: dict[str, dict[str, Any]] = {
    "light": {**WIDE, "color_scheme": "light"},
    "dark": {**WIDE, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True, "color_scheme": "light"},
}
SCALE = {"light": 0.7, "dark": 0.7, "phone": 0.75}  # of the image to the screen
PAGES = {
    "classify": "/",
    "catalogue": "/catalogue",
    "upload": "/upload",
    "review": "/review",
    "duplicates": "/duplicates",
    "quality": "/quality",
    "models": "/models",
    "study": "/study",
    "sign-in": "/sign-in",
}
COLORS = 64  # of the palette
LIMIT = 1_000_000  # bytes, all images together
CLASSES = ("Trouser", "Dress", "T-shirt/top", "Pullover", "Coat", "Sneaker", "Bag", "Ankle boot")
FABRICS = ((95, 120, 165), (40, 120, 90), (170, 45, 50), (50, 50, 58), (205, 180, 145))
FLOORS = ((205, 200, 190), (200, 170, 130), (215, 210, 200))
PHOTOS = 20
N_COPIES = 3  # smaller copies of the first photos, to be found as duplicates
N_REVIEWED = 6
BLUR = 1.5  # pixels: soft photos make small images


def main() -> None:
    """Writes the images, or fails when they are too large."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", nargs="*", choices=[*PAGES, []], help="of " + ", ".join(PAGES))
    names = parser.parse_args().page or list(PAGES)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        _write(_photograph_all(browser, Path(folder), names))
        browser.close()
    total = sum(one.stat().st_size for one in IMAGES.glob("page-*.png"))
    print(f"{total:,} bytes")
    if total > LIMIT:
        sys.exit(f"The images of pages take {total:,} bytes; at most {LIMIT:,} are accepted.")


def _write(images: Iterator[tuple[str, bytes]]) -> None:
    for name, content in images:
        atomic.write_bytes(IMAGES / f"page-{name}.png", content)
        print(f"{IMAGES / name}: {len(content):,} bytes", flush=True)


def _photograph_all(browser: Browser, folder: Path, names: list[str]) -> Iterator[tuple[str, bytes]]:
    with served_catalogue(folder) as address, _served_with_keys(folder) as closed:
        for name in names:
            for view in VIEWS:
                yield f"{name}-{view}", _photograph(browser, closed if name == "sign-in" else address, name, view)


@contextmanager
def served_catalogue(folder: Path) -> Iterator[str]:
    """The address of a server whose catalogue has photos, copies and reviews, and whose runs have reports."""
    _draw_photos(folder / "photos")
    for name in ("report.html", "map.html", "study.json"):
        run = folder / "runs" / "study-fast"
        run.mkdir(parents=True, exist_ok=True)
        (run / name).touch()
    store = ("--store", folder / "catalogue.db")
    _clothier("tag", folder / "photos", *store)
    options = (*store, "--photos", folder / "photos", "--runs", folder / "runs")
    with running_server(folder / "serve.log", *options) as server:
        address = f"http://127.0.0.1:{server.port}"
        _review_some(address)
        yield address


@contextmanager
def _served_with_keys(folder: Path) -> Iterator[str]:
    """The address of a server where people sign in."""
    with open_store(folder / "keys.db") as store:
        create_key(store, "anna", "review")
    options = ("--model", "fashion-cnn", "--store", folder / "keys.db", "--allow-host", "clothes.example")
    with running_server(folder / "keys.log", *options) as server:
        yield f"http://127.0.0.1:{server.port}"


def _draw_photos(folder: Path) -> None:
    folder.mkdir()
    for number in range(PHOTOS):
        name, fabric = CLASSES[number % len(CLASSES)], FABRICS[number % len(FABRICS)]
        photo = draw_photo(name, fabric, FLOORS[number % len(FLOORS)], number).filter(ImageFilter.GaussianBlur(BLUR))
        stem = f"{number + 1:03} {name.lower().replace('/', ' ')}"
        photo.save(folder / f"{stem}.jpg", quality=90)
        if number < N_COPIES:
            photo.resize((320, 400)).save(folder / f"{stem} small.jpg", quality=80)


def _review_some(address: str) -> None:
    """Accepts the most probable tags, and corrects one."""
    with urllib.request.urlopen(f"{address}/v1/items?order=certain&limit={N_REVIEWED}") as answer:  # noqa: S310
        items = json.load(answer)["items"]
    seen = [{"item_id": one["item_id"], "revision": one["revision"]} for one in items]
    actions = (
        {"action": "accept", "reviewer": "Anna", "items": seen[1:]},
        {"action": "correct", "reviewer": "Ben", "items": [{**seen[0], "class": "outwear"}]},
    )
    for action in actions:
        body, headers = json.dumps(action).encode(), {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{address}/v1/reviews", body, headers)  # noqa: S310 - this machine
        urllib.request.urlopen(request).close()  # noqa: S310


def _clothier(*words: object) -> None:
    subprocess.run([sys.executable, "-m", "clothier", *map(str, words)], check=True, capture_output=True)


def _photograph(browser: Browser, address: str, name: str, view: str) -> bytes:
    page = browser.new_page(**VIEWS[view])
    page.goto(address + PAGES[name], wait_until="networkidle")
    if name == "classify":
        _classify(page)
    elif name == "review":
        page.fill("#name", "Anna")
        page.click("text=Begin")
        page.wait_for_selector("#accuracy ul")
    page.evaluate("Promise.all([...document.images].map((one) => { one.loading = 'eager'; return one.decode(); }))")
    page.wait_for_timeout(500)  # milliseconds: what htmx brought fades in
    screenshot = page.screenshot()
    page.close()
    return _reduce(screenshot, SCALE[view])


def _classify(page: Page) -> None:
    page.set_input_files("#files", sorted((ROOT / "examples").glob("*.jpg"))[1:])
    page.wait_for_selector(".result img")
    page.evaluate("scrollTo(0, 0)")


def _reduce(screenshot: bytes, scale: float) -> bytes:
    """Smaller, with a palette that keeps colors of which there are few pixels, such as those of links."""
    image = Image.open(io.BytesIO(screenshot)).convert("RGB")
    small = image.resize((round(image.width * scale), round(image.height * scale)))
    reduced, png = small.quantize(COLORS, Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE), io.BytesIO()
    reduced.save(png, "PNG", optimize=True)
    return png.getvalue()


if __name__ == "__main__":
    main()
