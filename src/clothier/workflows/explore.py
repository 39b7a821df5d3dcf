"""The use case of ``clothier explore``: the data before any model, as figures, numbers and a page."""

from __future__ import annotations

import shlex
import shutil
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from clothier import atomic, bundle, system
from clothier.data.sources import open_dataset
from clothier.errors import DataError, UnknownNameError
from clothier.inference.session import OnnxClassifier
from clothier.report.audit_section import audit_stage
from clothier.report.captioned_figure import png, standalone_svg
from clothier.report.explore_sections import VARIANCE_RATIOS, classes_stage, pca_stage, pixels_stage
from clothier.report.formatting import format_percent
from clothier.report.map_section import map_stage
from clothier.report.page import render_exploration
from clothier.report.sections import DataSection, Provenance
from clothier.runs import RUNS_DIR, read_json
from clothier.types import no_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from clothier.data.dataset import Dataset
    from clothier.report.explore_sections import StageResult
    from clothier.types import Classifier, Labels, Progress

TASK, FIGURES_TASK = "explore", "figures"
EXPLORE_FORMAT_VERSION = 1  # of explore.json
MAPS = ("pixels", "cnn", "none")
AUDITS = ("duplicates", "labels")
BUNDLED_CNN = "fashion-cnn"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExploreOptions:
    """What is asked for.

    Attributes:
        data: a folder, as ``--data`` means it; None for Fashion-MNIST.
        any_idx: take a foreign IDX data set as it is.
        seed: of whatever is drawn at random.
        map: what the map lays out: ``pixels``, the embeddings of a ``cnn``, or ``none``.
        perplexity: of the map; None for the usual one, or less where there are few pictures.
        audit: what is checked: ``duplicates`` and outliers, or ``labels``, too.

    Raises:
        UnknownNameError: no such map or audit.
    """

    data: Path | None = None
    any_idx: bool = False
    seed: int = 0
    map: str = "pixels"
    perplexity: float | None = None
    audit: str = "duplicates"

    def __post_init__(self) -> None:
        for given, kind, known in ((self.map, "kind of map", MAPS), (self.audit, "kind of audit", AUDITS)):
            if given not in known:
                raise UnknownNameError(given, kind, known)

    @property
    def command(self) -> str:
        """What to type to have it made again."""
        data = [] if self.data is None else ["--data", shlex.quote(str(self.data))]
        words = [*data, *(["--any-idx"] if self.any_idx else [])]
        words += [] if self.perplexity is None else ["--perplexity", f"{self.perplexity:g}"]
        words += [word for name in ("seed", "map", "audit") for word in (f"--{name}", str(getattr(self, name)))]
        return " ".join(["clothier explore", *words])

    def to_json(self) -> dict[str, Any]:
        """As ``explore.json`` holds it."""
        return {**asdict(self), "data": None if self.data is None else str(self.data.absolute())}


@dataclass(frozen=True, slots=True)
class ExplorationResult:
    """What was found.

    Attributes:
        section: figures and digests, as the report shows them.
        metrics: name of a stage to what it found, ready for JSON.
        files: name to contents of what lies beside the report.
    """

    section: DataSection
    metrics: Mapping[str, Any]
    files: Mapping[str, bytes]

    @property
    def headline(self) -> str:
        """The answer in one sentence."""
        pca = self.metrics["pca"]
        share, needed = max((share, pca[name]) for name, share in VARIANCE_RATIOS.items())
        differences = f"{format_percent(share, 0)} of the differences among {pca['n']:,} pictures"
        return f"{needed} dimensions of {pca['dimensions']:,} carry {differences}"

    def to_json(self) -> dict[str, Any]:
        """As ``study.json`` and ``explore.json`` hold it."""
        return dict(self.metrics)

    def write_files(self, folder: Path) -> None:
        """Writes what lies beside the report.

        Raises:
            StorageError: the disk refused.
        """
        for name, contents in self.files.items():
            atomic.write_bytes(folder / name, contents)


@dataclass(frozen=True, slots=True)
class ExplorationRun:
    """The folder of a finished exploration.

    ``explore.json``, ``report.html``, ``map.html``, ``map.npz``, ``audit.csv``, and ``figures/`` with each as PNG and
    as SVG.
    """

    path: Path

    @property
    def report(self) -> Path:
        """The page."""
        return self.path / "report.html"

    def to_json(self) -> dict[str, Any]:
        """``explore.json``."""
        return read_json(self.path / "explore.json")


