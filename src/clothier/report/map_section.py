"""The stage of an exploration that maps all pictures: figures for the report, and a page and a file beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clothier.exploration.embedding_map import PIXELS, make_map
from clothier.exploration.tsne.embedding import FEWEST
from clothier.report.explore_sections import Stage
from clothier.report.figures.embedding_map import map_figures
from clothier.report.formatting import duration, percent
from clothier.report.limitations import FASHION_MNIST
from clothier.report.map_page import MapContent, render_map
from clothier.report.reference_study import ORIGINAL_MAP
from clothier.report.sections import Chapter
from clothier.types import silent

if TYPE_CHECKING:
    from clothier.data.dataset import Dataset
    from clothier.exploration.embedding_map import GarmentMap, MapFacts
    from clothier.exploration.tsne.map_quality import MapQuality
    from clothier.types import Classifier, Progress

PAGE, ARRAYS = "map.html", "map.npz"
THIS, PLANE, ORIGINAL = "this map", "two components", "original study"


def look_at_map(
    dataset: Dataset,
    mapped: Classifier | None,
    judge: Classifier | None,
    *,
    perplexity: float | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> Stage:
    """A t-SNE map of both parts, and its page.

    Args:
        dataset: what to map.
        mapped: whose embeddings to map; None maps the pixels.
        judge: whose answers the page can colour by; None for nobody's.
        perplexity: of the map; None for the usual one, or less where there are few pictures.
        seed: likewise.
        progress: told of every stage.

    Raises:
        DataError: pictures that are all the same, or too few for a map.
        UsageError: a perplexity that does not suit so many pictures.
    """
    n = len(dataset.train) + len(dataset.test)
    if n < FEWEST and perplexity is None:
        said = f"A map wants {FEWEST} pictures or more, and there are {n}."
        return Stage("map", None, Chapter("map", "The map", said, {}))
    made = make_map(dataset, mapped, perplexity=perplexity, seed=seed, progress=progress)
    judged = _judged(made.facts, dataset)
    labels = np.concatenate([dataset.train.labels, dataset.test.labels])
    figures = map_figures(made.positions, labels, dataset.classes, judged, seed)
    progress("map page", 0, 1)
    page = render_map(_content(made, dataset, judge))
    progress("map page", 1, 1)
    beside = {PAGE: "Open the map: every picture a point"}
    chapter = Chapter("map", "The map", _text(made.facts), figures, beside=beside)
    numbers: dict[str, Any] = {**made.facts.to_json(), "beside": {name: one.to_json() for name, one in judged.items()}}
    return Stage("map", numbers, chapter, {PAGE: page.encode(), ARRAYS: made.to_bytes()})


def _judged(facts: MapFacts, dataset: Dataset) -> dict[str, MapQuality]:
    """This map beside what it must beat; the original study's setting is known for its own data alone."""
    judged = {THIS: facts.quality, PLANE: facts.plane}
    return {**judged, ORIGINAL: ORIGINAL_MAP} if dataset.name == FASHION_MNIST else judged


def _content(made: GarmentMap, dataset: Dataset, judge: Classifier | None) -> MapContent:
    images = np.concatenate([dataset.train.images, dataset.test.images])
    return MapContent(
        title=f"{len(images):,} pictures of {dataset.name}",
        positions=made.positions,
        images=images,
        labels=np.concatenate([dataset.train.labels, dataset.test.labels]),
        classes=dataset.classes,
        parts={"train": len(dataset.train), "test": len(dataset.test)},
        answers=None if judge is None else judge.run(images).logits.argmax(axis=1),
        model=None if judge is None else judge.name,
        sentences=(_text(made.facts),),
    )


def _text(facts: MapFacts) -> str:
    """How it was made, and how far it can be trusted."""
    of = "the pixels" if facts.source == PIXELS else f"the embeddings of {facts.source}"
    made = f"A t-SNE map of {of} ({facts.components} principal components, perplexity {facts.perplexity:g}), made in "
    return f"{made}{duration(facts.seconds)}. {_trust(facts.quality)}"


def _trust(quality: MapQuality) -> str:
    if quality.knn10 is None:
        return "There are too few pictures to say how good it is."
    votes = f"the ten nearest training pictures on the map name {percent(quality.knn10, 1)} of the test pictures right"
    wide = "" if quality.knn100 is None else f", the hundred nearest {percent(quality.knn100, 1)}"
    return f"Near means alike, far means little: {votes}{wide}."
