"""The sections of a data exploration: figures, text, metrics and files.

Test images are counted, audited and mapped; everything else is about the training split.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clothier import atomic
from clothier.data.combined_splits import CombinedSplits
from clothier.exploration.audit.findings import findings_to_csv
from clothier.exploration.correlation import correlations, feature_correlations, mean_abs_correlation
from clothier.exploration.embedding_map import PIXELS
from clothier.exploration.pca import fit_pca
from clothier.exploration.pixels import WHITE, describe_pixels
from clothier.exploration.tsne.embedding import MIN_POINTS
from clothier.metrics import softmax
from clothier.report import figures
from clothier.report.figures.audit import audit_figures
from clothier.report.figures.scatter import map_quality_bars
from clothier.report.formatting import format_duration, format_percent
from clothier.report.limitations import FASHION_MNIST_NAME
from clothier.report.map_page import MapContent, render_map
from clothier.report.reference_study import REFERENCE_MAP_QUALITY
from clothier.report.sections import Section
from clothier.types import no_progress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clothier.data.dataset import Dataset
    from clothier.exploration.audit.dataset_audit import AuditResult
    from clothier.exploration.embedding_map import EmbeddingMap, MapMetadata
    from clothier.exploration.pca import PCA
    from clothier.report.captioned_figure import CaptionedFigure
    from clothier.types import Floats, Labels, Progress

AUDIT_FILE, MAP_FILE, ARRAYS_FILE = "audit.csv", "map.html", "map.npz"
TASK = "map page"


def classes_section(dataset: Dataset, splits: Mapping[str, Labels], seed: int) -> Section:
    """How many images of each class every split has, and some of them.

    ``splits`` is split to its labels, (N,); ``seed`` draws the sample.
    """
    counts = {
        split: {name: int((labels == label).sum()) for label, name in enumerate(dataset.classes)}
        for split, labels in splits.items()
    }
    drawn = {
        "class-counts": figures.class_counts(splits, dataset.classes),
        "samples": figures.sample_grid(dataset.train, dataset.classes, seed=seed),
    }
    text = f"{len(dataset.classes)} classes. Each image has one label, shown below it."
    return Section("classes", "The classes", text, drawn, metrics=counts)


def pixels_section(dataset: Dataset) -> Section:
    """Gray levels, and the average image of each class."""
    train, classes = dataset.train, dataset.classes
    found = describe_pixels(train.images, train.labels, len(classes))
    drawn = {
        "mean-images": figures.mean_images(found, classes),
        "std-images": figures.std_images(found, classes),
        "gray-levels": figures.gray_level_histogram(found),
        "class-gray-levels": figures.class_gray_levels(found, classes),
        "mean-and-std": figures.mean_and_std_image(found),
    }
    size = "x".join(map(str, train.images.shape[1:]))
    text = f"{len(train):,} training images of {size} pixels with {WHITE + 1} gray levels, before any training."
    return Section("pixels", "The pixels", text, drawn, metrics=found.to_json(classes))


def pca_section(dataset: Dataset, seed: int) -> Section:
    """The principal components of the training images; ``seed`` draws the points of the scatter plots.

    Raises:
        DataError: the images are all the same, or there is only one.
    """
    train, pca = dataset.train, fit_pca(dataset.train.images)
    for_90, for_95 = (pca.n_components_for(target) for target in figures.VARIANCE_TARGETS)
    truncated = pca.truncate(min(for_95, pca.rank))
    of_pixels = correlations(pca.covariance)
    of_components = feature_correlations(truncated.transform(train.images))
    ranks, errors, ratios = (
        figures.reconstruction_ranks(pca),
        pca.reconstruction_errors(len(train)),
        pca.cumulative_ratio,
    )
    shape = train.images.shape[1:]
    drawn = {
        "pca-variance": figures.variance_curve(pca),
        "pca-spectrum": figures.scree_plot(pca),
        "pca-components": figures.component_images(pca, shape),
        "correlation": figures.correlation_heatmaps(of_pixels, of_components, shape),
        **_scatter_plots(dataset, pca, seed),
        "pca-reconstructions": figures.reconstructions(train, dataset.classes, pca, ranks),
        "pca-error": figures.reconstruction_error(pca, len(train), ranks),
    }
    metrics = {
        "n": len(train),
        "dimensions": pca.components.shape[1],
        "components_for_90": for_90,
        "components_for_95": for_95,
        "explained_variance_ratio": (truncated.explained_variance / pca.total_variance).tolist(),
        "reconstruction": [
            {"components": rank, "variance_ratio": float(ratios[rank - 1]), "rms_error": float(WHITE * errors[rank])}
            for rank in ranks
        ],
        "mean_absolute_correlation": {
            "pixels": mean_abs_correlation(of_pixels),
            "components": mean_abs_correlation(of_components),
        },
    }
    text = (
        "Principal component analysis finds the few patterns of pixels that explain most of the differences between "
        f"images. For the {len(train):,} training images, {for_90} components explain "
        f"{format_percent(0.9, 0)} of the variance of all {metrics['dimensions']:,} pixels, {for_95} explain "
        f"{format_percent(0.95, 0)}."
    )
    return Section("pca", "Principal components", text, drawn, _skipped(pca), metrics=metrics)


def _scatter_plots(dataset: Dataset, pca: PCA, seed: int) -> dict[str, CaptionedFigure]:
    """No scatter plot of a component that does not exist."""
    k = min(3, pca.rank)
    scatter = (pca.truncate(k).transform(dataset.train.images), dataset.train.labels, dataset.classes, pca)
    drawn = {f"pca-1-{other}": figures.component_scatter(*scatter, other, seed) for other in range(2, k + 1)}
    return {**drawn, "pca-1-2-3": figures.component_scatter_3d(*scatter, seed)} if k == 3 else drawn


def _skipped(pca: PCA) -> tuple[str, ...]:
    if pca.rank >= 3:
        return ()
    what = "scatter plot" if pca.rank < 2 else "3-D scatter plot"
    return (f"The images vary along {pca.rank} principal components only, too few for a {what}.",)


def audit_section(result: AuditResult) -> Section:
    """The result of an audit; every finding is a row of ``audit.csv``."""
    issues = (result.labels.train, result.labels.test) if result.labels else ()
    n = len(result.findings)
    return Section(
        "audit",
        "The audit",
        _audit_summary(result),
        audit_figures(result.combined, result.duplicates, result.outliers, issues),
        attachments={AUDIT_FILE: f"All findings as a table ({n:,} rows)"} if n else {},
        metrics=result.to_json(),
        files={AUDIT_FILE: atomic.encode(findings_to_csv(result.findings))},
    )


def _audit_summary(result: AuditResult) -> str:
    """The counts in words, and how duplicates change a model's accuracy."""
    duplicates, n = result.metrics["duplicates"], result.metrics["n"]
    leaked, model = duplicates["leaked_test_images"], result.metrics["reference_model"]
    text = (
        f"{leaked:,} of {n['test']:,} test images repeat a training image exactly or nearly. "
        f"{len(result.outliers):,} images differ strongly from their class in size, brightness or contrast."
    )
    if model is None or not leaked:
        return text
    everything, new = model["test"], model["test_without_leakage"][str(duplicates["near"]["correlation"])]
    accuracies = f"{format_percent(everything['accuracy'], 2)} on all test images"
    if new["n"]:
        accuracies += f", {format_percent(new['accuracy'], 2)} on the {new['n']:,} that repeat none"
    return f"{text} Accuracy of {model['name']}: {accuracies}."