def explore(
    *,
    out: Path | None = None,
    data: Path | None = None,
    any_idx: bool = False,
    seed: int = 0,
    map: str = "pixels",  # noqa: A002 - the word that a user types
    perplexity: float | None = None,
    audit: str = "duplicates",
    progress: Progress = no_progress,
) -> ExplorationRun:
    """Looks at the data, and writes what was found into a folder; of an exploration that fails nothing is left.

    Args:
        out: the folder; None for ``runs/explore``. Numbered when taken.
        data: see :class:`ExploreOptions`, for the others, too.
        any_idx: likewise.
        seed: likewise.
        map: likewise.
        perplexity: likewise.
        audit: likewise.
        progress: told of every stage and every figure.

    Raises:
        ClothierError: the request, the data or the disk; see each.
    """
    options = ExploreOptions(data=data, any_idx=any_idx, seed=seed, map=map, perplexity=perplexity, audit=audit)
    dataset = open_dataset(data, any_idx=any_idx, any_size=True, progress=progress)
    splits = {"train": dataset.train.labels, "test": dataset.test.labels}
    with _output_dir(out or RUNS_DIR / "explore") as folder:
        found = run_stages(dataset, splits, options, bundled_reference_model(dataset), progress=progress)
        _save_figures(found.section, folder / "figures", progress)
        origin = Provenance(options.command, system.system_info())
        found.write_files(folder)
        report = ExplorationRun(folder).report
        atomic.write_text(report, render_exploration(found.section, found.headline, origin))
        about = {
            "format": EXPLORE_FORMAT_VERSION,
            "options": options.to_json(),
            "data": dataset.name,
            "data_digest": dataset.digest,
        }
        content = {**about, **found.to_json(), "environment": system.system_info(), "report": str(report)}
        atomic.write_json(folder / "explore.json", content)
    return ExplorationRun(folder)


def run_stages(
    dataset: Dataset,
    splits: Mapping[str, Labels],
    options: ExploreOptions,
    reference_model: Classifier | None,
    *,
    progress: Progress = no_progress,
) -> ExplorationResult:
    """Every stage in turn; nothing is written.

    Args:
        dataset: what to look at.
        splits: part to its labels (N,), as they will be used.
        options: what is asked for.
        reference_model: whose answers colour the map, and whose accuracy the audit states; None for nobody's.
        progress: told of every stage.

    Raises:
        DataError: pictures of one class only, or all the same.
        UsageError: a perplexity that does not suit so many pictures.
    """
    require_two_classes(dataset)
    planned: dict[str, Callable[[], StageResult]] = {
        "classes": lambda: classes_stage(dataset, splits, options.seed),
        "pixels": lambda: pixels_stage(dataset),
        "PCA": lambda: pca_stage(dataset, options.seed),
        "audit": lambda: audit_stage(
            dataset, reference_model, with_labels=options.audit == "labels", seed=options.seed, progress=progress
        ),
    }
    if options.map != "none":
        mapped = _embedding_model(options.map)
        planned["map"] = lambda: map_stage(
            dataset, mapped, reference_model, perplexity=options.perplexity, seed=options.seed, progress=progress
        )
    stages: list[StageResult] = []
    for name, stage in planned.items():
        progress(TASK, len(stages), len(planned), name)
        stages.append(stage())
    progress(TASK, len(stages), len(planned))
    return _combine_stages(dataset, splits, stages)


def bundled_reference_model(dataset: Dataset) -> Classifier | None:
    """The CNN that ships, where the data set has its classes and its pictures' size."""
    shipped = OnnxClassifier(bundle.resolve(BUNDLED_CNN))
    suits = shipped.classes == dataset.classes and shipped.input_spec.shape == dataset.train.images.shape[1:]
    return shipped if suits else None


def require_two_classes(dataset: Dataset) -> None:
    """Refuses data in which there is nothing to compare.

    Raises:
        DataError: all training pictures are of one class.
    """
    counts = dataset.train.class_counts(len(dataset.classes))
    if (counts > 0).sum() < 2:
        raise DataError(
            f"all {len(dataset.train)} training pictures of {dataset.name} are of one class, "
            f"{dataset.classes[int(counts.argmax())]}; two or more are needed to compare. Add pictures of another."
        )


def _embedding_model(map_kind: str) -> Classifier | None:
    """Whose embeddings ``--map`` lays out; None for the pixels."""
    return OnnxClassifier(bundle.resolve(BUNDLED_CNN)) if map_kind == "cnn" else None


def _combine_stages(dataset: Dataset, splits: Mapping[str, Labels], stages: Sequence[StageResult]) -> ExplorationResult:
    numbers: dict[str, Any] = {stage.name: stage.metrics for stage in stages}
    section = DataSection(
        name=dataset.name,
        sections=[stage.section for stage in stages],
        digests=dataset.digests,
        splits={name: len(labels) for name, labels in splits.items()},
        components_for_90=numbers["pca"]["components_for_90"],
        remarks=_remarks(dataset),
    )
    failures = [failure.to_json() for failure in dataset.failures]
    files = {name: contents for stage in stages for name, contents in stage.files.items()}
    return ExplorationResult(section, {"map": None, **numbers, "failures": failures}, files)


@contextmanager
def _output_dir(path: Path) -> Iterator[Path]:
    """A new folder at ``path``, or beside it when that is taken; gone again if the block fails."""
    folder = atomic.unique_dir(path)
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _save_figures(section: DataSection, folder: Path, progress: Progress) -> None:
    """Every figure, as PNG and as SVG."""
    for done, (name, drawing) in enumerate(section.figures.items()):
        progress(FIGURES_TASK, done, len(section.figures), name)
        atomic.write_bytes(folder / f"{name}.png", png(drawing))
        atomic.write_text(folder / f"{name}.svg", standalone_svg(drawing, name))
    progress(FIGURES_TASK, len(section.figures), len(section.figures))


def _remarks(dataset: Dataset) -> tuple[str, ...]:
    if not dataset.failures:
        return dataset.warnings
    return (*dataset.warnings, f"Files that could not be read, and are not among them: {len(dataset.failures):,}.")
