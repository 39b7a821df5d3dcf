"""A network that does not fit into memory is refused before any memory is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clothier import system
from clothier.errors import UsageError
from clothier.recipes import PcaMlp, WhitenedCnn
from clothier.training.networks import build_network

if TYPE_CHECKING:
    from clothier.data.dataset import LabeledImages


@pytest.mark.parametrize(
    ("network", "weights"),
    [
        (PcaMlp(components=20, hidden=(65_536,) * 3), "8,592,"),
        (WhitenedCnn(widths=(65_536,) * 3), "193,"),
    ],
    ids=["dnn", "cnn"],
)
def test_a_network_that_is_too_large_is_refused(
    network: PcaMlp | WhitenedCnn, weights: str, garments: LabeledImages
) -> None:
    with pytest.raises(
        UsageError, match=rf"^the recipe's network has {weights}[\d,]+ weights and needs about [\d,.]+ GB"
    ):
        build_network(network, garments.images, 10, 0)


def test_the_outputs_of_a_batch_count(garments: LabeledImages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "available_memory", lambda: 100_000_000)
    build_network(WhitenedCnn(), garments.images, 10, 0, batch_size=10)
    with pytest.raises(UsageError, match=r"with batches of 300; this machine has 0\.1 GB"):
        build_network(WhitenedCnn(), garments.images, 10, 0, batch_size=1_000)


def test_where_the_memory_is_unknown_nothing_is_refused(
    garments: LabeledImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "available_memory", lambda: None)
    build_network(WhitenedCnn(), garments.images, 10, 0, batch_size=1_000)
