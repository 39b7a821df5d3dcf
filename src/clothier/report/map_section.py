"""The stage of an exploration that maps all pictures: figures for the report, and a page and a file beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clothier.exploration.embedding_map import PIXELS, fit_map
from clothier.exploration.tsne.embedding import MIN_POINTS
from clothier.report.explore_sections import StageResult
from clothier.report.figures.embedding_map import map_figures
from clothier.report.formatting import format_duration, format_percent
from clothier.report.limitations import FASHION_MNIST_NAME
from clothier.report.map_page import MapContent, render_map
from clothier.report.reference_study import REFERENCE_MAP_QUALITY
from clothier.report.sections import Section
from clothier.types import no_progress

if TYPE_CHECKING:
    from clothier.data.dataset import Dataset
    from clothier.exploration.embedding_map import EmbeddingMap, MapMetadata
    from clothier.exploration.tsne.map_quality import MapQuality
    from clothier.types import Classifier, Progress

PAGE_FILE, ARRAYS_FILE = "map.html", "map.npz"
THIS_MAP, PCA_BASELINE, REFERENCE_STUDY = "this map", "two components", "original study"


def map_stage(
    dataset: Dataset,
    embedding_model: Classifier | None,
    reference_model: Classifier | None,
    *,
    perplexity: float | None = None,
    seed: int = 0,
    progress: Progress = no_progress,
) -> StageResult:
    """A t-SNE map of both parts, and its page.

    Args:
        dataset: what to map.
        embedding_model: whose embeddings to map; None maps the pixels.
        reference_model: whose answers the page can colour by; None for nobody's.
        perplexity: of the map; None for the usual one, or less where there are few pictures.
        seed: likewise.
        progress: told of every stage.

    Raises:
        DataError: pictures that are all the same, or too few for a map.
        UsageError: a perplexity that does not suit so many pictures.
    """
    n = len(dataset.train) + len(dataset.test)
    if n < MIN_POINTS and perplexity is None:
        said = f"A map wants {MIN_POINTS} pictures or more, and there are {n}."
        return StageResult("map", None, Section("map", "The map", said, {}))
    made = fit_map(dataset, embedding_model, perplexity=perplexity, seed=seed, progress=progress)
    judged = _qualities(made.metadata, dataset)
    labels = np.concatenate([dataset.train.labels, dataset.test.labels])
    figures = map_figures(made.positions, labels, dataset.classes, judged, seed)
    progress("map page", 0, 1)
    page = render_map(_page_content(made, dataset, reference_model))
    progress("map page", 1, 1)
    beside = {PAGE_FILE: "Open the map: every picture a point"}
    chapter = Section("map", "The map", _summary(made.metadata), figures, attachments=beside)
    numbers: dict[str, Any] = {
        **made.metadata.to_json(),
        "beside": {name: one.to_json() for name, one in judged.items()},
    }
    return StageResult("map", numbers, chapter, {PAGE_FILE: page.encode(), ARRAYS_FILE: made.to_bytes()})


def _qualities(metadata: MapMetadata, dataset: Dataset) -> dict[str, MapQuality]:
    """This map beside what it must beat; the original study's setting is known for its own data alone."""
    judged = {THIS_MAP: metadata.quality, PCA_BASELINE: metadata.pca_baseline}
    return {**judged, REFERENCE_STUDY: REFERENCE_MAP_QUALITY} if dataset.name == FASHION_MNIST_NAME else judged


def _page_content(embedding_map: EmbeddingMap, dataset: Dataset, reference_model: Classifier | None) -> MapContent:
    images = np.concatenate([dataset.train.images, dataset.test.images])
    return MapContent(
        title=f"{len(images):,} pictures of {dataset.name}",
        positions=embedding_map.positions,
        images=images,
        labels=np.concatenate([dataset.train.labels, dataset.test.labels]),
        classes=dataset.classes,
        splits={"train": len(dataset.train), "test": len(dataset.test)},
        predictions=None if reference_model is None else reference_model.run(images).logits.argmax(axis=1),
        model=None if reference_model is None else reference_model.name,
        quality_notes=(_summary(embedding_map.metadata),),
    )


def _summary(metadata: MapMetadata) -> str:
    """How it was made, and how far it can be trusted."""
    of = "the pixels" if metadata.source == PIXELS else f"the embeddings of {metadata.source}"
    made = f"A t-SNE map of {of} ({metadata.n_components} principal components, perplexity {metadata.perplexity:g}), made in "
    return f"{made}{format_duration(metadata.seconds)}. {_quality_sentence(metadata.quality)}"


def _quality_sentence(quality: MapQuality) -> str:
    if quality.knn10 is None:
        return "There are too few pictures to say how good it is."
    votes = f"the ten nearest training pictures on the map name {format_percent(quality.knn10, 1)} of the test pictures right"
    wide = "" if quality.knn100 is None else f", the hundred nearest {format_percent(quality.knn100, 1)}"
    return f"Near means alike, far means little: {votes}{wide}."
