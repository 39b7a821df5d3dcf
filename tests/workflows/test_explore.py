"""The stages of an exploration, and the folder that ``clothier explore`` writes."""

from __future__ import annotations

import html
import json
import math
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sklearn.decomposition
from PIL import Image

from clothier import recipes
from clothier.data.dataset import Dataset, LabeledImages
from clothier.errors import DataError, UnknownNameError, UsageError
from clothier.exploration.embedding_map import load_map
from clothier.exploration.options import ExploreOptions
from clothier.report.captioned_figure import png
from clothier.report.formatting import format_percent
from clothier.taxonomy import FASHION_MNIST_CLASSES
from clothier.types import FailedInput
from clothier.workflows import explore as module
from clothier.workflows.explore import ExplorationRun, bundled_reference_model, explore, run_stages
from tests.synthetic import draw_garments, write_synthetic_dataset

if TYPE_CHECKING:
    from clothier.report.sections import DataSection

DATASET = Dataset(
    "Drawn", FASHION_MNIST_CLASSES, draw_garments(150, 0), draw_garments(40, 1), {"train": "1", "test": "2"}
)
SPLITS = {"train": DATASET.train.labels[:100], "validation": DATASET.train.labels[100:], "test": DATASET.test.labels}
OPTIONS = ExploreOptions(map="none")


@pytest.fixture(scope="module")
def calls() -> list[tuple[str, float, float]]:
    """What ``result`` reported to its progress."""
    return []


@pytest.fixture(scope="module")
def result(calls: list[tuple[str, float, float]]) -> DataSection:
    def progress(task: str, done: float, total: float, note: str = "") -> None:
        calls.append((task, done, total))

    return run_stages(DATASET, SPLITS, OPTIONS, None, progress=progress)


