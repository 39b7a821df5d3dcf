"""Photographs the report and the map of a study for the README: docs/images/report.png and map.png.

python -m tools.make_screenshots [RUN]     RUN is a folder of `clothier study`; runs/study-fast by default
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from playwright.sync_api import sync_playwright

from clothier import atomic

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).parent.parent
IMAGES = ROOT / "docs" / "images"
COLORS = 128  # of the palette: enough for both pages, and a quarter of the bytes
LIMIT = 300_000  # bytes, both images together
ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def main() -> None:
    """Writes both images, or fails when they are too large."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", nargs="?", type=Path, default=Path("runs/study-fast"))
    run = parser.parse_args().run
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1200, "height": 840}, color_scheme="light")
        images = {
            "report.png": _photograph(page, run / "report.html"),
            "map.png": _photograph(page, run / "map.html"),
        }
        browser.close()
    if sum(map(len, images.values())) > LIMIT:
        sys.exit(f"The images take {sum(map(len, images.values())):,} bytes; at most {LIMIT:,} are accepted.")
    for name, content in images.items():
        atomic.write_bytes(IMAGES / name, content)
        print(f"{IMAGES / name}: {len(content):,} bytes")


def _photograph(page: Page, file: Path) -> bytes:
    """The first screen of a page."""
    page.goto(file.resolve().as_uri())
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(1500)  # milliseconds: the map draws its points in several frames
    return reduce_colors(page.screenshot())


def reduce_colors(screenshot: bytes) -> bytes:
    """A PNG with a small palette."""
    shot = Image.open(io.BytesIO(screenshot))
    reduced = io.BytesIO()
    shot.convert("RGB").quantize(COLORS, dither=Image.Dither.NONE).save(reduced, "PNG", optimize=True)
    return reduced.getvalue()


if __name__ == "__main__":
    main()
