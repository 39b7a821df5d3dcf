"""The section of an exploration on the t-SNE map: figures for the report, a page and an array file beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clothier.data.combined_splits import CombinedSplits
from clothier.exploration.embedding_map import PIXELS
from clothier.exploration.tsne.embedding import MIN_POINTS
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
THIS_MAP, PCA_BASELINE, REFERENCE_STUDY = "this map", "first two components", "reference study"
TASK = "map page"


def map_section(
    dataset: Dataset,
    embedding_map: EmbeddingMap,
    reference_model: Classifier | None,
    *,
    seed: int = 0,
    progress: Progress = no_progress,
) -> Section:
    """Figures of a map of both splits, and its page.

    Args:
        dataset: what was mapped.
        embedding_map: its map.
        reference_model: its predictions can color the page; None for no predictions.
        seed: of the points that are drawn.
        progress: called before and after the page is made.
    """
    combined, metadata = CombinedSplits.from_dataset(dataset), embedding_map.metadata
    qualities = _qualities(metadata, dataset)
    progress(TASK, 0, 1)
    page = render_map(_page_content(embedding_map, combined, dataset.name, reference_model))
    progress(TASK, 1, 1)
    return Section(
        "map",
        "The map",
        _summary(metadata),
        map_figures(embedding_map.positions, combined.labels, dataset.classes, qualities, seed),
        attachments={PAGE_FILE: "Open the map: one point per image"},
        metrics={**metadata.to_json(), "baselines": {name: quality.to_json() for name, quality in qualities.items()}},
        files={PAGE_FILE: page.encode(), ARRAYS_FILE: embedding_map.to_bytes()},
    )


def skipped_map_section(n_images: int) -> Section:
    """Says that there are too few images for a map."""
    return Section("map", "The map", f"A map needs at least {MIN_POINTS} images; there are {n_images}.", {})


def _qualities(metadata: MapMetadata, dataset: Dataset) -> dict[str, MapQuality]:
    """This map and its baselines; the reference study mapped Fashion-MNIST only."""
    qualities = {THIS_MAP: metadata.quality, PCA_BASELINE: metadata.pca_baseline}
    return {**qualities, REFERENCE_STUDY: REFERENCE_MAP_QUALITY} if dataset.name == FASHION_MNIST_NAME else qualities


def _page_content(
    embedding_map: EmbeddingMap, combined: CombinedSplits, name: str, reference_model: Classifier | None
) -> MapContent:
    return MapContent(
        title=f"{len(combined):,} images of {name}",
        positions=embedding_map.positions,
        images=combined.images,
        labels=combined.labels,
        classes=combined.classes,
        splits={"train": combined.n_train, "test": len(combined) - combined.n_train},
        predictions=None if reference_model is None else reference_model.run(combined.images).logits.argmax(axis=1),
        model=None if reference_model is None else reference_model.name,
        quality_notes=(_summary(embedding_map.metadata),),
    )


def _summary(metadata: MapMetadata) -> str:
    """How the map was made, and how far it can be trusted."""
    source = "the pixels" if metadata.source == PIXELS else f"the embeddings of {metadata.source}"
    settings = f"{metadata.n_components} principal components, perplexity {metadata.perplexity:g}"
    made = f"A t-SNE map of {source} ({settings}), made in {format_duration(metadata.seconds)}."
    return f"{made} {_quality_sentence(metadata.quality)}"


def _quality_sentence(quality: MapQuality) -> str:
    if quality.knn10 is None:
        return "There are too few images to measure its quality."
    wide = "" if quality.knn100 is None else f", {format_percent(quality.knn100, 1)} (k = 100)"
    return (
        f"kNN accuracy of the test images on the map: {format_percent(quality.knn10, 1)} (k = 10){wide}. "
        "Distances between far points mean little."
    )
