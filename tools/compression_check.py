"""Chooses the compressed graph of a bundled model: the first candidate that is accurate enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clothier import bundle
from clothier.inference.loading import open_model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from clothier.bundle import Bundle, BundleMetadata
    from clothier.types import Images, Labels

MIN_AGREEMENT = 0.99  # fraction of predictions that must stay the same
MAX_ACCURACY_LOSS = 0.001


def save_first_valid(
    path: Path,
    metadata: BundleMetadata,
    graphs: Mapping[str, Callable[[], bytes]],
    weights: bytes,
    optional_files: Mapping[str, bytes],
    problem: Callable[[str, Bundle], str | None],
) -> Bundle:
    """Saves the first of ``graphs``, kind to graph, for which ``problem(kind, bundle)`` is None.

    Raises:
        SystemExit: there is none; ``path`` has the last candidate.
    """
    for kind, make_graph in graphs.items():
        compressed = bundle.save(path, metadata, bundle.described(make_graph(), metadata), weights, optional_files)
        reason = problem(kind, compressed)
        if reason is None:
            print(f"{path.name}: {kind}")
            return compressed
        print(f"{path.name}: not {kind}: {reason}")
    raise SystemExit(f"{path.name}: no compressed graph is accurate enough")


def accuracy_problem(reference: Bundle, compressed: Bundle, images: Images, labels: Labels) -> str | None:
    """Why ``compressed`` is not accurate enough on labeled images; None if it is."""
    before, after = (open_model(one).run(images).logits.argmax(1) for one in (reference, compressed))
    agreement = float((before == after).mean())
    lost = float((before == labels).mean() - (after == labels).mean())
    if agreement >= MIN_AGREEMENT and lost < MAX_ACCURACY_LOSS:
        return None
    return f"{agreement:.2%} of the predictions stay the same, {100 * lost:.2f} percentage points are lost"