@pytest.fixture
def _drawn_before(result: DataSection, monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of audit and map: the figures of the other stages take a second, and are those of ``result``."""
    for name, section in zip(("classes_section", "pixels_section", "pca_section"), result.sections, strict=False):
        monkeypatch.setattr(module, name, lambda *_, section=section: section)


def test_metrics_agree_with_numpy_and_scikit_learn(result: DataSection, calls: list[tuple[str, float, float]]) -> None:
    explained = sklearn.decomposition.PCA(svd_solver="full").fit(DATASET.train.images.reshape(150, -1) / 255)
    cumulative = explained.explained_variance_ratio_.cumsum()
    needed = [int((cumulative < share).sum()) + 1 for share in (0.90, 0.95)]
    found = result.metrics
    assert found["classes"] == {
        part: {name: int((labels == label).sum()) for label, name in enumerate(FASHION_MNIST_CLASSES)}
        for part, labels in SPLITS.items()
    }
    assert sum(found["classes"]["train"].values()) == 100
    assert [found["pca"]["components_for_90"], found["pca"]["components_for_95"]] == needed
    assert found["pca"]["explained_variance_ratio"] == pytest.approx(explained.explained_variance_ratio_[: needed[1]])
    assert found["pixels"]["mean"] == pytest.approx(DATASET.train.images.mean())
    assert result.splits == {"train": 100, "validation": 50, "test": 40}
    assert result.digests == DATASET.digests
    assert result.headline.startswith(f"{needed[1]} of 784 dimensions explain 95")
    assert [call for call in calls if call[0] == "explore"] == [("explore", done, 4) for done in range(5)]


def test_reconstruction_errors_are_measured_on_the_training_images(result: DataSection) -> None:
    pixels = DATASET.train.images.reshape(150, -1) / 255
    for row in result.metrics["pca"]["reconstruction"]:
        reference = sklearn.decomposition.PCA(row["components"], svd_solver="full").fit(pixels)
        back = reference.inverse_transform(reference.transform(pixels))
        assert row["rms_error"] == pytest.approx(255 * np.sqrt(((back - pixels) ** 2).mean()), rel=1e-6)
        assert row["variance_ratio"] == pytest.approx(reference.explained_variance_ratio_.sum())


def test_principal_components_are_uncorrelated(result: DataSection) -> None:
    r = result.metrics["pca"]["mean_absolute_correlation"]
    pixels = DATASET.train.images.reshape(150, -1)
    expected = np.corrcoef(pixels[:, pixels.std(axis=0) > 0], rowvar=False)
    pairs = ~np.eye(len(expected), dtype=bool)
    assert r["pixels"] == pytest.approx(np.abs(expected[pairs]).mean())
    assert r["components"] < 1e-5


def test_images_that_are_all_the_same_are_refused() -> None:
    constant = LabeledImages(np.full_like(DATASET.train.images, 9), DATASET.train.labels)
    with pytest.raises(DataError, match="all 150 images are the same"):
        run_stages(replace(DATASET, train=constant), SPLITS, OPTIONS, None)


def test_one_class_only_is_refused() -> None:
    coats = replace(DATASET, train=LabeledImages(DATASET.train.images, np.full(150, 4, np.int64)))
    with pytest.raises(DataError, match="all 150 training images of Drawn are of one class, Coat"):
        run_stages(coats, SPLITS, OPTIONS, None)


def test_an_unknown_map_or_audit_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="'pixel' is not a kind of map; did you mean 'pixels'"):
        ExploreOptions(map="pixel")
    with pytest.raises(UnknownNameError, match="'label' is not a kind of audit; did you mean 'labels'"):
        ExploreOptions(audit="label")


@pytest.mark.parametrize(("n", "drawn"), [(2, set()), (3, {"pca-1-2"}), (4, {"pca-1-2", "pca-1-3", "pca-1-2-3"})])
def test_figures_that_need_more_images_are_skipped_with_a_reason(n: int, drawn: set[str]) -> None:
    few = LabeledImages(DATASET.train.images[:n], np.arange(n, dtype=np.int64) % 2)
    section = run_stages(replace(DATASET, train=few), {"train": few.labels}, OPTIONS, None)
    assert {name for name in section.figures if name.startswith("pca-1-")} == drawn
    assert len(section.sections[2].skipped) == (n < 4)
    if n < 4:
        assert f"along {n - 1} principal components only" in section.sections[2].skipped[0]


@pytest.mark.usefixtures("_drawn_before")
def test_unreadable_files_are_listed() -> None:
    failures = (FailedInput("a.png", "not-an-image", "a.png is not an image."),)
    result = run_stages(replace(DATASET, failures=failures, warnings=("A note.",)), SPLITS, OPTIONS, None)
    assert result.remarks == ("A note.", "Files that could not be read and are not counted: 1.")
    assert result.metrics["failures"] == [failures[0].to_json()]


@pytest.fixture(scope="module")
def explored(tmp_path_factory: pytest.TempPathFactory) -> ExplorationRun:
    folder = tmp_path_factory.mktemp("drawn")
    write_synthetic_dataset(folder / "my garments", train=120, test=40)
    return explore(out=folder / "out", data=folder / "my garments", any_idx=True, seed=3, map="none")


def test_the_folder_has_all_files(explored: ExplorationRun) -> None:
    assert {path.name for path in explored.path.iterdir()} == {"audit.csv", "explore.json", "figures", "report.html"}
    names = {path.stem for path in (explored.path / "figures").iterdir()}
    assert {"samples", "mean-images", "mean-and-std", "pca-variance", "pca-1-2-3", "audit-outliers"} <= names
    for name in names:
        with Image.open(explored.path / "figures" / f"{name}.png") as image:
            image.verify()
        svg = (explored.path / "figures" / f"{name}.svg").read_text()
        assert "var(--" not in svg
    page = html.unescape(explored.report.read_text())
    assert all(f'id="data-{name}"' in page for name in names)
    assert "clothier explore --data '" in page
    assert "--any-idx --seed 3 --map none --audit duplicates" in page


def test_json_has_all_keys_and_finite_numbers(explored: ExplorationRun) -> None:
    text = (explored.path / "explore.json").read_text()
    content = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    assert content["options"]["seed"] == 3
    assert content["classes"]["test"] == dict.fromkeys(FASHION_MNIST_CLASSES, 4)
    assert (content["map"], content["failures"]) == (None, [])
    assert content["audit"]["n"] == {"train": 120, "test": 40}
    assert len(content["audit"]["findings"]) == len((explored.path / "audit.csv").read_text().splitlines()) - 1
    assert content["report"] == str(explored.report)


def test_the_same_seed_draws_the_same(result: DataSection) -> None:
    again = run_stages(DATASET, SPLITS, OPTIONS, None)
    assert again.metrics == result.metrics
    for name in ("samples", "pca-1-2", "audit-outliers"):
        assert png(again.figures[name]) == png(result.figures[name])


@pytest.mark.usefixtures("_drawn_before")
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


def test_the_report_links_to_the_map(mapped: ExplorationRun) -> None:
    page = mapped.report.read_text()
    assert 'href="map.html"' in page
    assert 'href="audit.csv"' in page
    assert 'id="data-map"' in page
    assert 'id="data-map-quality"' in page
    found = mapped.to_json()["map"]
    assert (found["n"], found["source"], found["perplexity"]) == (160, "pixels", 30)
    assert found["knn10"] > found["pca_baseline"]["knn10"]
    assert list(found["baselines"]) == ["this map", "two components"]  # the reference study used other data
    assert load_map(mapped.path / "map.npz").metadata.quality.knn10 == found["knn10"]


def test_the_map_page_states_its_quality_and_the_reference_model(mapped: ExplorationRun) -> None:
    page = html.unescape((mapped.path / "map.html").read_text())
    assert "This map was made from the pixels (50 principal components, perplexity 30)" in page
    assert f"{format_percent(mapped.to_json()['map']['knn10'], 1)} (k = 10)" in page
    assert "fashion-cnn" in page  # the data have its classes and its image size


@pytest.mark.usefixtures("_drawn_before")
def test_embeddings_are_mapped_with_the_given_perplexity() -> None:
    options = ExploreOptions(map="cnn", perplexity=5)
    found = run_stages(DATASET, SPLITS, options, None).metrics["map"]
    assert (found["source"], found["perplexity"]) == ("fashion-cnn", 5)


def test_a_perplexity_that_is_too_large_is_refused_and_leaves_no_folder(
    explored: ExplorationRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = explored.path.parent / "my garments"
    monkeypatch.setattr(module, "run_stages", None)  # it is refused before minutes of work
    with pytest.raises(UsageError, match="the perplexity 60 does not suit 160 images; give 1 to 53"):
        explore(out=tmp_path / "out", data=data, any_idx=True, perplexity=60)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "wrong", [{"perplexity": math.nan}, {"perplexity": 0}, {"seed": -1}, {"data": ""}, {"out": ""}]
)
def test_impossible_options_are_refused_before_the_data_are_read(
    wrong: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "open_dataset", None)
    with pytest.raises(UsageError):
        explore(**wrong)


@pytest.mark.usefixtures("_drawn_before")
def test_too_few_images_for_a_map_are_stated() -> None:
    few = replace(DATASET, train=draw_garments(2, 0), test=draw_garments(1, 1))
    result = run_stages(few, {"train": few.train.labels}, ExploreOptions(), None)
    assert result.metrics["map"] is None
    assert result.sections[-1].text == "A map needs at least 4 images; there are 3."


def test_the_bundled_cnn_is_the_reference_model_of_data_with_its_classes_and_size() -> None:
    model = bundled_reference_model(DATASET)
    assert model is not None
    assert model.name == "fashion-cnn"
    assert bundled_reference_model(replace(DATASET, classes=tuple("abcdefghij"))) is None
    larger = LabeledImages(np.zeros((4, 32, 32), np.uint8), np.zeros(4, np.int64))
    assert bundled_reference_model(replace(DATASET, train=larger, test=larger)) is None


def test_a_reference_model_of_other_classes_is_refused() -> None:
    model = bundled_reference_model(DATASET)
    with pytest.raises(UsageError, match="fashion-cnn"):
        run_stages(replace(DATASET, classes=tuple("abcdefghij")), SPLITS, OPTIONS, model)


@pytest.mark.usefixtures("_drawn_before")
def test_the_reference_accuracy_is_stated_without_leaked_images() -> None:
    doubled = LabeledImages(
        np.concatenate([DATASET.test.images, DATASET.train.images[:10]]),
        np.concatenate([DATASET.test.labels, DATASET.train.labels[:10]]),
    )
    result = run_stages(replace(DATASET, test=doubled), SPLITS, OPTIONS, bundled_reference_model(DATASET))
    audit = result.metrics["audit"]
    assert audit["duplicates"]["leaked_test_images"] == 10
    assert audit["reference_model"]["test"]["n"] == 50
    assert audit["reference_model"]["test_without_leakage"]["0.999"]["n"] == 40
    assert "10 of 50 test images repeat a training image" in result.sections[3].text
    assert "on the 40 that repeat none" in result.sections[3].text


@pytest.fixture
def label_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """A DNN that trains in a second, in place of the CNN of the label audit."""
    small = replace(
        recipes.preset("dnn", "fast"),
        network=recipes.PcaMlp(components=40, whitening=0.25, hidden=(64,), batch_norm=True),
        optimizer=recipes.Optimizer(learning_rate=0.01),
        augment=recipes.Augment(),
        epochs=6,
        batch_size=20,
        precision="float32",
    )
    monkeypatch.setattr(module.recipes, "preset", lambda model, preset: small)


@pytest.mark.usefixtures("label_recipe", "_drawn_before")
def test_exchanged_labels_are_found_by_out_of_fold_models() -> None:
    train, test = draw_garments(300, 20), draw_garments(100, 21)
    swapped = {"train": [11, 57, 123, 200], "test": [3, 44, 60, 71]}
    for name, split in (("train", train), ("test", test)):
        split.labels[swapped[name]] = (split.labels[swapped[name]] + 1) % 10
    result = run_stages(
        replace(DATASET, train=train, test=test),
        {"train": train.labels},
        ExploreOptions(map="none", audit="labels"),
        None,
    )
    audit = result.metrics["audit"]
    assert (audit["labels"]["model"], audit["labels"]["folds"]) == ("dnn fast", 3)
    for name in ("train", "test"):
        found = {row["index"] for row in audit["findings"] if (row["kind"], row["split"]) == ("label", name)}
        assert len(found & set(swapped[name])) >= 3  # of 4: one may look like both classes
        assert len(found) <= 10
        assert 0.9 < audit["labels"][name]["out_of_fold_accuracy"] < 1
    assert {"audit-labels-train", "audit-labels-test"} <= set(result.figures)


@pytest.mark.usefixtures("_drawn_before")
def test_test_labels_of_one_class_are_refused_before_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "out_of_fold_probabilities", None)
    one = replace(DATASET, test=LabeledImages(DATASET.test.images, np.full(40, 2)))
    with pytest.raises(DataError, match="all 40 images have the label 2"):
        run_stages(one, SPLITS, ExploreOptions(map="none", audit="labels"), None)


@pytest.mark.usefixtures("_drawn_before")
def test_too_few_images_for_the_folds_are_refused() -> None:
    labels = DATASET.train.labels.copy()
    labels[labels == 6] = 0
    labels[:2] = 6
    few = replace(DATASET, train=LabeledImages(DATASET.train.images, labels))
    with pytest.raises(DataError, match="class 6 has 2 images"):
        run_stages(few, SPLITS, ExploreOptions(map="none", audit="labels"), None)


def test_file_names_that_are_not_utf8_reach_audit_and_json(tmp_path: Path) -> None:
    for name, seed in (("coat", 0), (os.fsdecode(b"caf\xe9"), 1)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number, image in enumerate(draw_garments(8, seed).images):
            Image.fromarray(image).save(tmp_path / "data" / name / os.fsdecode(b"\xff%d.png" % (number % 7)))
        Image.fromarray(image).save(tmp_path / "data" / name / "copy.png")
    run = explore(out=tmp_path / "out", data=tmp_path / "data", map="none")
    findings = [row for row in run.to_json()["audit"]["findings"] if row["kind"] == "exact-duplicate"]
    assert len(findings) == 2
    assert all(Path(row["file"]).is_file() and Path(row["duplicate_of"]).is_file() for row in findings)
    assert (run.path / "audit.csv").read_text(encoding="utf-8").count("\\udcff0.png") == 2
    assert run.report.read_text(encoding="utf-8")
