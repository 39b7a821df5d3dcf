"""The grid of small images."""

from __future__ import annotations

import numpy as np

from clothier.report.figures.gallery import Tile, gallery


def test_a_gallery_has_gaps_headings_and_signed_tiles() -> None:
    figure = gallery([Tile(np.eye(3), "a"), None, Tile(np.eye(3) - 0.5, "b", signed=True)], 2, ["left", "right"])
    positive, negative = (figure.axes[0].images[1].get_array()[place] for place in ((0, 0), (0, 1)))
    assert len(figure.axes[0].images) == 2
    assert positive[3] == negative[3] == 1
    assert not np.array_equal(positive[:3], negative[:3])
    assert {"left", "right", "a", "b"} == {text.get_text() for text in figure.axes[0].texts}
