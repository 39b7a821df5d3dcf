"""Scatter plots by class: every point is drawn, and the metrics are the measured ones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from matplotlib.collections import PathCollection

from clothier.exploration.pca import PCA, fit_pca
from clothier.exploration.tsne.map_quality import MapQuality
from clothier.report.figures import scatter
from clothier.report.figures.scatter import MAX_DOT_AREA, MIN_DOT_AREA, map_quality_bars, map_scatter
from clothier.taxonomy import FASHION_MNIST_CLASSES

from ..conftest import plain, touching_texts

if TYPE_CHECKING:
    from clothier.data.dataset import LabeledImages

MAP_QUALITY = MapQuality(n=300, knn10=0.84, knn100=0.81, trustworthiness=0.99, trustworthiness_n=300)
PCA_BASELINE = MapQuality(n=300, knn10=0.53, knn100=0.56, trustworthiness=0.92, trustworthiness_n=300)
CLASSES = ("coat", "$5 <b>bag", "boot")


def test_the_scatter_shows_projections_and_class_overlap() -> None:
    images = np.zeros((40, 2, 2), np.uint8)
    images[20:] = 200
    images[:, 0, 0] += np.arange(40, dtype=np.uint8) % 7
    labels = np.repeat([0, 1], 20)
    pca = fit_pca(images)
    captioned = scatter.component_scatter(pca.transform(images), labels, ("Coat", "Bag"), pca)
    offsets = captioned.figure.axes[0].collections[0].get_offsets()
    assert sorted(offsets[:, 0].tolist()) == pytest.approx(sorted(pca.transform(images)[:, 0].tolist()))
    assert "100\N{NO-BREAK SPACE}% of the images are closest to the median of their own class" in captioned.note
    assert captioned.note.startswith("All 40 images")
    assert {text.get_text() for text in captioned.figure.axes[0].texts} == {"Coat", "Bag"}


def test_labels_in_a_scatter_do_not_overlap() -> None:
    crowded = np.array([[0.0, 0.0], [0.1, 0.01], [0.05, 0.02], [5.0, 0.0]])
    moved = scatter.repel_labels(crowded, np.array([10.0, 10.0]))
    assert np.array_equal(moved[[0, 3]], crowded[[0, 3]])
    assert np.diff(np.sort(moved[:3, 1])).min() >= scatter.LABEL_HEIGHT * 10 - 1e-9


def test_the_3d_scatter_shows_the_projections(labeled: LabeledImages, pca: PCA) -> None:
    features = pca.transform(labeled.images)
    captioned = scatter.component_scatter_3d(features, labeled.labels, FASHION_MNIST_CLASSES, pca)
    axes = captioned.figure.axes[0]
    drawn = np.column_stack([np.asarray(along) for along in axes.collections[0]._offsets3d])
    assert np.sort(drawn, axis=0) == pytest.approx(np.sort(features[:, :3], axis=0))
    assert {text.get_text() for text in axes.texts} == set(FASHION_MNIST_CLASSES)
    share = (pca.explained_variance[:3] / pca.total_variance).sum()
    assert plain(captioned.title) == f"The first three components explain {100 * share:.0f} % of the variance"
    assert captioned.note.startswith("All 200 images, colored by class.")
    assert max(len(axis.get_majorticklocs()) for axis in (axes.xaxis, axes.yaxis, axes.zaxis)) <= 6


def points(n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, n)
    return (rng.normal(0, 1, (n, 2)) + 5 * labels[:, None]).astype(np.float32), labels


def test_every_point_is_drawn_in_the_color_of_its_class() -> None:
    positions, labels = points()
    captioned = map_scatter(positions, labels, CLASSES, MAP_QUALITY, PCA_BASELINE)
    (dots,) = [one for one in captioned.figure.axes[0].collections if isinstance(one, PathCollection)]
    drawn = np.asarray(dots.get_offsets())
    order = [int(np.flatnonzero((positions == place).all(axis=1))[0]) for place in drawn.astype(np.float32)]
    assert sorted(order) == list(range(300))
    colors = {}
    for place, color in zip(order, dots.get_facecolors(), strict=True):
        colors.setdefault(int(labels[place]), set()).add(tuple(color))
    assert [len(one) for one in colors.values()] == [1, 1, 1]
    assert len(set().union(*colors.values())) == 3


def test_the_note_states_the_quality() -> None:
    note = plain(map_scatter(*points(), CLASSES, MAP_QUALITY, PCA_BASELINE).note)
    assert "With 10 neighbors, k-NN accuracy is 84.0 % on the map and 53.0 % on two components." in note
    assert "Trustworthiness is 0.990 on the map and 0.920 on two components." in note


def test_bars_show_the_metrics() -> None:
    qualities = {"this map": MAP_QUALITY, "two components": PCA_BASELINE, "reference study": PCA_BASELINE}
    captioned = map_quality_bars(qualities)
    assert touching_texts(captioned.figure) == []
    assert [axes.get_yticklabels()[1].get_text() for axes in captioned.figure.axes[:1]] == ["two components"]
    lengths = [[round(bar.get_width(), 3) for bar in axes.patches] for axes in captioned.figure.axes]
    assert lengths == [[0.84, 0.53, 0.53], [0.81, 0.56, 0.56], [0.99, 0.92, 0.92]]
    assert plain(captioned.title).startswith("Accuracy with ten neighbors: 84.0 % on this map, 53.0 % on two comp")
    assert "accuracy with 10 neighbors, accuracy with 100 neighbors, trustworthiness" in captioned.alt
    assert "this map: 0.840, 0.810, 0.990" in captioned.alt


def test_a_value_stands_beside_a_short_bar() -> None:
    short = replace(PCA_BASELINE, knn100=0.145)
    panel = map_quality_bars({"this map": MAP_QUALITY, "two components": short}).figure.axes[1]
    places = {text.get_text(): text.get_position()[0] for text in panel.texts}
    assert places == {"0.810": 0.03, "0.145": pytest.approx(0.175)}


def test_an_unknown_metric_has_no_bar() -> None:
    captioned = map_quality_bars({"this map": replace(MAP_QUALITY, knn100=None), "two components": PCA_BASELINE})
    assert "this map: 0.840, unknown, 0.990" in captioned.alt
    assert captioned.figure.axes[1].patches[0].get_width() == 0


def test_unknown_metrics_are_not_in_the_note() -> None:
    nothing = replace(MAP_QUALITY, knn10=None, knn100=None, trustworthiness=None)
    note = map_scatter(*points(), CLASSES, nothing, PCA_BASELINE).note
    assert note == "Directions and distances between clusters have no meaning."


@pytest.mark.parametrize(("n", "size"), [(300, MAX_DOT_AREA), (70_000, MIN_DOT_AREA)])
def test_many_dots_are_small(n: int, size: float) -> None:
    (axes,) = map_scatter(*points(n), CLASSES, MAP_QUALITY, PCA_BASELINE).figure.axes
    assert axes.collections[0].get_sizes().tolist() == [size]
