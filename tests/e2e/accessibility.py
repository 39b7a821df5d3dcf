"""axe-core (vendored) on a page in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

AXE = Path(__file__).parent / "vendor" / "axe-core-4.14.1" / "axe.min.js"


SMALLEST_TEXT = """() => Math.min(...[...document.querySelectorAll("figure svg text")].map((text) => {
    const { a, b } = text.getScreenCTM();
    return parseFloat(getComputedStyle(text).fontSize) * Math.hypot(a, b);
}))"""


def smallest_figure_text(page: Page) -> float:
    """Size of the smallest text in a figure of the page, in CSS pixels."""
    return float(page.evaluate(SMALLEST_TEXT))


def require_accessible(page: Page) -> None:
    """Fails if axe has a serious or critical finding."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("async () => (await axe.run()).violations")
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert not [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in serious]
