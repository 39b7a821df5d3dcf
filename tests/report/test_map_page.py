"""The map's page holds the map that it was given, also under odd names, and refuses what cannot be drawn."""

from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import replace
from importlib.resources import files
from typing import Any

import numpy as np
import pytest
from PIL import Image

from clothier.data.synthetic import draw_garments
from clothier.errors import DataError
from clothier.report.map_data import morton_order, quantize
from clothier.report.map_page import SCRIPTS, MapContent, render_map
from clothier.report.sprites import SHEET_COLUMNS
from clothier.report.style import CATEGORY_COLORS, DARK, LIGHT
from clothier.taxonomy import FASHION_MNIST_CLASSES

UNUSUAL_NAMES = (
    "</script><script>alert(1)</script>",
    "$5 \"shirt\" & 'co'",
    "{{ 7 * 7 }}",
    "\N{SNOWMAN} hat",
    "a" * 80,
)
CLASS_RANGE_MESSAGE = (
    "with 10 classes it goes from 0 to 9. Name every class, or give those that belong to these pictures."
)


def make_content(n: int = 60, **changes: Any) -> MapContent:
    drawn, generator = draw_garments(n, 3), np.random.default_rng(4)
    positions = generator.normal(size=(n, 2)).astype(np.float32) * (30, 9)
    made = MapContent(
        "Drawn garments", positions, drawn.images, drawn.labels, FASHION_MNIST_CLASSES, {"train": n - 10, "test": 10}
    )
    return replace(made, **changes)


def page_data(page: str) -> dict[str, Any]:
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    found: dict[str, Any] = json.loads(text)
    return found


def decode_array(text: str, kind: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), kind)


def test_the_page_holds_every_point_with_its_label_and_its_answer() -> None:
    answers = np.random.default_rng(5).integers(0, 10, 60)
    given = make_content(answers=answers, model="CNN")
    found = page_data(render_map(given))
    order = decode_array(found["order"], "<u4")
    assert sorted(order) == list(range(60))
    assert (decode_array(found["labels"], "<u2") == given.labels[order]).all()
    assert (decode_array(found["answers"], "<u2") == answers[order]).all()
    places = decode_array(found["positions"], "<u2").reshape(60, 2)
    side = np.ptp(given.positions, axis=0).max()
    steps = (places.astype(float) - places[0]) * side / 65535
    assert np.allclose(steps, (given.positions - given.positions[order[0]])[order], atol=side / 65535)
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(found["sheets"][0]))).convert("L"))
    row = sheet[:28].reshape(28, SHEET_COLUMNS, 28).swapaxes(0, 1)[:60].astype(float)
    assert np.sqrt(((row - given.images[order]) ** 2).mean()) < 20
    assert found["parts"] == [["train", 50], ["test", 10]]
    assert found["classes"] == list(FASHION_MNIST_CLASSES)


def test_the_map_lies_in_the_middle_of_its_square_and_keeps_its_shape() -> None:
    corners = quantize(np.array([[-10, 0], [10, 0], [0, 5]], np.float32))
    assert corners.tolist() == [[0, 24576], [65535, 24576], [32768, 40959]]
    assert quantize(np.ones((3, 2), np.float32)).tolist() == [[32768, 32768]] * 3


def test_points_stand_in_the_order_of_the_curve() -> None:
    square = np.array([[1, 1], [0, 1], [1, 0], [0, 0], [2, 0], [65535, 65535]], np.uint16)
    assert morton_order(square).tolist() == [3, 2, 1, 0, 4, 5]


def test_neighbours_on_the_map_share_a_sheet() -> None:
    places = np.random.default_rng(6).integers(0, 65536, (20_000, 2)).astype(np.uint16)
    seen = places[morton_order(places)].astype(float)
    assert np.median(np.hypot(*np.diff(seen, axis=0).T)) < 65536 / np.sqrt(20_000)  # the mean distance in a lattice


@pytest.mark.parametrize("n", [11, 700])
def test_any_number_of_classes_and_any_shape(n: int) -> None:
    images = np.random.default_rng(7).integers(0, 256, (n, 9, 40), dtype=np.uint8)
    classes = [f"class {place}" for place in range(300)]
    page = render_map(make_content(n, images=images, labels=np.arange(n) % 300, classes=classes))
    assert max(decode_array(page_data(page)["labels"], "<u2")) == min(n, 300) - 1
    assert (page_data(page)["picture"]["height"], page_data(page)["picture"]["width"]) == (6, 28)
    assert page.count(f'<i style="background: {CATEGORY_COLORS[3]}"></i>') == 30
    assert "28 x 6 pixels (reduced from 40 x 9)" in page


