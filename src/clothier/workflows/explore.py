"""The workflow of ``clothier explore``: statistics of the data before any training, as figures, metrics and a page."""

from __future__ import annotations

import shlex
import shutil
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from clothier import atomic, bundle, recipes, system
from clothier.data.sources import open_dataset
from clothier.data.splits import stratified_folds
from clothier.errors import DataError, UnknownNameError
from clothier.evaluation.classifier import require_same_classes
from clothier.exploration.audit.dataset_audit import audit_dataset, dataset_duplicates
from clothier.exploration.audit.label_audit import audit_labels
from clothier.exploration.audit.label_issues import check_labels
from clothier.exploration.audit.split_overlap import train_groups
from clothier.exploration.embedding_map import fit_map
from clothier.exploration.tsne.embedding import MIN_POINTS
from clothier.inference.session import OnnxClassifier
from clothier.report.audit_section import audit_section
from clothier.report.captioned_figure import png, standalone_svg
from clothier.report.explore_sections import VARIANCE_RATIOS, classes_section, pca_section, pixels_section
from clothier.report.formatting import format_percent
from clothier.report.map_section import map_section, skipped_map_section
from clothier.report.page import render_exploration
from clothier.report.sections import DataSection, Provenance
from clothier.runs import RUNS_DIR, read_json
from clothier.training.out_of_fold import out_of_fold_probabilities
from clothier.types import no_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from clothier.data.dataset import Dataset
    from clothier.exploration.audit.dataset_audit import AuditResult
    from clothier.exploration.audit.duplicates import Duplicates
    from clothier.exploration.audit.label_audit import LabelAudit
    from clothier.report.sections import Section
    from clothier.types import Classifier, Labels, Progress

TASK, FIGURES_TASK = "explore", "figures"
EXPLORE_FORMAT_VERSION = 1  # of explore.json
MAPS = ("pixels", "cnn", "none")
AUDITS = ("duplicates", "labels")
BUNDLED_CNN = "fashion-cnn"
N_FOLDS = 3  # of the label audit: some nine minutes on two cores; five folds would take twice as long


@dataclass(frozen=True, slots=True, kw_only=True)
class ExploreOptions:
    """The options of ``clothier explore``.

    Attributes:
        data: a folder, as ``--data`` means it; None for Fashion-MNIST.
        any_idx: accept an IDX dataset that is not Fashion-MNIST.
        seed: of all random choices.
        map: what is mapped: ``pixels``, the embeddings of a ``cnn``, or ``none``.
        perplexity: of the map; None for 30, or less where there are few images.
        audit: ``duplicates`` finds duplicates and outliers, ``labels`` also suspected label errors (minutes).

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
        """The command line that reproduces the exploration."""
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
        metrics: what ``explore.json`` and ``study.json`` hold.
    """

    section: DataSection
    metrics: Mapping[str, Any]

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


