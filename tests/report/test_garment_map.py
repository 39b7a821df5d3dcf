"""The map on one sheet: every picture is on it, and its quality below it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from clothier.analysis.map_quality import MapQuality
from clothier.report.figures.garment_map import LARGEST, SMALLEST, garment_map

QUALITY = MapQuality(60, 0.83, 0.81, 0.9912, 60)
PLANE = MapQuality(60, 0.52, 0.55, 0.9, 60)
CLASSES = ("Coat", "Bag", "Shoe")
LABELS = np.arange(60) % 3
PLACES = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)


def test_every_picture_is_a_dot_in_the_colour_of_its_class() -> None:
    (axes,) = garment_map(PLACES, LABELS, CLASSES, QUALITY, PLANE).figure.axes
    dots, colours = np.asarray(axes.collections[0].get_offsets()), axes.collections[0].get_facecolors()
    order = [int(np.flatnonzero((dot == PLACES).all(axis=1))[0]) for dot in dots.astype(np.float32)]
    assert sorted(order) == list(range(60))
    assert order != sorted(order)
    for label in range(3):
        assert len(np.unique(colours[LABELS[order] == label], axis=0)) == 1
    assert len(np.unique(colours, axis=0)) == 3
    assert {words.get_text() for words in axes.texts} == set(CLASSES)


def test_the_quality_stands_below_against_that_of_two_components() -> None:
    drawn = garment_map(PLACES, LABELS, CLASSES, QUALITY, PLANE)
    assert drawn.title == "60 images laid out by t-SNE: what looks alike lies together"
    note = drawn.note.replace("\N{NO-BREAK SPACE}", " ")
    assert "10 neighbours on the map name 83.0 % of unseen images, on two components 52.0 %" in note
    assert "trustworthiness is 0.991, against 0.900" in note


def test_what_could_not_be_measured_is_left_out() -> None:
    nothing = replace(QUALITY, knn10=None, knn100=None, trustworthiness=None)
    assert garment_map(PLACES, LABELS, CLASSES, nothing, PLANE).note == (
        "Directions and distances between islands mean nothing."
    )


@pytest.mark.parametrize(("n", "size"), [(60, LARGEST), (70_000, SMALLEST)])
def test_many_dots_are_small(n: int, size: float) -> None:
    places = np.random.default_rng(0).normal(size=(n, 2)).astype(np.float32)
    (axes,) = garment_map(places, np.arange(n) % 3, CLASSES, QUALITY, PLANE).figure.axes
    assert axes.collections[0].get_sizes().tolist() == [size]
