"""How long the pages of ``clothier serve`` take in a real browser: until all scripts have run, and to the next photo.

    make benchmark-pages

Every page is opened in a new browser profile, with nothing kept (first), and again (next visit). Seconds on the clock
mean something on an idle machine only; CPU seconds and bytes do anywhere.
"""

from __future__ import annotations

import shutil
import tempfile
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import sync_playwright

from benchmarks.results import BenchmarkResult, run_benchmark, summarize
from clothier.types import no_progress
from tools.make_page_screenshots import PAGES, VIEWS, served_catalogue
from tools.make_screenshots import ARGUMENTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from clothier.types import Progress

ROUNDS = 10
NEXT_PHOTOS = 8  # of each round
ENTRIES = """['navigation', 'resource'].flatMap(
  (kind) => performance.getEntriesByType(kind).map((one) => one.toJSON())
)"""
"""What was loaded, the page first; the size of the transfer is 0 for what the browser had."""
NEXT = """async () => {
  const before = document.getElementById("photo").src, start = performance.now();
  document.body.dispatchEvent(new KeyboardEvent("keydown", {key: "s", bubbles: true}));
  while (performance.now() - start < 10000) {
    const photo = document.getElementById("photo");
    if (photo && photo.src !== before && photo.complete && photo.naturalWidth) break;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return (performance.now() - start) / 1000;
}"""
"""Presses the key for the next photo, and waits until that is there: seconds."""


@dataclass(frozen=True, slots=True)
class PageCost:
    """What opening a page took.

    Attributes:
        interactive: seconds until it was parsed and all its scripts had run.
        browser_cpu: seconds that the page's main thread worked until nothing was left to load.
        size: bytes of all its files and photos, as they are after decompression.
        transferred: bytes that came over the network.
        files: of those that came over the network, without photos.
    """

    interactive: float
    browser_cpu: float
    size: int
    transferred: int
    files: int


def open_page(page: Page, url: str) -> PageCost:
    """Opens a page, and measures that."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
    before = _cpu(devtools)
    page.goto(url, wait_until="networkidle")
    document, *others = page.evaluate(ENTRIES)
    loaded = [document, *others]
    return PageCost(
        interactive=document["domContentLoadedEventEnd"] / 1000,
        browser_cpu=_cpu(devtools) - before,
        size=sum(one["decodedBodySize"] for one in loaded),
        transferred=sum(one["transferSize"] for one in loaded),
        files=sum(one["transferSize"] > 0 and "/photos/" not in one["name"] for one in loaded),
    )


def _cpu(devtools: Any) -> float:
    found = {one["name"]: one["value"] for one in devtools.send("Performance.getMetrics")["metrics"]}
    return float(found["TaskDuration"])


def server_cpu(url: str) -> float:
    """Seconds that the server has worked, as its metrics say."""
    with urllib.request.urlopen(f"{url}/metrics") as answer:  # noqa: S310 - this machine
        lines = answer.read().decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("process_cpu_seconds_total "))


def measure(rounds: int = ROUNDS, progress: Progress = no_progress) -> BenchmarkResult:
    """Every page but that for signing in, on a desktop screen, and the next photo of the review desk."""
    names = [name for name in PAGES if name != "sign-in"]
    costs: dict[str, list[PageCost]] = {f"{name}, {visit} visit": [] for name in names for visit in ("first", "next")}
    seconds: list[float] = []
    with _browser() as browser, tempfile.TemporaryDirectory() as folder, served_catalogue(Path(folder)) as address:
        for number in range(rounds):
            for name in names:
                with _page(browser) as page:
                    costs[f"{name}, first visit"].append(open_page(page, address + PAGES[name]))
                    costs[f"{name}, next visit"].append(open_page(page, address + PAGES[name]))
            seconds += _next_photos(browser, address)
            progress("pages", number + 1, rounds)
    rows = [{"name": name, **summarize([one.interactive for one in found], "s")} for name, found in costs.items()]
    return BenchmarkResult("pages", [*rows, {"name": "review, next photo", **summarize(seconds, "s")}], {})


def _next_photos(browser: Browser, address: str) -> list[float]:
    with _page(browser) as page:
        page.goto(address + PAGES["review"])
        page.fill("#name", "Anna")
        page.click("text=Begin")
        page.wait_for_selector("#accuracy ul")
        found = []
        for _ in range(NEXT_PHOTOS):
            page.wait_for_function("document.getElementById('photo').complete")
            page.wait_for_timeout(500)  # milliseconds: a person looks, and the browser loads the photos after it
            found.append(page.evaluate(NEXT))
        return found


@contextmanager
def _browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def _page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(**VIEWS["light"])
    yield context.new_page()
    context.close()


if __name__ == "__main__":
    run_benchmark("pages", measure, __doc__)
