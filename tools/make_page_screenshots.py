"""Photographs the page of ``clothier serve`` for docs/serve.md: docs/images/page-*.png. The photos are the examples.

python -m tools.make_page_screenshots
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from playwright.sync_api import ViewportSize, sync_playwright

from clothier import atomic
from tools.make_screenshots import ARGUMENTS, IMAGES, LIMIT, ROOT, reduce_colors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

WIDE: ViewportSize = {"width": 1200, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
SHOTS: dict[str, tuple[str, Literal["light", "dark"], ViewportSize]] = {
    "classify": ("/", "light", WIDE),
    "review": ("/review", "dark", WIDE),
    "catalogue": ("/catalogue", "light", WIDE),
    "phone": ("/", "dark", PHONE),
}
"""Name of the image to address, color scheme and window."""


def main() -> None:
    """Writes the images, or fails when they are too large."""
    with tempfile.TemporaryDirectory() as folder, _served(Path(folder)) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        images = {f"page-{name}.png": _photograph(browser, address, name) for name in SHOTS}
        browser.close()
    if sum(map(len, images.values())) > LIMIT:
        sys.exit(f"The images take {sum(map(len, images.values())):,} bytes; at most {LIMIT:,} are accepted.")
    for name, content in images.items():
        atomic.write_bytes(IMAGES / name, content)
        print(f"{IMAGES / name}: {len(content):,} bytes")


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """The address of a server whose catalogue has the examples."""
    clothier = [sys.executable, "-m", "clothier"]
    store = ["--store", str(folder / "catalogue.db")]
    subprocess.run([*clothier, "tag", str(ROOT / "examples"), *store], check=True, capture_output=True)
    serve = [*clothier, "serve", "--port", "0", "--photos", str(ROOT / "examples"), *store]
    with subprocess.Popen(serve, stderr=subprocess.PIPE, text=True) as process:
        line = process.stderr.readline() if process.stderr else ""
        try:
            yield f"http://127.0.0.1:{line.partition('127.0.0.1:')[2].partition(' ')[0]}"
        finally:
            process.terminate()


def _photograph(browser: Browser, address: str, name: str) -> bytes:
    path, scheme, window = SHOTS[name]
    page = browser.new_page(viewport=window, color_scheme=scheme, is_mobile=window is PHONE, has_touch=window is PHONE)
    page.goto(address + path, wait_until="networkidle")
    if path == "/":
        _classify(page)
    elif path == "/review":
        page.fill("#name", "Anna")
        page.keyboard.press("Enter")
        page.wait_for_load_state("networkidle")
    page.wait_for_timeout(2_000)  # milliseconds: results fade in, photos arrive
    content = reduce_colors(page.screenshot())
    page.close()
    return content


def _classify(page: Page) -> None:
    page.set_input_files("#files", sorted((ROOT / "examples").glob("*.jpg"))[1:])
    page.wait_for_selector(".result img")
    page.evaluate("scrollTo(0, 0)")


if __name__ == "__main__":
    main()
