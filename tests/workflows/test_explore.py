from __future__ import annotations

import html
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import sklearn.decomposition
from PIL import Image

from clothier.data.dataset import Dataset, LabeledImages
from clothier.data.synthetic import draw_garments, write_synthetic_dataset
from clothier.errors import DataError, UnknownNameError, UsageError
from clothier.exploration.embedding_map import load_map
from clothier.exploration.options import ExploreOptions
from clothier.report.formatting import format_percent
from clothier.taxonomy import FASHION_MNIST_CLASSES
from clothier.types import FailedInput
from clothier.workflows.explore import ExplorationRun, bundled_reference_model, explore, run_stages

if TYPE_CHECKING:
    from pathlib import Path

DATASET = Dataset(
    "Drawn", FASHION_MNIST_CLASSES, draw_garments(150, 0), draw_garments(40, 1), {"train": "1", "test": "2"}
)
SPLITS = {"train": DATASET.train.labels[:100], "validation": DATASET.train.labels[100:], "test": DATASET.test.labels}
OPTIONS = ExploreOptions(map="none")


def test_what_is_found_is_so() -> None:
    heard = []
    exploration = run_stages(DATASET, SPLITS, OPTIONS, None, progress=lambda *said: heard.append(said[:3]))
    explained = sklearn.decomposition.PCA(svd_solver="full").fit(DATASET.train.images.reshape(150, -1) / 255)
    cumulative = explained.explained_variance_ratio_.cumsum()
    needed = [int((cumulative < share).sum()) + 1 for share in (0.90, 0.95)]
    found = exploration.metrics
    assert found["classes"] == {
        part: {name: int((labels == label).sum()) for label, name in enumerate(FASHION_MNIST_CLASSES)}
        for part, labels in SPLITS.items()
    }
    assert sum(found["classes"]["train"].values()) == 100
    assert [found["pca"]["components_for_90"], found["pca"]["components_for_95"]] == needed
    assert found["pca"]["explained_variance_ratio"] == pytest.approx(explained.explained_variance_ratio_[: needed[1]])
    assert found["pixels"]["mean"] == pytest.approx(DATASET.train.images.mean())
    assert exploration.section.splits == {"train": 100, "validation": 50, "test": 40}
    assert exploration.section.components_for_90 == needed[0]
    assert exploration.section.digests == DATASET.digests
    assert exploration.headline.startswith(f"{needed[1]} of 784 dimensions explain 95")
    assert [one for one in heard if one[0] == "explore"] == [("explore", done, 4) for done in range(5)]


def test_errors_of_reconstruction_are_measured_on_the_training_pictures() -> None:
    found = run_stages(DATASET, SPLITS, OPTIONS, None).metrics["pca"]
    pixels = DATASET.train.images.reshape(150, -1) / 255
    for row in found["reconstruction"]:
        reference = sklearn.decomposition.PCA(row["components"], svd_solver="full").fit(pixels)
        back = reference.inverse_transform(reference.transform(pixels))
        assert row["rms_error"] == pytest.approx(255 * np.sqrt(((back - pixels) ** 2).mean()), rel=1e-6)
        assert row["variance_ratio"] == pytest.approx(reference.explained_variance_ratio_.sum())


def test_correlation_goes_with_the_components() -> None:
    r = run_stages(DATASET, SPLITS, OPTIONS, None).metrics["pca"]["mean_absolute_correlation"]
    pixels = DATASET.train.images.reshape(150, -1)
    expected = np.corrcoef(pixels[:, pixels.std(axis=0) > 0], rowvar=False)
    pairs = ~np.eye(len(expected), dtype=bool)
    assert r["pixels"] == pytest.approx(np.abs(expected[pairs]).mean())
    assert r["components"] < 1e-5


def test_pictures_that_are_all_the_same_are_said() -> None:
    constant = LabeledImages(np.full_like(DATASET.train.images, 9), DATASET.train.labels)
    with pytest.raises(DataError, match="all 150 images are the same"):
        run_stages(replace(DATASET, train=constant), SPLITS, OPTIONS, None)


