"""Every image of an audit gallery has its own caption."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from clothier.data.combined_splits import CombinedSplits
from clothier.exploration.audit.duplicates import Duplicates, find_duplicates
from clothier.exploration.audit.label_issues import LabelIssues, label_issues
from clothier.exploration.audit.outliers import Outlier
from clothier.metrics import softmax
from clothier.report.figures import audit
from clothier.report.figures.audit import audit_figures
from clothier.taxonomy import FASHION_MNIST_CLASSES

from ..conftest import captions, touching_texts

if TYPE_CHECKING:
    from clothier.data.dataset import Dataset


@pytest.fixture
def combined(dataset: Dataset) -> CombinedSplits:
    """200 training and 80 test images that encode their label, with two exact and two near duplicates."""
    combined = CombinedSplits.from_dataset(dataset)
    for source, copy in ((4, 230), (9, 33)):
        combined.images[copy], combined.labels[copy] = combined.images[source], combined.labels[source]
    for source, copy in ((40, 250), (41, 51)):
        combined.images[copy], combined.labels[copy] = combined.images[source], combined.labels[source]
        combined.images[copy, 4, 4] ^= 1
    return combined


@pytest.fixture
def duplicates(combined: CombinedSplits) -> Duplicates:
    return find_duplicates(combined.images)


@pytest.fixture
def issues(combined: CombinedSplits) -> tuple[LabelIssues, LabelIssues]:
    generator = np.random.default_rng(2)
    parts = combined.labels[: combined.n_train], combined.labels[combined.n_train :]
    scores = [2 * np.eye(10)[labels] + generator.normal(size=(len(labels), 10)) for labels in parts]
    return tuple(label_issues(labels, softmax(logits)) for labels, logits in zip(parts, scores, strict=True))


def index_of(combined: CombinedSplits, name: str) -> int:
    part, index = name.split()
    return int(index) + (combined.n_train if part == "test" else 0)


def check_tile(combined: CombinedSplits, image: np.ndarray, lines: list[str]) -> int:
    """The image and its class are those of the index in its second line."""
    at = index_of(combined, lines[1])
    assert np.array_equal(image, combined.images[at])
    assert lines[0] == FASHION_MNIST_CLASSES[combined.labels[at]]
    return at


def test_exact_duplicates_are_side_by_side(combined: CombinedSplits, duplicates: Duplicates) -> None:
    captioned = audit.exact_duplicates(combined, duplicates.exact)
    shown = captions(captioned.figure)
    assert [check_tile(combined, *one) for one in shown] == [4, 230, 9, 33]
    assert captioned.title == "4 images are exact duplicates, in 2 groups"
    assert {lines[2] for _, lines in shown} == {"1 of 2"}


def test_near_duplicates_are_side_by_side_with_their_correlation(
    combined: CombinedSplits, duplicates: Duplicates
) -> None:
    captioned = audit.near_duplicates(combined, duplicates)
    assert touching_texts(captioned.figure) == []
    shown = captions(captioned.figure)
    places = [check_tile(combined, *one) for one in shown]
    assert {tuple(places[:2]), tuple(places[2:])} == {(40, 250), (41, 51)}
    for first, second in ((0, 1), (2, 3)):
        pair = [combined.images[places[side]].ravel().astype(float) for side in (first, second)]
        assert {shown[first][1][2], shown[second][1][2]} == {f"r = {np.corrcoef(*pair)[0, 1]:.5f}"}
    assert captioned.title == "2 pairs of near duplicates, 1 of them across train and test"
    assert captioned.note.startswith("All of them, the strongest first.")


def test_the_most_similar_pair_of_a_group_is_shown_once(combined: CombinedSplits) -> None:
    combined.images[60], combined.labels[60] = combined.images[40], combined.labels[40]
    combined.images[60, 2, 2] ^= 3
    duplicates = find_duplicates(combined.images)
    assert len(duplicates.near_pairs) == 4
    shown = captions(audit.near_duplicates(combined, duplicates).figure)
    assert len(shown) == 2 * len(duplicates.near) == 4
    assert {check_tile(combined, *one) for one in shown} == {40, 250, 41, 51}


def test_suspected_label_errors_have_the_suggested_label(
    combined: CombinedSplits, issues: tuple[LabelIssues, LabelIssues]
) -> None:
    figures = audit_figures(combined, Duplicates((), (), find_duplicates(combined.images).pairs.above(1.1)), (), issues)
    assert list(figures) == ["audit-labels-train", "audit-labels-test"]
    for start, found, captioned in zip((0, combined.n_train), issues, figures.values(), strict=True):
        shown = captions(captioned.figure)
        assert len(shown) == min(audit.MAX_TILES, len(found.issue_indices)) > 5
        for (image, lines), index in zip(shown, found.issue_indices, strict=False):
            assert check_tile(combined, image, lines) == start + index
            assert lines[2].startswith("→ ")
            assert FASHION_MNIST_CLASSES[found.suggested_labels[index]].startswith(lines[2][2:].rstrip("…"))
            assert lines[3] == f"{-100 * found.margin[index]:.1f}\N{NO-BREAK SPACE}%"
        part, n = ("train", 200) if start == 0 else ("test", 80)
        assert captioned.title == f"{len(found.issue_indices)} of {n} labels in {part} are suspected errors"


def test_outliers_have_their_reason(combined: CombinedSplits) -> None:
    found = [Outlier(210, 9.26, "at border"), Outlier(3, 7.0, "nearly empty")]
    captioned = audit.outlier_gallery(combined, found)
    shown = captions(captioned.figure)
    assert [check_tile(combined, *one) for one in shown] == [210, 3]
    assert [lines[2:] for _, lines in shown] == [["at border", "9 std"], ["nearly empty", "7 std"]]
    assert captioned.title == "Outliers of their class among 280 images: 1 at border, 1 nearly empty"


def test_images_of_files_have_the_file_name(combined: CombinedSplits) -> None:
    files = tuple(f"shop/{number}.jpg" for number in range(280))
    captioned = audit.outlier_gallery(replace(combined, files=files), [Outlier(210, 9.26, "at border")])
    assert captions(captioned.figure)[0][1][:2] == [FASHION_MNIST_CLASSES[combined.labels[210]], "210.jpg"]
    assert captioned.title == "Outliers of their class among 280 images: 1 at border"
    assert captioned.note.startswith("The only one.")
    wide = tuple(f"shop/00{number:06d}.jpg" for number in range(280))
    outliers = [Outlier(index, 9.26, "at border") for index in (210, 211)]
    captioned = audit.outlier_gallery(replace(combined, files=wide), outliers)
    assert captions(captioned.figure)[0][1][1] == "0000021…"
    assert touching_texts(captioned.figure) == []


def test_without_findings_there_are_no_figures(dataset: Dataset) -> None:
    combined = CombinedSplits.from_dataset(dataset)
    assert audit_figures(combined, find_duplicates(combined.images), ()) == {}


def test_a_long_list_states_how_much_of_it_is_shown(combined: CombinedSplits) -> None:
    found = [Outlier(index, 9.0, "at border") for index in range(100)]
    captioned = audit.outlier_gallery(combined, found)
    assert len(captioned.figure.axes[0].images) == audit.MAX_TILES
    assert captioned.note.startswith(f"The {audit.MAX_TILES} strongest of 100 images.")
