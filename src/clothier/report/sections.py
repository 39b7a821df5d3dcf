"""The sections of a report as frozen values: a workflow fills them from arrays and run folders."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from clothier import atomic
from clothier.report.formatting import format_percent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from clothier.report.captioned_figure import CaptionedFigure
    from clothier.types import EpochRecord, FailedInput, McNemarResult


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a data exploration.

    Attributes:
        name: unique among the sections; part of its link.
        title: its heading.
        text: a sentence or two of introduction.
        figures: name to figure, in the order of the page.
        skipped: what could not be drawn, and why, a sentence each.
        attachments: name of a file next to the page to its description, for links.
        metrics: what ``explore.json`` holds under ``name``; None where there was too little data.
        files: name to contents of what is written beside the page.
    """

    name: str
    title: str
    text: str
    figures: Mapping[str, CaptionedFigure]
    skipped: Sequence[str] = ()
    attachments: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, Any] | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DataSection:
    """The data before any model.

    Attributes:
        name: of the data set; known limitations and the reference study are added for ``Fashion-MNIST``.
        sections: in the order of the page.
        digests: SHA-256 by file name.
        splits: name to number of images.
        remarks: notes on the files, a sentence each.
        failures: files that could not be read.
    """

    name: str
    sections: Sequence[Section]
    digests: Mapping[str, str]
    splits: Mapping[str, int] = field(default_factory=dict)
    remarks: Sequence[str] = ()
    failures: Sequence[FailedInput] = ()

    @property
    def figures(self) -> dict[str, CaptionedFigure]:
        """Those of all sections, by name."""
        return {name: figure for section in self.sections for name, figure in section.figures.items()}

    @property
    def metrics(self) -> dict[str, Any]:
        """What ``explore.json`` and ``study.json`` hold."""
        found = {section.name: section.metrics for section in self.sections}
        return {"map": None, **found, "failures": [failure.to_json() for failure in self.failures]}

    @property
    def headline(self) -> str:
        """The main finding in one sentence."""
        pca = self.metrics["pca"]
        variance = f"{format_percent(0.95, 0)} of the variance of {pca['n']:,} images"
        return f"{pca['components_for_95']} of {pca['dimensions']:,} dimensions explain {variance}"

    def write_files(self, folder: Path) -> None:
        """Writes what lies beside the report: ``audit.csv``, ``map.html`` and ``map.npz``.

        Raises:
            StorageError: the disk refused.
        """
        for section in self.sections:
            for name, contents in section.files.items():
                atomic.write_bytes(folder / name, contents)


@dataclass(frozen=True, slots=True)
class ModelSection:
    """One trained model.

    Attributes:
        name: as the page shows it, such as ``CNN``.
        metrics: its ``metrics.json``.
        history: one record an epoch; empty where it was not kept.
        figures: name to figure (:func:`clothier.report.figures.model_figures`).
        recipe: field to value, nested or not.
        protocol: one or two sentences: the training images, how the final weights were chosen, when test was read.
    """

    name: str
    metrics: Mapping[str, Any]
    history: Sequence[EpochRecord]
    figures: Mapping[str, CaptionedFigure]
    recipe: Mapping[str, Any]
    protocol: str

    @property
    def evaluation(self) -> tuple[str, Mapping[str, Any]]:
        """The split that the report is about, and its metrics: ``test``, or ``validation`` where test was not read."""
        split = "test" if self.metrics.get("test") else "validation"
        return split, self.metrics[split]


@dataclass(frozen=True, slots=True)
class ComparisonSection:
    """Two models, by name, on the same images: the paired test between them, and figures by name."""

    names: tuple[str, str]
    paired: McNemarResult
    figures: Mapping[str, CaptionedFigure]


@dataclass(frozen=True, slots=True)
class Provenance:
    """How to reproduce a report: what to type, and machine and versions (:func:`clothier.system.system_info`)."""

    command: str
    environment: Mapping[str, Any]

    @property
    def cpu(self) -> str:
        """Processor and available cores in one line; unknown parts are left out."""
        cpu = self.environment.get("cpu") or {}
        cores = cpu.get("cores_available")
        parts = [cpu.get("model"), f"{cores} core{'' if cores == 1 else 's'}" if cores else None]
        return ", ".join(part for part in parts if part)
