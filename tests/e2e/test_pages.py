"""The page of ``clothier serve`` in a real browser: no error, no request to elsewhere, accessible, light, and quick."""

from __future__ import annotations

import base64
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.pages import open_page, server_cpu
from clothier.api.page.pages import LINKS
from clothier.store import open_store
from clothier.store.api_keys import create_key
from tests.e2e.accessibility import require_accessible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
BOOT, DRESS = ROOT / "examples/ankle-boot.jpg", ROOT / "examples/dress.jpg"
VIEWS = {
    "light": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light", "is_mobile": True, "has_touch": True},
}
MAX_SIZE = 150_000  # bytes of a page with all that it loads
MAX_FILES = 8  # requests of a first visit, without photos
MAX_TRANSFERRED = 100_000  # bytes over the network, compressed
MAX_BROWSER_CPU, MAX_SERVER_CPU = 0.2, 0.3  # seconds of CPU time; benchmarks/pages.py measures those on the clock
SEND = """([event, target, name, content]) => {
  const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], name, {type: "image/jpeg"}));
  const init = {bubbles: true, cancelable: true};
  document.querySelector(target).dispatchEvent(event === "paste"
    ? new ClipboardEvent(event, {...init, clipboardData: data}) : new DragEvent(event, {...init, dataTransfer: data}));
}"""


