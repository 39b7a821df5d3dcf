"""``clothier explore`` as a user types it: real command, real data, real browser."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from PIL import Image

from clothier.taxonomy import FASHION_MNIST_CLASSES
from tests.e2e.accessibility import smallest_figure_text

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow

FIGURES = {
    "class-counts",
    "samples",
    "mean-images",
    "mean-and-std",
    "pca-variance",
    "correlation",
    "pca-1-2",
    "pca-1-2-3",
}

FILLS = "(drawn) => drawn.map((one) => getComputedStyle(one).fill)"


@pytest.fixture(scope="module")
def explored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder, and what ``--json`` printed."""
    out = tmp_path_factory.mktemp("e2e") / "explore"
    words = ["explore", "--out", str(out), "--map", "none", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "clothier", *words], check=False, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return out, json.loads(done.stdout)


def test_the_figures_of_the_data_are_found_again(explored: tuple[Path, dict[str, Any]]) -> None:
    out, printed = explored
    assert printed == json.loads((out / "explore.json").read_text())
    assert printed["classes"] == {
        "train": dict.fromkeys(FASHION_MNIST_CLASSES, 6000),
        "test": dict.fromkeys(FASHION_MNIST_CLASSES, 1000),
    }
    assert (printed["pca"]["components_for_90"], printed["pca"]["components_for_95"]) == (84, 187)
    r = printed["pca"]["mean_absolute_correlation"]
    assert r["pixels"] == pytest.approx(0.2137, abs=5e-4)
    assert r["components"] < 1e-4
    assert printed["pixels"]["mean"] / 255 == pytest.approx(0.2860, abs=5e-5)  # the data set's well-known moments
    assert printed["pixels"]["standard_deviation"] / 255 == pytest.approx(0.3530, abs=5e-5)


def test_every_figure_is_there_twice(explored: tuple[Path, dict[str, Any]]) -> None:
    files = list((explored[0] / "figures").iterdir())
    assert {file.stem for file in files if file.suffix == ".png"} == {
        file.stem for file in files if file.suffix == ".svg"
    }
    assert {file.stem for file in files} >= FIGURES
    for file in files:
        if file.suffix == ".png":
            with Image.open(file) as picture:
                picture.verify()
        else:
            ET.parse(file)  # noqa: S314 - our own file


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_opens_from_disk_and_fits_a_phone(
    browser: Browser, explored: tuple[Path, dict[str, Any]], scheme: Any
) -> None:
    report = explored[0] / "report.html"
    context = browser.new_context(color_scheme=scheme, viewport={"width": 390, "height": 844})
    page, heard = context.new_page(), []
    page.on("request", lambda request: heard.append(request.url))
    page.on("console", lambda message: heard.append(message.text))
    page.goto(report.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("figure svg[role=img]").count() >= 16
    assert "84" in page.locator("#data-pca").inner_text()
    assert heard == [report.as_uri()]
    assert report.stat().st_size < 3_000_000
    assert smallest_figure_text(page) >= 10.9
    assert page.evaluate("[...document.querySelectorAll('pre')].every((one) => one.scrollWidth <= one.clientWidth)")
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_figures_have_the_users_colors_where_colors_are_forced(
    browser: Browser, explored: tuple[Path, dict[str, Any]], scheme: Any
) -> None:
    context = browser.new_context(color_scheme=scheme, forced_colors="active")
    page = context.new_page()
    page.goto((explored[0] / "report.html").as_uri())
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(0, 0, 0)"}[scheme]
    for part in ("text", "path[style*='--primary']"):
        drawn = page.locator(f"#data-gray-levels {part}").evaluate_all(FILLS)
        assert drawn
        assert paper not in drawn, part
    context.close()


def test_a_figure_opened_alone_shows_itself(browser: Browser, explored: tuple[Path, dict[str, Any]]) -> None:
    page, heard = browser.new_page(), []
    page.on("console", lambda message: heard.append(message.text))
    page.goto((explored[0] / "figures" / "pca-variance.svg").as_uri())
    assert page.evaluate("document.querySelectorAll('text').length") > 5
    box = page.evaluate(
        "(() => { const b = document.documentElement.getBoundingClientRect(); return [b.width, b.height]; })()"
    )
    assert min(box) > 200
    assert heard == []
    page.close()