def map_section(
    dataset: Dataset,
    embedding_map: EmbeddingMap,
    *,
    model: str | None = None,
    logits: Floats | None = None,
    seed: int = 0,
    progress: Progress = no_progress,
) -> Section:
    """Figures of a map of both splits, and its page.

    Args:
        dataset: what was mapped.
        embedding_map: its map.
        model: the name of a model whose predictions can color the page.
        logits: (N_train + N_test, K) of this model, calibrated.
        seed: of the order in which points are drawn.
        progress: called before and after the page is made.
    """
    combined, metadata = CombinedSplits.from_dataset(dataset), embedding_map.metadata
    quality, baseline, summary = metadata.quality, metadata.pca_baseline, _map_summary(metadata)
    qualities = {"this map": quality, "two components": baseline}
    if dataset.name == FASHION_MNIST_NAME:
        qualities["reference study"] = REFERENCE_MAP_QUALITY
    progress(TASK, 0, 1)
    content = MapContent(
        title=f"{len(combined):,} images of {dataset.name}",
        positions=embedding_map.positions,
        images=combined.images,
        labels=combined.labels,
        classes=combined.classes,
        splits={"train": combined.n_train, "test": len(combined) - combined.n_train},
        probabilities=None if logits is None else softmax(logits),
        model=model,
        quality_note=summary,
    )
    page = render_map(content)
    progress(TASK, 1, 1)
    positions, classes = embedding_map.positions, dataset.classes
    drawn = {"map": figures.map_scatter(positions, combined.labels, classes, quality, baseline, seed)}
    if quality.knn10 is not None:
        drawn["map-quality"] = map_quality_bars(qualities)
    return Section(
        "map",
        "The map",
        summary,
        drawn,
        attachments={MAP_FILE: "Open the map: one point per image"},
        metrics={**metadata.to_json(), "baselines": {name: one.to_json() for name, one in qualities.items()}},
        files={MAP_FILE: atomic.encode(page), ARRAYS_FILE: embedding_map.to_bytes()},
    )


def skipped_map_section(n_images: int) -> Section:
    """Says that there are too few images for a map."""
    return Section("map", "The map", f"A map needs at least {MIN_POINTS} images; there are {n_images}.", {})


def _map_summary(metadata: MapMetadata) -> str:
    """How the map was made, and how far it can be trusted."""
    source = "the pixels" if metadata.source == PIXELS else f"the embeddings of {metadata.source}"
    settings = f"{metadata.n_components} principal components, perplexity {metadata.perplexity:g}"
    made = (
        "t-SNE places similar images next to each other on a plane. This map was made from "
        f"{source} ({settings}) in {format_duration(metadata.seconds)}."
    )
    near, wide = metadata.quality.knn10, metadata.quality.knn100
    if near is None:
        return f"{made} There are too few images to measure its quality."
    accuracy = f"{format_percent(near)} (k = 10)" + ("" if wide is None else f", {format_percent(wide)} (k = 100)")
    return f"{made} k-NN accuracy of the test images on the map: {accuracy}. Distances between far points mean little."