def test_odd_names_stay_words() -> None:
    named = make_content(
        labels=np.arange(60) % 5,
        classes=UNUSUAL_NAMES,
        title=UNUSUAL_NAMES[0],
        parts={UNUSUAL_NAMES[0]: 50, UNUSUAL_NAMES[1]: 10},
        sentences=UNUSUAL_NAMES,
    )
    page = render_map(replace(named, predictions=named.labels, model=UNUSUAL_NAMES[0]))
    assert page_data(page)["classes"] == list(UNUSUAL_NAMES)
    assert page_data(page)["parts"] == [[UNUSUAL_NAMES[0], 50], [UNUSUAL_NAMES[1], 10]]
    assert "alert(1)</script>" not in page
    assert "<b>{{ 7 * 7 }}</b>" in page
    assert page.count("<script") == page.count("</script>") == 4


def test_the_page_says_what_it_was_given_and_what_it_counted() -> None:
    labels = draw_garments(60, 3).labels
    answers = labels.copy()
    answers[:5] = (answers[:5] + 1) % 10
    page = render_map(make_content(answers=answers, model="CNN", sentences=["One of 60 is lost.", "It is far away."]))
    assert "<h1>Drawn garments</h1>" in page
    assert '<p class="lead">One of 60 is lost. It is far away.</p>' in page
    assert "train: 90.0\N{NO-BREAK SPACE}% of 50 right" in page
    assert "test: 100.0\N{NO-BREAK SPACE}% of 10 right" in page
    assert "28 x 28 pixels (their own size)" in page
    assert 'placeholder="test 9"' in page
    for name in FASHION_MNIST_CLASSES:
        assert f"<b>{name}</b> <small>6</small>" in page


def test_without_answers_nothing_is_said_of_a_model() -> None:
    page = render_map(make_content())
    assert page_data(page)["answers"] is None
    assert "right or wrong" not in page.split("<script")[0]


def test_the_page_asks_the_network_for_nothing() -> None:
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
    assert folder == {f"{name}.js" for name in (*SCRIPTS, "trouble")}


def test_a_large_map_stays_below_its_size() -> None:
    n = 5000
    size = len(render_map(make_content(n)).encode()) - len(render_map(make_content(20)).encode())
    assert size / n < 15_000_000 / 70_000


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"positions": np.zeros((60, 3), np.float32)},
            "positions have the shape (60, 3); (N, 2) is needed. Give a map in the plane.",
        ),
        (
            {"positions": np.zeros((0, 2), np.float32)},
            "positions have the shape (0, 2); (N, 2) is needed. Give a map in the plane.",
        ),
        (
            {"images": np.zeros((60, 4, 4))},
            "images are float64 of shape (60, 4, 4); uint8 of shape (N, H, W) is needed.",
        ),
        (
            {"images": np.zeros((60, 16), np.uint8)},
            "images are uint8 of shape (60, 16); uint8 of shape (N, H, W) is needed.",
        ),
        (
            {"images": np.zeros((59, 4, 4), np.uint8)},
            "there are 60 positions and 59 images; give those that belong together.",
        ),
        ({"labels": np.zeros(61, np.int64)}, "there are 60 positions and 61 labels; give those that belong together."),
        (
            {"parts": {"train": 60, "test": 10}},
            "there are 60 positions and 70 pictures in parts; give those that belong together.",
        ),
        (
            {"answers": np.zeros(4, np.int64), "model": "CNN"},
            "there are 60 positions and 4 answers; give those that belong together.",
        ),
        (
            {"positions": np.full((60, 2), np.nan)},
            "60 of 60 positions are NaN or infinite. Repair the map or leave them out.",
        ),
        (
            {"labels": np.full(60, 10)},
            f"there is the label 10; {CLASS_RANGE_MESSAGE}",
        ),
        (
            {"answers": np.full(60, -1), "model": "CNN"},
            f"there is the answer -1; {CLASS_RANGE_MESSAGE}",
        ),
        ({"model": "CNN"}, "answers need the name of the model that gave them, and a model its answers. Give both."),
        (
            {"answers": np.zeros(60, np.int64)},
            "answers need the name of the model that gave them, and a model its answers. Give both.",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_a_sentence(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DataError) as caught:
        make_content(**changes)
    assert str(caught.value) == sentence
