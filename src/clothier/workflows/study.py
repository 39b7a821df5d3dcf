"""``clothier study``: explores the data, trains the DNN and the CNN, compares them and writes a report."""

from __future__ import annotations

import shlex
import shutil
from dataclasses import dataclass, replace
from pathlib import Path  # noqa: TC003 - from_config reads the annotations
from typing import TYPE_CHECKING, Any

from clothier import atomic, metrics, recipes, system
from clothier.data.sources import open_dataset
from clothier.exploration.options import ExploreOptions
from clothier.inference import load
from clothier.paths import optional_path
from clothier.report.captioned_figure import save_figures
from clothier.report.figures import comparison_figures
from clothier.report.page import render_study
from clothier.report.run_report import model_section
from clothier.report.sections import ComparisonSection, Provenance
from clothier.runs import RUNS_DIR, Run, create_run, interruptible, lock, read_json
from clothier.training.ddp import require_single_process
from clothier.training.options import TrainOptions, check_run_options, from_config, to_config
from clothier.training.prepared_training import split_indices
from clothier.types import no_progress
from clothier.workflows.explore import run_stages, unknown_logits
from clothier.workflows.train import resume, train

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clothier.data.dataset import Dataset
    from clothier.recipes.schema import ModelName
    from clothier.report.sections import DataSection
    from clothier.types import Progress

TASK, REPORT = "study", "report"
SEVERAL = "run a study in several processes"
STEPS = len(recipes.MODELS) + 2  # the exploration and the report


@dataclass(frozen=True, slots=True)
class StudyOptions:
    """The options of a study, as for :func:`study`."""

    preset: str = "fast"
    data: Path | None = None
    any_idx: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        check_run_options(self)

    @property
    def command(self) -> str:
        """The command line that repeats the study."""
        data = [] if self.data is None else ["--data", str(self.data)]
        any_idx = ["--any-idx"] if self.any_idx else []
        return shlex.join(["clothier", "study", "--preset", self.preset, "--seed", str(self.seed), *data, *any_idx])

    def train_options(self, model: ModelName, out: Path, previous: Run | None) -> TrainOptions:
        """The options for one model; its teachers, if it has any, are those of the previous run."""
        recipe = recipes.preset(model, self.preset)
        teachers = previous.path if previous and recipe.distill.teachers else None
        return TrainOptions(
            recipe=recipe, data=self.data, any_idx=self.any_idx, out=out, seed=self.seed, teachers_from=teachers
        )


@dataclass(frozen=True, slots=True)
class Study:
    """The folder of a finished study."""

    path: Path

    @property
    def report(self) -> Path:
        """The HTML page."""
        return self.path / "report.html"

    def to_json(self) -> dict[str, Any]:
        """``study.json``, with the paths of where the folder is now."""
        content = read_json(self.path / "study.json")
        return {**content, **_paths(self.path, content["runs"])}


def study(
    *,
    preset: str = "fast",
    out: str | Path | None = None,
    data: str | Path | None = None,
    any_idx: bool = False,
    seed: int = 0,
    progress: Progress = no_progress,
) -> Study:
    """Runs the whole study, from the data to ``report.html`` and ``study.json``.

    Args:
        preset: of both models; ``classic`` repeats the reference study's recipes, ``fast`` is Clothier's own.
        out: the study's folder; None for ``runs/study-PRESET``. Numbered if it exists.
        data: a folder, as ``--data`` means it; None for Fashion-MNIST.
        any_idx: accept IDX files of any data set.
        seed: of weights, order, augmentation and dropout.
        progress: called for every stage and epoch.

    Raises:
        Interrupted: Ctrl-C; the study can be resumed.
        ClothierError: the data, the preset or the disk; see each.
    """
    require_single_process(SEVERAL)
    options = StudyOptions(preset, optional_path(data), any_idx, seed)
    folder = optional_path(out) or RUNS_DIR / f"study-{preset}"
    for model in recipes.MODELS:
        recipes.preset(model, preset)  # an unknown preset is an error before anything is written
    dataset = open_dataset(options.data, any_idx=any_idx, progress=progress)
    run = create_run(folder)
    run.create({**to_config(options), "data_digest": dataset.digest})
    return _run_stages(run.path, options, dataset, progress)