@contextmanager
def served(*words: object) -> Iterator[str]:
    """The address of a server."""
    command = [sys.executable, "-m", "clothier", "serve", "--port", "0", *map(str, words)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stderr
        line = process.stderr.readline()
        try:
            yield f"http://127.0.0.1:{line.partition('127.0.0.1:')[2].partition(' ')[0]}"
        finally:
            process.terminate()
            process.communicate(timeout=60)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server whose catalogue has the photos of the examples."""
    folder = tmp_path_factory.mktemp("pages")
    tag = [sys.executable, "-m", "clothier", "tag", ROOT / "examples", "--store", folder / "a.db"]
    subprocess.run(list(map(str, tag)), check=True, capture_output=True, cwd=folder)
    with served("--store", folder / "a.db", "--photos", ROOT / "examples", "--runs", folder / "runs") as url:
        yield url


@contextmanager
def opened(browser: Browser, url: str, **view: Any) -> Iterator[Page]:
    """A page, which must neither log an error nor ask another server for anything."""
    context: BrowserContext = browser.new_context(**view)
    page, wrong = context.new_page(), []
    page.set_default_timeout(15_000)  # milliseconds
    page.on("console", lambda one: wrong.append(one.text) if one.type in ("error", "warning") else None)
    page.on("pageerror", lambda one: wrong.append(str(one)))
    local = (url, "data:", "blob:")
    page.on("request", lambda one: None if one.url.startswith(local) else wrong.append(one.url))
    yield page
    context.close()
    assert not wrong


@pytest.mark.parametrize("view", VIEWS)
def test_every_page(browser: Browser, address: str, view: str) -> None:
    for link in LINKS:
        with opened(browser, address, **VIEWS[view]) as page:
            before = server_cpu(address)
            first = open_page(page, address + link.path)
            cpu = server_cpu(address) - before
            assert page.locator("nav a[aria-current=page]").inner_text() == link.title
            sys.stdout.write(f"{link.title} ({view}): {first}, server {cpu:.2f} s of CPU time\n")
            assert first.size < MAX_SIZE
            assert first.transferred < MAX_TRANSFERRED
            assert first.files <= MAX_FILES
            assert first.browser_cpu < MAX_BROWSER_CPU
            assert cpu < MAX_SERVER_CPU
            overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert overflow <= 0, f"{link.title} is wider than the window"
            require_accessible(page)
            assert open_page(page, address + link.path).files == 1, "the browser keeps all but the page itself"


@pytest.mark.parametrize("view", VIEWS)
def test_photos_are_chosen_dropped_and_pasted(browser: Browser, address: str, view: str) -> None:
    with opened(browser, address, **VIEWS[view]) as page:
        page.goto(address)
        page.set_input_files("#files", [BOOT, DRESS, ROOT / "README.md"])
        page.wait_for_selector(".result")
        assert page.locator(".result h2").all_inner_texts()[-1] == "README.md"
        assert "is not an image" in page.locator(".result.failed").inner_text()
        assert "Ankle boot" in page.locator(".others summary").first.inner_text()
        assert page.locator(".decision").count() == 2
        assert page.locator(".neighbors li").count() > 0
        for event in ("drop", "paste"):
            content = base64.b64encode(DRESS.read_bytes()).decode()
            page.evaluate(SEND, [event, "#drop", f"{event}.jpg", content])
            page.wait_for_selector(f"text={event}.jpg")
        assert page.locator(".result .file").all_inner_texts()[:2] == ["paste.jpg", "drop.jpg"]
        page.wait_for_load_state("networkidle")
        loaded = "Array.from(document.images).every((one) => one.complete && one.naturalWidth > 0)"
        assert page.evaluate(loaded)
        page.locator(".others summary").first.click()
        require_accessible(page)
        page.emulate_media(forced_colors="active")
        mark, paper = page.evaluate("""[[document.querySelector(".decision"), "::before"], [document.body, null]]
            .map((one) => getComputedStyle(...one).backgroundColor)""")
        assert mark != paper, "the shape of a decision is seen in colors of the user's own, too"
        page.emulate_media(forced_colors="none", media="print")
        assert page.locator("nav").is_hidden()
        assert page.locator(".decision").first.is_visible()


def test_without_javascript(browser: Browser, address: str) -> None:
    with opened(browser, address, java_script_enabled=False) as page:
        page.goto(address)
        page.set_input_files("#files", DRESS)
        page.click("button:has-text('Classify')")
        assert page.locator(".result h2").inner_text() == "Dress?"
        page.goto(f"{address}/models")
        page.locator("summary:has-text('Promote')").first.click()
        assert page.locator("button:has-text('Promote')").first.is_visible()


def test_the_keyboard_reaches_everything(browser: Browser, address: str) -> None:
    with opened(browser, address) as page:
        page.goto(address)
        page.keyboard.press("Tab")
        assert page.locator(":focus").inner_text() == "Skip to the content"
        page.keyboard.press("Enter")
        assert page.locator(":focus").get_attribute("id") == "content"
        page.keyboard.press("Tab")
        assert page.locator(":focus").get_attribute("id") == "files"


def test_a_model_is_promoted_and_rolled_back(browser: Browser, address: str) -> None:
    with opened(browser, address) as page:
        page.goto(f"{address}/models")
        card = page.locator("article", has_text="fashion-dnn")
        card.locator("summary").click()
        card.locator("button").click()
        page.wait_for_selector("article:has-text('fashion-dnn'):has-text('In use')")
        page.click("summary:has-text('Roll back')")
        page.click("button:has-text('Roll back')")
        page.wait_for_selector("article:has-text('photo'):has-text('In use')")
        require_accessible(page)


def test_signing_in_and_out_and_a_link_of_another_site(browser: Browser, tmp_path: Path) -> None:
    with open_store(tmp_path / "a.db") as store:
        key = create_key(store, "Anna", "review")
    words = ("--store", tmp_path / "a.db", "--model", "fashion-cnn", "--allow-host", "clothes.example")
    with served(*words) as url, opened(browser, url) as page:
        page.goto(f"{url}/models")
        require_accessible(page)
        page.fill("#key", key)
        page.click("button:has-text('Sign in')")
        page.wait_for_url(f"{url}/models")
        assert "Anna" in page.locator(".who").inner_text()
        page.set_content(f'<a href="{url}/study">from elsewhere</a>')
        other = page.context.new_page()
        other.goto(f"data:text/html,<a href='{url}/study'>from elsewhere</a>")
        other.click("a")
        other.wait_for_selector("nav a[aria-current=page]:has-text('Study')")
        other.close()
        page.goto(url)
        page.click("text=Sign out")
        page.wait_for_selector("#key")
        page.goto(f"{url}/models")
        assert page.locator("#key").is_visible()
