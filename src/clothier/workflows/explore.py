"""The workflow of ``clothier explore``: statistics of the data before any training, as figures, metrics and a page."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier import atomic, recipes, system
from clothier.data.image_table import load_image_table
from clothier.data.photo_table import DEFAULT_COLUMNS, is_photo_table
from clothier.data.sources import open_dataset
from clothier.data.splits import stratified_folds
from clothier.evaluation.classifier import require_same_classes
from clothier.exploration.audit.dataset_audit import audit_dataset, dataset_duplicates
from clothier.exploration.audit.label_audit import audit_labels
from clothier.exploration.audit.label_issues import check_labels
from clothier.exploration.audit.split_overlap import train_groups
from clothier.exploration.embedding_map import fit_map
from clothier.exploration.options import ExploreOptions
from clothier.exploration.tsne.embedding import MIN_POINTS, check_perplexity
from clothier.inference import load
from clothier.paths import optional_path
from clothier.report.captioned_figure import save_figures
from clothier.report.explore_sections import (
    audit_section,
    classes_section,
    map_section,
    pca_section,
    pixels_section,
    skipped_map_section,
)
from clothier.report.page import render_exploration
from clothier.report.sections import DataSection, Provenance
from clothier.runs import RUNS_DIR, read_json
from clothier.training.out_of_fold import out_of_fold_probabilities
from clothier.types import no_progress
from clothier.workflows.evaluate import refuse_photo_options

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from clothier.data.columns import Columns
    from clothier.data.dataset import Dataset
    from clothier.exploration.audit.duplicates import Duplicates
    from clothier.exploration.audit.label_audit import LabelAudit
    from clothier.report.sections import Section
    from clothier.types import Classifier, Floats, Images, Labels, Progress

TASK = "explore"
EXPLORE_FORMAT_VERSION = 1  # of explore.json
BUNDLED_CNN = "fashion-cnn"
N_FOLDS = 3  # of the label audit: some nine minutes on two cores; five folds would take twice as long


@dataclass(frozen=True, slots=True)
class ExplorationRun:
    """The folder of a finished exploration: its pages and tables, and ``figures/`` as PNG and as SVG."""

    path: Path

    @property
    def report(self) -> Path:
        """The page."""
        return self.path / "report.html"

    def to_json(self) -> dict[str, Any]:
        """``explore.json``."""
        return read_json(self.path / "explore.json")


def explore(
    data: str | Path | None = None,
    *,
    out: str | Path | None = None,
    columns: Columns = DEFAULT_COLUMNS,
    any_idx: bool = False,
    seed: int = 0,
    map: str = "pixels",  # noqa: A002 - the word that a user types
    perplexity: float | None = None,
    audit: str = "duplicates",
    progress: Progress = no_progress,
) -> ExplorationRun:
    """Explores the data and writes the result into a folder, which is removed if the exploration fails.

    Args:
        data: a folder of IDX files, a folder with a subfolder of images for each class, or a CSV of labeled images
            (or a folder with ``labels.csv`` in it), whose groups are kept together in one split; None for
            Fashion-MNIST. All but IDX files are seen as 28x28 gray pixels.
        columns: of the CSV.
        any_idx: accept IDX files of any data set.
        out: the folder; None for ``runs/explore``. Numbered if it exists.
        seed: of all random choices.
        map: what the t-SNE map shows: ``pixels``, the embeddings of the bundled ``cnn``, or ``none`` for no map.
        perplexity: of the map; None for 30, or less where there are few images.
        audit: ``duplicates`` finds duplicates and outliers, ``labels`` also suspected label errors (minutes).
        progress: called at every stage and every figure.

    Raises:
        ClothierError: the options, the data or the disk.
    """
    place, folder = optional_path(data), optional_path(out) or RUNS_DIR / "explore"
    options = ExploreOptions(
        data=place, columns=columns, any_idx=any_idx, seed=seed, map=map, perplexity=perplexity, audit=audit
    )
    if place is not None and is_photo_table(place):
        dataset = load_image_table(place, columns, progress=progress)
    else:
        refuse_photo_options(columns)
        dataset = open_dataset(place, any_idx=any_idx, any_size=True, progress=progress)
    if options.map != "none" and options.perplexity is not None:
        check_perplexity(options.perplexity, len(dataset.train) + len(dataset.test))
    run = ExplorationRun(atomic.unique_dir(folder))
    try:
        _explore_into(run, options, dataset, progress)
    except BaseException:
        shutil.rmtree(run.path, ignore_errors=True)
        raise
    return run


def _explore_into(run: ExplorationRun, options: ExploreOptions, dataset: Dataset, progress: Progress) -> None:
    splits = {"train": dataset.train.labels, "test": dataset.test.labels}
    result = run_stages(dataset, splits, options, bundled_reference_model(dataset), progress=progress)
    save_figures(result.figures, run.path / "figures", svg=True, progress=progress)
    result.write_files(run.path)
    environment = system.system_info()
    page = render_exploration(result, result.headline, Provenance(options.command, environment))
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
    atomic.write_json(run.path / "explore.json", content)


def run_stages(
    dataset: Dataset,
    splits: Mapping[str, Labels],
    options: ExploreOptions,
    reference_model: Classifier | None,
    *,
    logits: Floats | None = None,
    progress: Progress = no_progress,
) -> DataSection:
    """Runs every stage; writes nothing.

    ``splits`` are split to labels (N,), as the models use them. The map shows the predictions of the reference model,
    and the audit states its accuracy. ``logits`` (N_train + N_test, K) are its own, NaN for images that it has not seen
    yet; None for none.

    Raises:
        DataError: images of one class only, or all the same.
        UsageError: a perplexity that does not suit the number of images, or a reference model of other classes.
    """
    dataset.require_two_classes()
    require_same_classes([] if reference_model is None else [reference_model], dataset)
    n_train = len(dataset.train)
    if logits is None:
        logits = unknown_logits(dataset)
    _predict_missing(reference_model, dataset.test.images, logits[n_train:])
    stages: dict[str, Callable[[], Section]] = {
        "classes": lambda: classes_section(dataset, splits, options.seed),
        "pixels": lambda: pixels_section(dataset),
        "PCA": lambda: pca_section(dataset, options.seed),
        "audit": lambda: _audit(dataset, options, reference_model, logits[n_train:], progress),
    }
    if options.map != "none":
        stages["map"] = lambda: _map(dataset, options, reference_model, logits, progress)
    sections: list[Section] = []
    for name, stage in stages.items():
        progress(TASK, len(sections), len(stages), name)
        sections.append(stage())
    progress(TASK, len(sections), len(stages))
    unread = [f"Files that could not be read and are not counted: {len(dataset.failures):,}."] * bool(dataset.failures)
    return DataSection(
        name=dataset.name,
        sections=sections,
        digests=dataset.digests,
        splits={name: len(labels) for name, labels in splits.items()},
        remarks=(*dataset.warnings, *unread),
        failures=dataset.failures,
    )


def bundled_reference_model(dataset: Dataset) -> Classifier | None:
    """The bundled CNN, if the dataset has its classes and image size."""
    model = load(BUNDLED_CNN)
    suits = model.classes == dataset.classes and model.input_spec.shape == dataset.train.images.shape[1:]
    return model if suits else None


def unknown_logits(dataset: Dataset) -> Floats:
    """(N_train + N_test, K) float32, all NaN: the reference model has seen no image yet."""
    return np.full((len(dataset.train) + len(dataset.test), len(dataset.classes)), np.nan, np.float32)


def _predict_missing(model: Classifier | None, images: Images, logits: Floats) -> None:
    """Fills in the logits that are not known yet."""
    missing = np.flatnonzero(np.isnan(logits[:, 0]))
    if model is not None and len(missing):
        logits[missing] = model.run(images[missing]).logits


def _audit(
    dataset: Dataset, options: ExploreOptions, model: Classifier | None, test_logits: Floats, progress: Progress
) -> Section:
    duplicates = dataset_duplicates(dataset, progress)
    labels = _label_audit(dataset, duplicates, options.seed, progress) if options.audit == "labels" else None
    return audit_section(
        audit_dataset(
            dataset,
            duplicates,
            labels=labels,
            reference_model=model,
            test_logits=test_logits,
            progress=progress,
        )
    )


def _label_audit(dataset: Dataset, duplicates: Duplicates, seed: int, progress: Progress) -> LabelAudit:
    """Trains one model per fold. A fold holds all copies of an image or none, or a copy would reveal the label."""
    for split in (dataset.train, dataset.test):
        check_labels(split.labels, len(dataset.classes))
    groups = train_groups(duplicates.groups_at(duplicates.min_correlation), len(dataset.train))
    folds = stratified_folds(dataset.train.labels, N_FOLDS, seed, groups)
    recipe = recipes.preset("cnn", "fast")
    found = out_of_fold_probabilities(dataset, recipe, folds, seed=seed, progress=progress)
    return audit_labels(dataset, found.train, found.test, model=f"{recipe.model} {recipe.preset}", n_folds=N_FOLDS)


def _map(
    dataset: Dataset, options: ExploreOptions, model: Classifier | None, logits: Floats, progress: Progress
) -> Section:
    n = len(dataset.train) + len(dataset.test)
    if n < MIN_POINTS and options.perplexity is None:
        return skipped_map_section(n)
    mapped = load(BUNDLED_CNN) if options.map == "cnn" else None
    found = fit_map(dataset, mapped, perplexity=options.perplexity, seed=options.seed, progress=progress)
    _predict_missing(model, dataset.train.images, logits[: len(dataset.train)])
    name, known = (None, None) if model is None else (model.name, logits)
    return map_section(dataset, found, model=name, logits=known, seed=options.seed, progress=progress)
