"""The main job as a user does it: real command, real data, real browser; then the models that came of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from clothier.data.sources import load_fashion_mnist
from clothier.taxonomy import FASHION_MNIST_CLASSES
from tests.e2e.accessibility import require_accessible, smallest_figure_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow

MEGABYTE = 1_000_000


def clothier(*words: str | Path, code: int = 0) -> str:
    """Runs the command, which must end with ``code``; returns its stdout."""
    done = subprocess.run(
        [sys.executable, "-m", "clothier", *map(str, words)],
        check=False,
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == code, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of ``clothier study --preset fast`` on the real data."""
    out = tmp_path_factory.mktemp("e2e") / "study"
    printed = json.loads(clothier("study", "--preset", "fast", "--out", out, "--json"))
    assert printed == json.loads((out / "study.json").read_text())
    return out


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The first forty test images as PNG files."""
    folder = tmp_path_factory.mktemp("pictures")
    files = [folder / f"{number:02}.png" for number in range(40)]
    for file, image in zip(files, load_fashion_mnist().test.images, strict=False):
        Image.fromarray(image).save(file)
    return files


def metrics(study: Path, model: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((study / model / "metrics.json").read_text())
    return content


def test_both_models_reach_what_the_preset_promises(study: Path) -> None:
    # One run of one seed: the promise of 89.5 and 93.0 is for the mean of three, less two standard errors here
    assert metrics(study, "dnn")["test"]["accuracy"] > 0.895 - 0.006
    assert metrics(study, "cnn")["test"]["accuracy"] > 0.930 - 0.005
    assert metrics(study, "cnn")["test"]["n"] == 10_000
    assert metrics(study, "cnn")["validation"]["n"] == 5_000


def test_the_study_says_what_was_seen(study: Path) -> None:
    content = json.loads((study / "study.json").read_text())
    pca = content["exploration"]["pca"]
    assert (pca["components_for_90"], pca["components_for_95"]) == (84, 187)
    assert content["exploration"]["classes"]["test"] == dict.fromkeys(FASHION_MNIST_CLASSES, 1000)
    assert content["comparison"]["n"] == 10_000
    assert content["comparison"]["difference"] < 0  # the DNN is first, and the CNN is better
    accuracies = [content["metrics"][model]["test"]["accuracy"] for model in ("dnn", "cnn")]
    assert content["comparison"]["difference"] == pytest.approx(accuracies[0] - accuracies[1])


def test_the_map_lies_beside_the_report_and_is_judged(study: Path) -> None:
    found = json.loads((study / "study.json").read_text())["exploration"]["map"]
    assert (found["n"], found["source"]) == (70_000, "pixels")
    assert found["knn10"] > 0.825  # seen: .835 to .840; two principal components: .53
    assert found["knn100"] > 0.80
    assert found["trustworthiness"] > 0.985
    page = (study / "map.html").read_text()
    assert len(page) < 13 * MEGABYTE
    assert "cnn-fast" in page  # the study's own CNN judges
    assert 'href="map.html"' in (study / "report.html").read_text()


def test_evaluate_repeats_the_runs_own_figures_and_keeps_the_gate(study: Path) -> None:
    printed = json.loads(clothier("evaluate", study / "dnn", study / "cnn", "--json"))
    for model, evaluation in zip(("dnn", "cnn"), printed, strict=True):
        expected = metrics(study, model)["test"]
        assert evaluation["accuracy"] == expected["accuracy"]
        assert evaluation["confusion"] == expected["confusion"]
    clothier("evaluate", study / "cnn", "--fail-under", "0.9")
    clothier("evaluate", study / "cnn", "--fail-under", "0.99", code=5)


def test_compare_finds_the_cnn_better(study: Path) -> None:
    test = json.loads(clothier("compare", study / "cnn", study / "dnn", "--json"))["mcnemar"]
    assert test["difference"] > 0
    assert test["p_value"] < 0.001
    assert test["interval"][0] < test["difference"] < test["interval"][1]


def test_predict_answers_for_files_as_for_arrays(study: Path, pictures: list[Path]) -> None:
    answers = json.loads(clothier("predict", *pictures, "--model", study / "cnn", "--json"))
    labels = load_fashion_mnist().test.labels[: len(pictures)]
    right = [answer["class"] == FASHION_MNIST_CLASSES[label] for answer, label in zip(answers, labels, strict=True)]
    assert sum(right) >= 35  # of 40; 93 % would be 37
    assert {answer["decision"] for answer in answers} == {None}
    assert all(answer["top"][0]["probability"] == answer["probability"] for answer in answers)


def test_the_models_that_ship_answer_and_go_on_past_a_broken_file(pictures: list[Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    for model in ("fashion-cnn", "fashion-dnn"):
        answers = json.loads(clothier("predict", pictures[0], broken, pictures[1], "--model", model, "--json", code=3))
        assert [answer.get("class") for answer in answers] == ["Ankle boot", None, "Pullover"]
        assert answers[1]["error"]["code"] == "not-an-image"


def test_the_models_that_ship_hold_what_their_cards_say() -> None:
    printed = json.loads(clothier("evaluate", "fashion-dnn", "fashion-cnn", "--json"))
    for evaluation in printed:
        card = json.loads((Path(_shipped()) / evaluation["model"] / "card.json").read_text())
        # another processor may round a few answers of 10,000 the other way
        assert evaluation["accuracy"] == pytest.approx(card["metrics"]["test"]["accuracy"], abs=0.0005)


def _shipped() -> str:
    from clothier.bundle import BUNDLED_DIR

    return str(BUNDLED_DIR)


@pytest.fixture(params=["light", "dark"])
def page(browser: Browser, study: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The report, opened from disk on a phone's width."""
    context = browser.new_context(color_scheme=request.param, viewport={"width": 390, "height": 844})
    opened = context.new_page()
    asked: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("console", lambda message: asked.append(message.text))
    opened.goto((study / "report.html").as_uri())
    yield opened
    assert asked == [(study / "report.html").as_uri()]  # nothing fetched, nothing complained of
    context.close()


def test_the_report_opens_from_disk_and_fits_a_phone(page: Page, study: Path) -> None:
    assert (study / "report.html").stat().st_size < 3 * MEGABYTE
    accuracy = metrics(study, "cnn")["test"]["accuracy"]
    assert f"{100 * accuracy:.1f}" in page.locator("body").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("svg[role=img], img").count() >= 15
    assert smallest_figure_text(page) >= 10.9


def test_the_report_is_accessible(page: Page) -> None:
    require_accessible(page)


def test_the_report_prints(browser: Browser, study: Path) -> None:
    opened = browser.new_page()
    opened.goto((study / "report.html").as_uri())
    printed = opened.pdf(format="A4")
    opened.close()
    assert printed.startswith(b"%PDF")
    assert 4 <= printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page/") <= 40


def test_a_machine_without_wide_instructions_trains_in_float32() -> None:
    code = "from clothier.training.device import select_device; print(select_device().precision)"
    environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["float32"]


def test_test_images_survive_the_way_through_a_file(pictures: list[Path]) -> None:
    images = load_fashion_mnist().test.images
    for file, image in zip(pictures, images, strict=False):
        assert np.array_equal(np.asarray(Image.open(file)), image)
