"""Every picture of a contact sheet stands above its own words."""

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

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from clothier.data.dataset import Dataset


@pytest.fixture
def pool(dataset: Dataset) -> CombinedSplits:
    """200 training and 80 test pictures that tell their label; two were copied across and two nearly."""
    pool = CombinedSplits.from_dataset(dataset)
    for source, copy in ((4, 230), (9, 33)):
        pool.images[copy], pool.labels[copy] = pool.images[source], pool.labels[source]
    for source, copy in ((40, 250), (41, 51)):
        pool.images[copy], pool.labels[copy] = pool.images[source], pool.labels[source]
        pool.images[copy, 4, 4] ^= 1
    return pool


@pytest.fixture
def duplicates(pool: CombinedSplits) -> Duplicates:
    return find_duplicates(pool.images)


@pytest.fixture
def issues(pool: CombinedSplits) -> tuple[LabelIssues, LabelIssues]:
    generator = np.random.default_rng(2)
    parts = pool.labels[: pool.n_train], pool.labels[pool.n_train :]
    scores = [2 * np.eye(10)[labels] + generator.normal(size=(len(labels), 10)) for labels in parts]
    return tuple(label_issues(labels, softmax(logits)) for labels, logits in zip(parts, scores, strict=True))


def captions(figure: Figure) -> list[tuple[np.ndarray, list[str]]]:
    """Each picture of a sheet as (H, W) uint8, and the lines below it, found by their place."""
    axes = figure.axes[0]
    found = []
    for image in axes.images:
        left, right, bottom, _ = image.get_extent()
        below = sorted(
            (text.get_position()[1], text.get_text())
            for text in axes.texts
            if left < text.get_position()[0] < right and bottom < text.get_position()[1] < bottom + 0.85
        )
        pixels = np.round(255 * np.asarray(image.get_array())[..., 3]).astype(np.uint8)
        found.append((pixels, [words for _, words in below]))
    return found


def index_of(pool: CombinedSplits, name: str) -> int:
    part, index = name.split()
    return int(index) + (pool.n_train if part == "test" else 0)


def check_tile(pool: CombinedSplits, image: np.ndarray, lines: list[str]) -> int:
    """The picture and its class are those of the place that its second line names."""
    at = index_of(pool, lines[1])
    assert np.array_equal(image, pool.images[at])
    assert lines[0] == FASHION_MNIST_CLASSES[pool.labels[at]]
    return at


def test_copies_stand_beside_one_another(pool: CombinedSplits, duplicates: Duplicates) -> None:
    drawing = audit.exact_duplicates(pool, duplicates.exact)
    shown = captions(drawing.figure)
    assert [check_tile(pool, *one) for one in shown] == [4, 230, 9, 33]
    assert drawing.title == "4 pictures are exact copies of one another, in 2 groups"
    assert {lines[2] for _, lines in shown} == {"1 of 2"}


def test_near_duplicates_stand_beside_one_another_with_their_correlation(
    pool: CombinedSplits, duplicates: Duplicates
) -> None:
    drawing = audit.near_duplicates(pool, duplicates)
    shown = captions(drawing.figure)
    places = [check_tile(pool, *one) for one in shown]
    assert {tuple(places[:2]), tuple(places[2:])} == {(40, 250), (41, 51)}
    for first, second in ((0, 1), (2, 3)):
        pair = [pool.images[places[side]].ravel().astype(float) for side in (first, second)]
        assert {shown[first][1][2], shown[second][1][2]} == {f"r = {np.corrcoef(*pair)[0, 1]:.5f}"}
    assert drawing.title == "2 pairs of pictures are nearly the same, 1 of them across train and test"
    assert drawing.note.startswith("All of them, the most suspicious first.")


def test_of_a_group_the_most_alike_pair_is_shown_once(pool: CombinedSplits) -> None:
    pool.images[60], pool.labels[60] = pool.images[40], pool.labels[40]
    pool.images[60, 2, 2] ^= 3
    duplicates = find_duplicates(pool.images)
    assert len(duplicates.near_pairs) == 4
    shown = captions(audit.near_duplicates(pool, duplicates).figure)
    assert len(shown) == 2 * len(duplicates.near) == 4
    assert {check_tile(pool, *one) for one in shown} == {40, 250, 41, 51}


def test_doubtful_labels_stand_above_what_was_suggested(
    pool: CombinedSplits, issues: tuple[LabelIssues, LabelIssues]
) -> None:
    figures = audit_figures(pool, Duplicates((), (), find_duplicates(pool.images).pairs.above(1.1)), (), issues)
    assert list(figures) == ["audit-labels-train", "audit-labels-test"]
    for start, found, drawing in zip((0, pool.n_train), issues, figures.values(), strict=True):
        shown = captions(drawing.figure)
        assert len(shown) == min(audit.MAX_TILES, len(found.issue_indices)) > 5
        for (image, lines), index in zip(shown, found.issue_indices, strict=False):
            assert check_tile(pool, image, lines) == start + index
            assert lines[2].startswith("→ ")
            assert FASHION_MNIST_CLASSES[found.suggested_labels[index]].startswith(lines[2][2:].rstrip("…"))
            assert lines[3] == f"{-100 * found.margin[index]:.1f}\N{NO-BREAK SPACE}%"
        part, n = ("train", 200) if start == 0 else ("test", 80)
        assert drawing.title == f"{len(found.issue_indices)} of {n} labels in {part} are doubtful"


def test_outliers_stand_above_their_suspicion(pool: CombinedSplits) -> None:
    found = [Outlier(210, 9.26, "at border"), Outlier(3, 7.0, "nearly empty")]
    drawing = audit.outlier_gallery(pool, found)
    shown = captions(drawing.figure)
    assert [check_tile(pool, *one) for one in shown] == [210, 3]
    assert [lines[2:] for _, lines in shown] == [["at border", "9 spreads"], ["nearly empty", "7 spreads"]]
    assert drawing.title == "2 pictures of 280 stand out from their class by light alone"


def test_pictures_of_files_are_called_by_their_name(pool: CombinedSplits) -> None:
    files = tuple(f"shop/{number}.jpg" for number in range(280))
    drawing = audit.outlier_gallery(replace(pool, files=files), [Outlier(210, 9.26, "at border")])
    assert captions(drawing.figure)[0][1][:2] == [FASHION_MNIST_CLASSES[pool.labels[210]], "210.jpg"]
    assert drawing.title == "1 picture of 280 stands out from its class by light alone"
    assert drawing.note.startswith("The only one.")


def test_where_nothing_was_found_nothing_is_drawn(dataset: Dataset) -> None:
    pool = CombinedSplits.from_dataset(dataset)
    assert audit_figures(pool, find_duplicates(pool.images), ()) == {}


def test_a_long_list_says_how_much_of_it_is_shown(pool: CombinedSplits) -> None:
    found = [Outlier(index, 9.0, "at border") for index in range(100)]
    drawing = audit.outlier_gallery(pool, found)
    assert len(drawing.figure.axes[0].images) == audit.MAX_TILES
    assert drawing.note.startswith(f"The {audit.MAX_TILES} most suspicious of 100 pictures.")