def test_one_class_alone_is_said() -> None:
    coats = replace(DATASET, train=LabeledImages(DATASET.train.images, np.full(150, 4, np.int64)))
    with pytest.raises(DataError, match="all 150 training images of Drawn are of one class, Coat"):
        run_stages(coats, SPLITS, OPTIONS, None)


def test_an_unknown_map_or_audit_is_named() -> None:
    with pytest.raises(UnknownNameError, match="'pixel' is not a kind of map; did you mean 'pixels'"):
        ExploreOptions(map="pixel")
    with pytest.raises(UnknownNameError, match="'label' is not a kind of audit; did you mean 'labels'"):
        ExploreOptions(audit="label")


@pytest.mark.parametrize(("n", "drawn"), [(2, set()), (3, {"pca-1-2"}), (4, {"pca-1-2", "pca-1-3", "pca-1-2-3"})])
def test_what_too_few_pictures_do_not_show_is_left_out_and_said(n: int, drawn: set[str]) -> None:
    few = LabeledImages(DATASET.train.images[:n], np.arange(n, dtype=np.int64) % 2)
    section = run_stages(replace(DATASET, train=few), {"train": few.labels}, OPTIONS, None).section
    assert {name for name in section.figures if name.startswith("pca-1-")} == drawn
    assert len(section.sections[2].skipped) == (n < 4)
    if n < 4:
        assert f"along {n - 1} principal components only" in section.sections[2].skipped[0]


def test_what_could_not_be_read_is_said() -> None:
    failures = (FailedInput("a.png", "not-an-image", "a.png is not a picture."),)
    exploration = run_stages(replace(DATASET, failures=failures, warnings=("A note.",)), SPLITS, OPTIONS, None)
    assert exploration.section.remarks == ("A note.", "Files that could not be read and are not counted: 1.")
    assert exploration.metrics["failures"] == [failures[0].to_json()]


@pytest.fixture(scope="module")
def explored(tmp_path_factory: pytest.TempPathFactory) -> ExplorationRun:
    folder = tmp_path_factory.mktemp("drawn")
    write_synthetic_dataset(folder / "my garments", train=120, test=40)
    return explore(out=folder / "out", data=folder / "my garments", any_idx=True, seed=3, map="none")


def test_the_folder_has_everything(explored: ExplorationRun) -> None:
    assert {path.name for path in explored.path.iterdir()} == {"audit.csv", "explore.json", "figures", "report.html"}
    names = {path.stem for path in (explored.path / "figures").iterdir()}
    assert {"samples", "mean-images", "mean-and-std", "pca-variance", "pca-1-2-3", "audit-outliers"} <= names
    for name in names:
        with Image.open(explored.path / "figures" / f"{name}.png") as picture:
            picture.verify()
        svg = (explored.path / "figures" / f"{name}.svg").read_text()
        assert "var(--" not in svg
    page = html.unescape(explored.report.read_text())
    assert all(f'id="data-{name}"' in page for name in names)
    assert "clothier explore --data '" in page
    assert "--any-idx --seed 3 --map none --audit duplicates" in page


def test_json_is_whole_and_finite(explored: ExplorationRun) -> None:
    text = (explored.path / "explore.json").read_text()
    content = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert content["options"]["seed"] == 3
    assert content["classes"]["test"] == dict.fromkeys(FASHION_MNIST_CLASSES, 4)
    assert (content["map"], content["failures"]) == (None, [])
    assert content["audit"]["n"] == {"train": 120, "test": 40}
    assert len(content["audit"]["findings"]) == len((explored.path / "audit.csv").read_text().splitlines()) - 1
    assert content["report"] == str(explored.report)


def test_the_same_seed_draws_the_same(explored: ExplorationRun, tmp_path: Path) -> None:
    data = explored.path.parent / "my garments"
    again = explore(out=tmp_path / "again", data=data, any_idx=True, seed=3, map="none")
    for file in (explored.path / "figures").iterdir():
        assert file.read_bytes() == (again.path / "figures" / file.name).read_bytes(), file.name