def resume_study(path: Path, *, data: Path | None = None, progress: Progress = no_progress) -> Study:
    """Continues a study that was interrupted; a finished one is not changed.

    ``data`` is where its data are now, if they were moved.

    Raises:
        Interrupted: Ctrl-C; the study can be resumed again.
        ModelError: there is no study at ``path``, or its files are damaged.
        DataError: the study was started on other data.
        UsageError: torchrun started several processes.
    """
    require_single_process(SEVERAL)
    if (path / "study.json").is_file():
        return Study(path)
    run = Run(path)
    options = from_config(StudyOptions, run.config, path / "config.json")
    options = replace(options, data=data or options.data)
    dataset = open_dataset(options.data, any_idx=options.any_idx, progress=progress)
    run.check_data(dataset.digest)
    run.move_data(data)
    return _run_stages(path, options, dataset, progress)


def _run_stages(path: Path, options: StudyOptions, dataset: Dataset, progress: Progress) -> Study:
    """The stages that are not finished yet, in order."""
    with interruptible(path, "study"), lock(path):
        dataset.require_two_classes()
        progress(TASK, 0, 0, f"Results: {path}")
        # The models come first: an interrupted study keeps their epochs, and the map shows the CNN's predictions.
        runs: list[Run] = []
        for model in recipes.MODELS:
            _begin_step(len(runs), f"train the {model.upper()}", progress)
            wanted = options.train_options(model, path / model, runs[0] if runs else None)
            runs.append(_train_or_resume(path / model, wanted, dataset, progress))
        _begin_step(len(runs), "explore the data", progress)
        exploration = _explore(options, dataset, runs[recipes.MODELS.index("cnn")], progress)
        _begin_step(STEPS - 1, "write the report", progress)
        progress(REPORT, 0, 1)
        Run(path).require_folder()
        _write_report(path, options, dataset, exploration, runs)
    progress(REPORT, 1, 1)
    progress(TASK, STEPS, STEPS)
    return Study(path)


def _begin_step(done: int, name: str, progress: Progress) -> None:
    progress(TASK, 0, 0, f"Step {done + 1} of {STEPS}: {name}")
    progress(TASK, done, STEPS, name)


def _train_or_resume(path: Path, options: TrainOptions, dataset: Dataset, progress: Progress) -> Run:
    if (path / "config.json").is_file():
        return resume(path, expected=options, data=options.data, dataset=dataset, progress=progress)
    shutil.rmtree(path, ignore_errors=True)  # killed before config.json was written; train() would number the folder
    return train(options, dataset=dataset, progress=progress)


def _explore(options: StudyOptions, dataset: Dataset, cnn: Run, progress: Progress) -> DataSection:
    explore_options = ExploreOptions(data=options.data, any_idx=options.any_idx, seed=options.seed)
    train, validation = split_indices(dataset, recipes.preset("cnn", options.preset))
    labels = dataset.train.labels
    splits = {"train": labels[train], "validation": labels[validation], "test": dataset.test.labels}
    logits = unknown_logits(dataset)
    logits[validation] = cnn.read_predictions()["validation"]
    logits[len(labels) :] = cnn.test_logits()
    return run_stages(dataset, splits, explore_options, load(cnn.bundle), logits=logits, progress=progress)


def _write_report(
    path: Path, options: StudyOptions, dataset: Dataset, exploration: DataSection, runs: list[Run]
) -> None:
    """Writes the figures, ``report.html`` and last ``study.json``, which marks the study as finished."""
    found = {run.path.name: run.metrics for run in runs}
    logits = [run.test_logits() for run in runs]
    sections = [model_section(run, run.metrics, one, dataset) for run, one in zip(runs, logits, strict=True)]
    names = (sections[0].name, sections[1].name)
    figures = comparison_figures(names, (logits[0], logits[1]), dataset.test, dataset.classes)
    correct = [one.argmax(axis=1) == dataset.test.labels for one in logits]
    paired = metrics.mcnemar(correct[0], correct[1])
    save_figures({**exploration.figures, **figures}, path / "figures")
    exploration.write_files(path)
    provenance = Provenance(options.command, system.system_info())
    comparison = ComparisonSection(names, paired, figures)
    atomic.write_text(path / "report.html", render_study(exploration, sections, [comparison], provenance))
    first, second = found
    content = {
        **to_config(options),
        "metrics": found,
        "comparison": {"first": first, "second": second, **paired.to_json()},
        "exploration": exploration.metrics,
        **_paths(path, found),
    }
    atomic.write_json(path / "study.json", content)


def _paths(path: Path, models: Iterable[str]) -> dict[str, Any]:
    """Where the runs of ``models`` and the report of the study at ``path`` are."""
    return {"runs": {name: str(path / name) for name in models}, "report": str(path / "report.html")}
