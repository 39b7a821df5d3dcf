"""The map page holds every point of its map, and escapes names."""

from __future__ import annotations

import base64
import io
import json
import re
from importlib.resources import files
from typing import Any

import numpy as np
import pytest
from PIL import Image

from clothier.report.map_data import SHEET_COLUMNS, morton_order, quantize
from clothier.report.map_page import SCRIPTS, MapContent, render_map
from clothier.report.style import CATEGORY_COLORS, DARK, LIGHT
from clothier.taxonomy import FASHION_MNIST_CLASSES
from tests.synthetic import draw_garments

UNUSUAL_NAMES = (
    "</script><script>alert(1)</script>",
    "$5 \"shirt\" & 'co'",
    "{{ 7 * 7 }}",
    "\N{SNOWMAN} hat",
    "a" * 80,
)


def make_content(n: int = 60, **changes: Any) -> MapContent:
    drawn, generator = draw_garments(n, 3), np.random.default_rng(4)
    positions = generator.normal(size=(n, 2)).astype(np.float32) * (30, 9)
    made = MapContent(
        "Drawn garments", positions, drawn.images, drawn.labels, FASHION_MNIST_CLASSES, {"train": n - 10, "test": 10}
    )
    return made._replace(**changes)


def page_data(page: str) -> dict[str, Any]:
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    found: dict[str, Any] = json.loads(text)
    return found


def decode_array(text: str, kind: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), kind)


def test_the_page_holds_every_point_with_label_and_prediction() -> None:
    probabilities = np.random.default_rng(5).dirichlet(np.ones(10), 60)
    predictions = probabilities.argmax(axis=1)
    given = make_content(probabilities=probabilities, model="CNN")
    found = page_data(render_map(given))
    order = decode_array(found["order"], "<u4")
    assert sorted(order) == list(range(60))
    assert (decode_array(found["labels"], "<u2") == given.labels[order]).all()
    assert (decode_array(found["predictions"], "<u2") == predictions[order]).all()
    percent = decode_array(found["probabilities"], "u1")
    assert (percent == np.floor(100 * probabilities.max(axis=1))[order]).all()
    places = decode_array(found["positions"], "<u2").reshape(60, 2)
    side = np.ptp(given.positions, axis=0).max()
    steps = (places.astype(float) - places[0]) * side / 65535
    assert np.allclose(steps, (given.positions - given.positions[order[0]])[order], atol=side / 65535)
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(found["sheets"][0]))).convert("L"))
    row = sheet[:28].reshape(28, SHEET_COLUMNS, 28).swapaxes(0, 1)[:60].astype(float)
    assert np.sqrt(((row - given.images[order]) ** 2).mean()) < 20
    assert found["splits"] == [["train", 50], ["test", 10]]
    assert found["classes"] == list(FASHION_MNIST_CLASSES)


def test_coordinates_are_centered_and_keep_the_aspect_ratio() -> None:
    corners = quantize(np.array([[-10, 0], [10, 0], [0, 5]], np.float32))
    assert corners.tolist() == [[0, 24576], [65535, 24576], [32768, 40959]]
    assert quantize(np.ones((3, 2), np.float32)).tolist() == [[32768, 32768]] * 3


def test_points_are_in_morton_order() -> None:
    square = np.array([[1, 1], [0, 1], [1, 0], [0, 0], [2, 0], [65535, 65535]], np.uint16)
    assert morton_order(square).tolist() == [3, 2, 1, 0, 4, 5]


def test_neighbors_on_the_map_are_near_in_morton_order() -> None:
    places = np.random.default_rng(6).integers(0, 65536, (20_000, 2)).astype(np.uint16)
    seen = places[morton_order(places)].astype(float)
    assert np.median(np.hypot(*np.diff(seen, axis=0).T)) < 65536 / np.sqrt(20_000)  # the mean distance in a lattice


@pytest.mark.parametrize("n", [11, 700])
def test_any_number_of_classes_and_any_image_shape(n: int) -> None:
    images = np.random.default_rng(7).integers(0, 256, (n, 9, 40), dtype=np.uint8)
    classes = [f"class {place}" for place in range(300)]
    page = render_map(make_content(n, images=images, labels=np.arange(n) % 300, classes=classes))
    assert max(decode_array(page_data(page)["labels"], "<u2")) == min(n, 300) - 1
    assert (page_data(page)["thumbnail"]["height"], page_data(page)["thumbnail"]["width"]) == (6, 28)
    assert page.count(f'<i style="background: {CATEGORY_COLORS[3]}"></i>') == 30
    assert "28 x 6 pixels (reduced from 40 x 9)" in page


def test_names_are_escaped() -> None:
    named = make_content(
        labels=np.arange(60) % 5,
        classes=UNUSUAL_NAMES,
        title=UNUSUAL_NAMES[0],
        splits={UNUSUAL_NAMES[0]: 50, UNUSUAL_NAMES[1]: 10},
        quality_note=" ".join(UNUSUAL_NAMES),
    )
    page = render_map(named._replace(probabilities=np.eye(10)[named.labels], model=UNUSUAL_NAMES[0]))
    assert page_data(page)["classes"] == list(UNUSUAL_NAMES)
    assert page_data(page)["splits"] == [[UNUSUAL_NAMES[0], 50], [UNUSUAL_NAMES[1], 10]]
    assert "alert(1)</script>" not in page
    assert "<b>{{ 7 * 7 }}</b>" in page
    assert page.count("<script") == page.count("</script>") == 4


def test_the_page_shows_its_title_notes_and_counts() -> None:
    labels = draw_garments(60, 3).labels
    predictions = labels.copy()
    predictions[:5] = (predictions[:5] + 1) % 10
    page = render_map(
        make_content(
            probabilities=np.eye(10)[predictions], model="CNN", quality_note="One of 60 is lost. It is far away."
        )
    )
    assert "<h1>Drawn garments</h1>" in page
    assert '<p class="lead">One of 60 is lost. It is far away.</p>' in page
    assert "train: 90.0\N{NO-BREAK SPACE}% of 50 correct" in page
    assert "test: 100.0\N{NO-BREAK SPACE}% of 10 correct" in page
    assert "28 x 28 pixels (original size)" in page
    assert 'placeholder="test 9"' in page
    for name in FASHION_MNIST_CLASSES:
        assert f"<b>{name}</b>" in page


def test_without_predictions_there_is_no_model() -> None:
    page = render_map(make_content())
    assert page_data(page)["predictions"] is None
    assert "correct or wrong" not in page.split("<script")[0]


def test_the_page_makes_no_network_requests() -> None:
    page = render_map(make_content())
    assert "default-src 'none'" in page
    assert not re.search(r"<(?:link|img|iframe|object)\b|<script[^>]*\bsrc=|@import|url\(", page.split('id="data"')[0])
    ours = page[page.index('<script type="module">') :]
    assert not re.search(r"https?:|fetch\(|XMLHttpRequest|import\b", ours)
    assert render_map(make_content()) == page


def test_light_and_dark_come_from_the_palette() -> None:
    page = render_map(make_content())
    for role in LIGHT:
        assert f"--{role}: {LIGHT[role]};" in page
        assert f"--{role}: {DARK[role]};" in page


def test_every_script_is_there() -> None:
    folder = {path.name for path in files("clothier.report").joinpath("templates/map").iterdir()}
    assert folder == {f"{name}.js" for name in (*SCRIPTS, "error_banner")}


def test_bytes_per_point_stay_small() -> None:
    n = 5000
    size = len(render_map(make_content(n)).encode()) - len(render_map(make_content(20)).encode())
    assert size / n < 15_000_000 / 70_000