def test_a_taken_name_is_numbered_and_a_failure_leaves_nothing(explored: ExplorationRun, tmp_path: Path) -> None:
    data = explored.path.parent / "my garments"
    (tmp_path / "out").mkdir()

    def stop(task: str, done: float, total: float, note: str = "") -> None:
        if (task, done) == ("figures", 2):
            assert (tmp_path / "out-2" / "figures").is_dir()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        explore(out=tmp_path / "out", data=data, any_idx=True, map="none", progress=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.fixture(scope="module")
def mapped(explored: ExplorationRun) -> ExplorationRun:
    """The same data with a map."""
    return explore(out=explored.path.parent / "mapped", data=explored.path.parent / "my garments", any_idx=True)


def test_the_map_lies_beside_the_report_which_links_to_it(mapped: ExplorationRun) -> None:
    page = mapped.report.read_text()
    assert 'href="map.html"' in page
    assert 'href="audit.csv"' in page
    assert 'id="data-map"' in page
    assert 'id="data-map-quality"' in page
    found = mapped.to_json()["map"]
    assert (found["n"], found["source"], found["perplexity"]) == (160, "pixels", 30)
    assert found["knn10"] > found["pca_baseline"]["knn10"]
    assert list(found["baselines"]) == ["this map", "first two components"]  # the reference study's is of other data
    assert load_map(mapped.path / "map.npz").metadata.quality.knn10 == found["knn10"]


def test_the_page_of_the_map_says_how_good_it_is_and_whose_answers_it_shows(mapped: ExplorationRun) -> None:
    page = html.unescape((mapped.path / "map.html").read_text())
    assert "A t-SNE map of the pixels (50 principal components, perplexity 30)" in page
    assert f"{format_percent(mapped.to_json()['map']['knn10'], 1)} (k = 10)" in page
    assert "fashion-cnn" in page  # the data have its classes and its size


def test_embeddings_are_mapped_and_the_perplexity_is_heeded(explored: ExplorationRun, tmp_path: Path) -> None:
    data = explored.path.parent / "my garments"
    found = explore(out=tmp_path / "out", data=data, any_idx=True, map="cnn", perplexity=5).to_json()["map"]
    assert (found["source"], found["perplexity"]) == ("fashion-cnn", 5)


def test_a_perplexity_too_large_is_said_and_leaves_nothing(explored: ExplorationRun, tmp_path: Path) -> None:
    data = explored.path.parent / "my garments"
    with pytest.raises(UsageError, match="the perplexity 60 does not suit 160 images; give 1 to 53"):
        explore(out=tmp_path / "out", data=data, any_idx=True, perplexity=60)
    assert list(tmp_path.iterdir()) == []


def test_pictures_too_few_for_a_map_are_said() -> None:
    few = replace(DATASET, train=draw_garments(2, 0), test=draw_garments(1, 1))
    exploration = run_stages(few, {"train": few.train.labels}, ExploreOptions(), None)
    assert exploration.metrics["map"] is None
    assert exploration.section.sections[-1].text == "A map needs at least 4 images; there are 3."


def test_a_judge_is_the_cnn_that_ships_where_it_knows_the_classes() -> None:
    judge = bundled_reference_model(DATASET)
    assert judge is not None
    assert judge.name == "fashion-cnn"
    assert bundled_reference_model(replace(DATASET, classes=tuple("abcdefghij"))) is None
    larger = LabeledImages(np.zeros((4, 32, 32), np.uint8), np.zeros(4, np.int64))
    assert bundled_reference_model(replace(DATASET, train=larger, test=larger)) is None


def test_the_judges_accuracy_is_stated_without_what_training_pictures_repeat() -> None:
    doubled = LabeledImages(
        np.concatenate([DATASET.test.images, DATASET.train.images[:10]]),
        np.concatenate([DATASET.test.labels, DATASET.train.labels[:10]]),
    )
    exploration = run_stages(replace(DATASET, test=doubled), SPLITS, OPTIONS, bundled_reference_model(DATASET))
    audit = exploration.metrics["audit"]
    assert audit["duplicates"]["leaked_test_images"] == 10
    assert audit["reference_model"]["test"]["n"] == 50
    assert audit["reference_model"]["test_without_leakage"]["0.999"]["n"] == 40
    assert "10 of 50 test images repeat a training image" in exploration.section.sections[3].text
    assert "on the 40 that repeat none" in exploration.section.sections[3].text
