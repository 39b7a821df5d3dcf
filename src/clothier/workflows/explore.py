"""Looking at the data before any model: how many of what, and which dimensions carry the clothes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clothier.analysis.pca import fit_pca
from clothier.records import silent
from clothier.report.figures import data_figures
from clothier.report.sections import DataSection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clothier.data.dataset import Dataset
    from clothier.records import Labels, Progress

TASK = "explore"


@dataclass(frozen=True, slots=True)
class Exploration:
    """What was found.

    Attributes:
        section: figures and digests, as the report shows them.
        classes: part to class name to number of pictures.
        components_for_90: principal components that keep 90 % of the variance of the training part.
        components_for_95: likewise 95 %.
    """

    section: DataSection
    classes: dict[str, dict[str, int]]
    components_for_90: int
    components_for_95: int

    def to_json(self) -> dict[str, Any]:
        """As ``study.json`` holds it."""
        pca = {"components_for_90": self.components_for_90, "components_for_95": self.components_for_95}
        return {"classes": self.classes, "pca": pca}


def explore(
    dataset: Dataset, splits: Mapping[str, Labels], *, seed: int = 0, progress: Progress = silent
) -> Exploration:
    """Counts classes, finds the principal components, and draws both.

    Args:
        dataset: what to look at.
        splits: part to its labels (N,), as they will be used.
        seed: of the sample that is drawn.
        progress: told of both stages.

    Raises:
        DataError: the pictures are constant, or too few for their principal components.
    """
    progress(TASK, 0, 2, "PCA")
    pca = fit_pca(dataset.train.images)
    progress(TASK, 1, 2, "figures")
    needed = {share: pca.components_for(share) for share in (0.90, 0.95)}
    section = DataSection(
        name=dataset.name,
        figures=data_figures(dataset, pca, splits, seed),
        digests=dataset.digests,
        splits={name: len(labels) for name, labels in splits.items()},
        components_for_90=needed[0.90],
    )
    progress(TASK, 2, 2)
    counts = {name: _counts(labels, dataset.classes) for name, labels in splits.items()}
    return Exploration(section, counts, needed[0.90], needed[0.95])


def _counts(labels: Labels, classes: tuple[str, ...]) -> dict[str, int]:
    return {name: int((labels == label).sum()) for label, name in enumerate(classes)}
