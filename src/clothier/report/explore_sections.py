"""The sections of an exploration on classes, pixels and principal components: figures, text and metrics.

Test images are counted; everything else is about the training split.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clothier import atomic
from clothier.exploration.correlation import correlations, feature_correlations, mean_abs_correlation
from clothier.exploration.pca import fit_pca
from clothier.exploration.pixels import WHITE, describe_pixels
from clothier.report.figures import count_figures, pca_figures, pixel_figures, reconstruction_ranks
from clothier.report.figures.components import VARIANCE_TARGETS
from clothier.report.formatting import format_percent
from clothier.report.sections import DataSection, Section

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from clothier.data.dataset import Dataset
    from clothier.exploration.pca import PCA
    from clothier.types import Labels

VARIANCE_RATIOS = {f"components_for_{100 * ratio:.0f}": ratio for ratio in VARIANCE_TARGETS}
"""Key in ``explore.json`` to fraction of the variance, as in the reference study."""


@dataclass(frozen=True, slots=True)
class ExplorationResult:
    """All sections of an exploration.

    Attributes:
        section: figures and digests, as the report shows them.
        metrics: what ``explore.json`` and ``study.json`` hold.
    """

    section: DataSection
    metrics: Mapping[str, Any]

    @classmethod
    def from_sections(
        cls, dataset: Dataset, splits: Mapping[str, Labels], sections: Sequence[Section]
    ) -> ExplorationResult:
        """Puts ``sections`` together; ``splits`` are split to labels (N,)."""
        metrics: dict[str, Any] = {"map": None, **{section.name: section.metrics for section in sections}}
        failures = [failure.to_json() for failure in dataset.failures]
        unread = [f"Files that could not be read and are not counted: {len(failures):,}."] if failures else []
        section = DataSection(
            name=dataset.name,
            sections=sections,
            digests=dataset.digests,
            splits={name: len(labels) for name, labels in splits.items()},
            components_for_90=metrics["pca"]["components_for_90"],
            remarks=(*dataset.warnings, *unread),
        )
        return cls(section, {**metrics, "failures": failures})

    @property
    def headline(self) -> str:
        """The main finding in one sentence."""
        pca = self.metrics["pca"]
        ratio, needed = max((ratio, pca[name]) for name, ratio in VARIANCE_RATIOS.items())
        variance = f"{format_percent(ratio, 0)} of the variance of {pca['n']:,} images"
        return f"{needed} of {pca['dimensions']:,} dimensions explain {variance}"

    def write_files(self, folder: Path) -> None:
        """Writes what lies beside the report: ``audit.csv``, ``map.html`` and ``map.npz``.

        Raises:
            StorageError: the disk refused.
        """
        for section in self.section.sections:
            for name, contents in section.files.items():
                atomic.write_bytes(folder / name, contents)


def classes_section(dataset: Dataset, splits: Mapping[str, Labels], seed: int) -> Section:
    """How many images of each class every split has, and some of them.

    Args:
        dataset: the images.
        splits: split to its labels, (N,).
        seed: of the sample that is drawn.
    """
    counts = {
        split: {name: int((labels == label).sum()) for label, name in enumerate(dataset.classes)}
        for split, labels in splits.items()
    }
    text = f"{len(dataset.classes)} classes. Each image has one label, shown below it."
    return Section("classes", "The classes", text, count_figures(dataset, splits, seed), metrics=counts)


def pixels_section(dataset: Dataset) -> Section:
    """Gray levels, and the average image of each class."""
    train, classes = dataset.train, dataset.classes
    found = describe_pixels(train.images, train.labels, len(classes))
    size = "x".join(map(str, train.images.shape[1:]))
    text = f"{len(train):,} training images of {size} pixels with {WHITE + 1} gray levels, before any training."
    return Section("pixels", "The pixels", text, pixel_figures(found, classes), metrics=found.to_json(classes))


def pca_section(dataset: Dataset, seed: int) -> Section:
    """The principal components of the training images.

    Args:
        dataset: the images.
        seed: of the points that are drawn.

    Raises:
        DataError: the images are all the same, or there is only one.
    """
    train = dataset.train
    pca = fit_pca(train.images)
    truncated = pca.truncate(min(pca.n_components_for(VARIANCE_RATIOS["components_for_95"]), pca.rank))
    of_pixels = correlations(pca.covariance)
    of_components = feature_correlations(truncated.transform(train.images))
    metrics = {
        "n": len(train),
        "dimensions": pca.components.shape[1],
        **{name: pca.n_components_for(ratio) for name, ratio in VARIANCE_RATIOS.items()},
        "explained_variance_ratio": (truncated.explained_variance / pca.total_variance).tolist(),
        "reconstruction": _reconstruction(pca, len(train)),
        "mean_absolute_correlation": {
            "pixels": mean_abs_correlation(of_pixels),
            "components": mean_abs_correlation(of_components),
        },
    }
    figures = pca_figures(train, dataset.classes, pca, (of_pixels, of_components), seed)
    text = (
        f"Principal component analysis of the {len(train):,} training images: "
        f"{metrics['components_for_90']} components explain {format_percent(0.9, 0)} of the variance of all "
        f"{metrics['dimensions']:,} pixels, {metrics['components_for_95']} explain {format_percent(0.95, 0)}."
    )
    return Section("pca", "Principal components", text, figures, _skipped(pca), metrics=metrics)


def _reconstruction(pca: PCA, n_images: int) -> list[dict[str, Any]]:
    """Explained variance and root mean square error of a pixel, in gray levels, at each rank that is drawn."""
    errors, ratios = pca.reconstruction_errors(n_images), pca.cumulative_ratio
    return [
        {"components": rank, "variance_ratio": float(ratios[rank - 1]), "rms_error": float(WHITE * errors[rank])}
        for rank in reconstruction_ranks(pca)
    ]


def _skipped(pca: PCA) -> tuple[str, ...]:
    if pca.rank >= 3:
        return ()
    what = "scatter plot" if pca.rank < 2 else "3-D scatter plot"
    return (f"The images vary along {pca.rank} principal components only, too few for a {what}.",)
