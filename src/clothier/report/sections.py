"""What a report is made of, as frozen values: a workflow fills them from arrays and run folders."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clothier.report.captioned_figure import CaptionedFigure
    from clothier.types import EpochRecord, McNemarResult


@dataclass(frozen=True, slots=True)
class Section:
    """The data seen in one way.

    Attributes:
        name: unique among the chapters; beginning of a link to it.
        title: its heading.
        text: a sentence or two on what is seen here.
        figures: name to drawing, shown in this order.
        skipped: what could not be drawn, and why, a sentence each.
        attachments: a file that lies beside the page to what it is, for links.
    """

    name: str
    title: str
    text: str
    figures: Mapping[str, CaptionedFigure]
    skipped: Sequence[str] = ()
    attachments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DataSection:
    """The data, looked at before any model.

    Attributes:
        name: what the data set is called; limits and the original study join in for ``Fashion-MNIST``.
        sections: what was looked at, in this order.
        digests: SHA-256 by file name.
        splits: name to number of images.
        components_for_90: the fewest principal components that keep 90 % of the variance, where a PCA was made.
        remarks: what the reader should know of the files, a sentence each.
    """

    name: str
    sections: Sequence[Section]
    digests: Mapping[str, str]
    splits: Mapping[str, int] = field(default_factory=dict)
    components_for_90: int | None = None
    remarks: Sequence[str] = ()

    @property
    def figures(self) -> dict[str, CaptionedFigure]:
        """Those of all chapters, by their names."""
        return {name: drawing for chapter in self.sections for name, drawing in chapter.figures.items()}


@dataclass(frozen=True, slots=True)
class ModelSection:
    """One trained model.

    Attributes:
        name: what the page calls it, such as ``CNN``.
        metrics: its ``metrics.json``.
        history: one record an epoch; empty where it was not kept.
        figures: name to drawing (:func:`clothier.report.figures.model_figures`).
        recipe: field to value, nested or not.
        protocol: one or two sentences: what was trained on, how the final weights were chosen, when test was read.
    """

    name: str
    metrics: Mapping[str, Any]
    history: Sequence[EpochRecord]
    figures: Mapping[str, CaptionedFigure]
    recipe: Mapping[str, Any]
    protocol: str


@dataclass(frozen=True, slots=True)
class ComparisonSection:
    """Two models on the same images.

    Attributes:
        names: what the page calls them, in the order of ``paired``.
        paired: the test between them.
        figures: name to drawing (:func:`clothier.report.figures.comparison_figures`).
    """

    names: tuple[str, str]
    paired: McNemarResult
    figures: Mapping[str, CaptionedFigure]


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the figures come from, so that anyone can make them again.

    Attributes:
        command: what to type.
        environment: machine and versions (:func:`clothier.system.describe`).
    """

    command: str
    environment: Mapping[str, Any]