@dataclass(frozen=True, slots=True)
class ExplorationRun:
    """The folder of a finished exploration.

    ``explore.json``, ``report.html``, ``map.html``, ``map.npz``, ``audit.csv``, and ``figures/`` with each figure as
    PNG and as SVG.
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
    """Explores the data and writes the result into a folder, which is removed if the exploration fails.

    ``out`` is the folder; None for ``runs/explore``, numbered when it exists. ``progress`` is called at every stage and
    every figure. The other arguments are those of :class:`ExploreOptions`.

    Raises:
        ClothierError: the options, the data or the disk.
    """
    options = ExploreOptions(data=data, any_idx=any_idx, seed=seed, map=map, perplexity=perplexity, audit=audit)
    dataset = open_dataset(data, any_idx=any_idx, any_size=True, progress=progress)
    splits = {"train": dataset.train.labels, "test": dataset.test.labels}
    with _output_dir(out or RUNS_DIR / "explore") as folder:
        result = run_stages(dataset, splits, options, bundled_reference_model(dataset), progress=progress)
        run, environment = ExplorationRun(folder), system.system_info()
        _save_figures(result.section, folder / "figures", progress)
        result.write_files(folder)
        page = render_exploration(result.section, result.headline, Provenance(options.command, environment))
        atomic.write_text(run.report, page)
        content = {
            "format": EXPLORE_FORMAT_VERSION,
            "options": options.to_json(),
            "data": dataset.name,
            "data_digest": dataset.digest,
            **result.metrics,
            "environment": environment,
            "report": str(run.report),
        }
        atomic.write_json(folder / "explore.json", content)
    return run


def run_stages(
    dataset: Dataset,
    splits: Mapping[str, Labels],
    options: ExploreOptions,
    reference_model: Classifier | None,
    *,
    progress: Progress = no_progress,
) -> ExplorationResult:
    """Runs every stage; writes nothing.

    Args:
        dataset: what to explore.
        splits: split to its labels (N,), as the models use them.
        options: what to do.
        reference_model: its predictions color the map, and the audit states its accuracy; may be None.
        progress: called at every stage.

    Raises:
        DataError: images of one class only, or all the same.
        UsageError: a perplexity that does not suit the number of images, or a reference model of other classes.
    """
    require_two_classes(dataset)
    require_same_classes([] if reference_model is None else [reference_model], dataset)
    stages: dict[str, Callable[[], Section]] = {
        "classes": lambda: classes_section(dataset, splits, options.seed),
        "pixels": lambda: pixels_section(dataset),
        "PCA": lambda: pca_section(dataset, options.seed),
        "audit": lambda: audit_section(_audit(dataset, options, reference_model, progress)),
    }
    if options.map != "none":
        stages["map"] = lambda: _map(dataset, options, reference_model, progress)
    sections: list[Section] = []
    for name, stage in stages.items():
        progress(TASK, len(sections), len(stages), name)
        sections.append(stage())
    progress(TASK, len(sections), len(stages))
    return _combine(dataset, splits, sections)


def bundled_reference_model(dataset: Dataset) -> Classifier | None:
    """The bundled CNN, if the dataset has its classes and image size."""
    model = OnnxClassifier(bundle.resolve(BUNDLED_CNN))
    suits = model.classes == dataset.classes and model.input_spec.shape == dataset.train.images.shape[1:]
    return model if suits else None


def require_two_classes(dataset: Dataset) -> None:
    """Refuses data with nothing to compare.

    Raises:
        DataError: all training images are of one class.
    """
    counts = dataset.train.class_counts(len(dataset.classes))
    if (counts > 0).sum() < 2:
        raise DataError(
            f"all {len(dataset.train)} training images of {dataset.name} are of one class, "
            f"{dataset.classes[int(counts.argmax())]}; two or more are needed. Add images of another class."
        )


def _audit(
    dataset: Dataset, options: ExploreOptions, reference_model: Classifier | None, progress: Progress
) -> AuditResult:
    duplicates = dataset_duplicates(dataset, progress)
    labels = _label_audit(dataset, duplicates, options.seed, progress) if options.audit == "labels" else None
    return audit_dataset(dataset, duplicates, labels=labels, reference_model=reference_model, progress=progress)


def _label_audit(dataset: Dataset, duplicates: Duplicates, seed: int, progress: Progress) -> LabelAudit:
    """Trains one model per fold. A fold holds all copies of an image or none, or a copy would reveal the label."""
    for split in (dataset.train, dataset.test):
        check_labels(split.labels, len(dataset.classes))
    groups = train_groups(duplicates.groups_at(duplicates.min_correlation), len(dataset.train))
    folds = stratified_folds(dataset.train.labels, N_FOLDS, seed, groups)
    recipe = recipes.preset("cnn", "fast")
    found = out_of_fold_probabilities(
        dataset.train, dataset.test.images, dataset.classes, recipe, folds, seed=seed, progress=progress
    )
    model = f"{recipe.model} {recipe.preset}"
    return audit_labels(dataset, found.probabilities, found.extra_probabilities, model=model, n_folds=N_FOLDS)


def _map(dataset: Dataset, options: ExploreOptions, reference_model: Classifier | None, progress: Progress) -> Section:
    n = len(dataset.train) + len(dataset.test)
    if n < MIN_POINTS and options.perplexity is None:
        return skipped_map_section(n)
    model = OnnxClassifier(bundle.resolve(BUNDLED_CNN)) if options.map == "cnn" else None
    found = fit_map(dataset, model, perplexity=options.perplexity, seed=options.seed, progress=progress)
    return map_section(dataset, found, reference_model, seed=options.seed, progress=progress)


def _combine(dataset: Dataset, splits: Mapping[str, Labels], sections: list[Section]) -> ExplorationResult:
    metrics: dict[str, Any] = {"map": None, **{section.name: section.metrics for section in sections}}
    section = DataSection(
        name=dataset.name,
        sections=sections,
        digests=dataset.digests,
        splits={name: len(labels) for name, labels in splits.items()},
        components_for_90=metrics["pca"]["components_for_90"],
        remarks=_remarks(dataset),
    )
    return ExplorationResult(section, {**metrics, "failures": [failure.to_json() for failure in dataset.failures]})


@contextmanager
def _output_dir(path: Path) -> Iterator[Path]:
    """A new folder at ``path``, or a numbered one; removed if the block fails."""
    folder = atomic.unique_dir(path)
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _save_figures(section: DataSection, folder: Path, progress: Progress) -> None:
    """Writes every figure as PNG and as SVG."""
    for done, (name, figure) in enumerate(section.figures.items()):
        progress(FIGURES_TASK, done, len(section.figures), name)
        atomic.write_bytes(folder / f"{name}.png", png(figure))
        atomic.write_text(folder / f"{name}.svg", standalone_svg(figure, name))
    progress(FIGURES_TASK, len(section.figures), len(section.figures))


def _remarks(dataset: Dataset) -> tuple[str, ...]:
    if not dataset.failures:
        return dataset.warnings
    return (*dataset.warnings, f"Files that could not be read and are not counted: {len(dataset.failures):,}.")
