"""The stages of an exploration: each looks at the data in one way, and brings numbers and a chapter of figures.

Test pictures are counted, and otherwise left alone: everything else is of the training part.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from clothier.exploration.correlation import correlations, feature_correlations, mean_abs_correlation
from clothier.exploration.pca import fit_pca
from clothier.exploration.pixels import WHITE, describe_pixels
from clothier.report.figures import count_figures, pca_figures, pixel_figures, reconstruction_ranks
from clothier.report.formatting import format_percent
from clothier.report.sections import Section

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clothier.data.dataset import Dataset
    from clothier.exploration.pca import PCA
    from clothier.types import Labels

VARIANCE_RATIOS = {"components_for_90": 0.90, "components_for_95": 0.95}
"""Name in ``explore.json`` to share of the variance, as the original study asks for them."""


@dataclass(frozen=True, slots=True)
class StageResult:
    """What one way of looking found.

    Attributes:
        name: its key in ``explore.json``.
        metrics: what stands there, ready for JSON; None where there was too little to look at.
        section: what the report shows of it.
        files: name to contents of what is to lie beside the report.
    """

    name: str
    metrics: Mapping[str, Any] | None
    section: Section
    files: Mapping[str, bytes] = field(default_factory=dict)


def classes_stage(dataset: Dataset, splits: Mapping[str, Labels], seed: int) -> StageResult:
    """How many pictures of each class every part has, and some of them.

    Args:
        dataset: what to look at.
        splits: part to its labels, (N,).
        seed: of the sample that is drawn.
    """
    counts = {
        part: {name: int((labels == label).sum()) for label, name in enumerate(dataset.classes)}
        for part, labels in splits.items()
    }
    text = f"{len(dataset.classes)} classes; each picture has one label, which stands below it."
    return StageResult("classes", counts, Section("classes", "The classes", text, count_figures(dataset, splits, seed)))


def pixels_stage(dataset: Dataset) -> StageResult:
    """Grey levels, and the average picture of each class."""
    train, classes = dataset.train, dataset.classes
    found = describe_pixels(train.images, train.labels, len(classes))
    text = f"{len(train):,} training pictures of {_image_size(dataset)} pixels, {WHITE + 1} grey levels, nothing learnt yet."
    return StageResult(
        "pixels", found.to_json(classes), Section("pixels", "The pixels", text, pixel_figures(found, classes))
    )


def pca_stage(dataset: Dataset, seed: int) -> StageResult:
    """The principal components of the training pictures.

    Args:
        dataset: what to look at.
        seed: of the dots that are drawn.

    Raises:
        DataError: the pictures are all the same, or only one.
    """
    train = dataset.train
    pca = fit_pca(train.images)
    kept = pca.truncate(min(pca.n_components_for(VARIANCE_RATIOS["components_for_95"]), pca.rank))
    of_pixels, of_components = correlations(pca.covariance), feature_correlations(kept.transform(train.images))
    numbers = {
        "n": len(train),
        "dimensions": pca.components.shape[1],
        **{name: pca.n_components_for(share) for name, share in VARIANCE_RATIOS.items()},
        "explained": (kept.explained_variance / pca.total_variance).tolist(),
        "reconstruction": _reconstruction(pca, len(train)),
        "mean_absolute_correlation": {
            "pixels": mean_abs_correlation(of_pixels),
            "components": mean_abs_correlation(of_components),
        },
    }
    figures = pca_figures(train, dataset.classes, pca, (of_pixels, of_components), seed)
    text = (
        f"The directions in which the {len(train):,} training pictures differ most, found by a principal component "
        f"analysis of their pixels: {numbers['components_for_90']} of them keep {format_percent(0.9, 0)} of the variance of "
        f"all {numbers['dimensions']:,} pixels, {numbers['components_for_95']} keep {format_percent(0.95, 0)}."
    )
    return StageResult("pca", numbers, Section("pca", "Principal components", text, figures, _skipped(pca)))


def _reconstruction(pca: PCA, n_images: int) -> list[dict[str, Any]]:
    """Share kept and root mean square error of a pixel, in grey levels, at each number of components that is drawn."""
    errors, kept = pca.reconstruction_errors(n_images), pca.cumulative_ratio
    return [
        {"components": rank, "share": float(kept[rank - 1]), "rms_error": float(WHITE * errors[rank])}
        for rank in reconstruction_ranks(pca)
    ]


def _skipped(pca: PCA) -> tuple[str, ...]:
    if pca.rank >= 3:
        return ()
    flat = "no scatter is" if pca.rank < 2 else "no scatter in three dimensions is"
    return (f"The pictures vary along {pca.rank} of their components only, so {flat} drawn.",)


def _image_size(dataset: Dataset) -> str:
    return "x".join(map(str, dataset.train.images.shape[1:]))
