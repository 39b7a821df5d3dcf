from __future__ import annotations

import pytest

from clothier.data.synthetic import draw_garments
from clothier.workflows.benchmark_pca import PcaBenchmark, benchmark_pca


def test_every_side_is_timed_in_every_round() -> None:
    heard = []
    found = benchmark_pca(
        draw_garments(60, 0).images, components=5, rounds=3, progress=lambda *said: heard.append(said[:3])
    )
    assert {name: len(taken) for name, taken in found.seconds.items()} == {
        "pca": 3,
        "scikit-learn, float32": 3,
        "scikit-learn, float64": 3,
    }
    assert all(0 < row["min"] <= row["median"] <= row["max"] and row["n"] == 60 for row in found.rows)
    assert heard == [("benchmark pca", done, 3) for done in range(4)]


def test_the_ratio_is_paired_and_to_the_quicker_rival() -> None:
    seconds = {"pca": [1.0, 4.0, 3.0], "slow": [9.0, 9.0, 9.0], "quick": [2.0, 2.0, 2.0]}
    found = PcaBenchmark(10, seconds)
    assert found.ratio == 1.5
    assert found.to_json()["ratios"] == {"pca/scikit-learn": pytest.approx(1.5)}
