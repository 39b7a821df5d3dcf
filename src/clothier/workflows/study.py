"""The use case of ``clothier study``: look at the data, train the DNN and the CNN, compare them, report."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clothier import atomic, metrics, recipes, system
from clothier.data.sources import open_dataset
from clothier.errors import Interrupted, ModelError
from clothier.exploration.options import ExploreOptions
from clothier.inference import load
from clothier.report.captioned_figure import save_figures
from clothier.report.figures import comparison_figures
from clothier.report.page import render_study
from clothier.report.run_report import model_section
from clothier.report.sections import ComparisonSection, Provenance
from clothier.runs import RUNS_DIR, Run, create_run, read_json
from clothier.training.prepared_training import split
from clothier.types import no_progress
from clothier.workflows.explore import run_stages
from clothier.workflows.train import TrainOptions, require_same_data, resume, train

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clothier.data.dataset import Dataset
    from clothier.report.explore_sections import ExplorationResult
    from clothier.types import Progress

TASK, REPORT = "study", "report"
STEPS = len(recipes.MODELS) + 2  # the exploration and the report


@dataclass(frozen=True, slots=True)
class StudyOptions:
    """What is asked for: a preset for both models, the data, and where chance comes from."""

    preset: str = "fast"
    data: Path | None = None
    any_idx: bool = False
    seed: int = 0

    def to_json(self) -> dict[str, Any]:
        """What the study's ``config.json`` holds."""
        data = None if self.data is None else str(self.data.absolute())
        return {"format": 1, "preset": self.preset, "data": data, "any_idx": self.any_idx, "seed": self.seed}

    def train_options(self, model: recipes.ModelName, out: Path, previous: Run | None) -> TrainOptions:
        """The same, for the training of one model; it learns from the teachers of the run before it, if there are."""
        recipe = recipes.preset(model, self.preset)
        teachers = previous.path if previous and recipe.distill.teachers else None
        return TrainOptions(
            recipe=recipe, data=self.data, any_idx=self.any_idx, out=out, seed=self.seed, teachers_from=teachers
        )


@dataclass(frozen=True, slots=True)
class Study:
    """A finished study."""

    path: Path

    @property
    def report(self) -> Path:
        """The page."""
        return self.path / "report.html"

    def to_json(self) -> dict[str, Any]:
        """``study.json``."""
        return read_json(self.path / "study.json")


def study(
    *,
    preset: str = "fast",
    out: Path | None = None,
    data: Path | None = None,
    any_idx: bool = False,
    seed: int = 0,
    progress: Progress = no_progress,
) -> Study:
    """The whole study, from the data to ``report.html`` and ``study.json``.

    Args:
        preset: of both models: ``classic`` repeats the original's recipes, ``fast`` is ours.
        out: the study's folder; None for ``runs/study-PRESET``. Numbered when taken.
        data: a folder, as ``--data`` means it; None for Fashion-MNIST.
        any_idx: take a foreign IDX data set as it is.
        seed: of weights, order, augmentation and dropout.
        progress: told of every stage and epoch.

    Raises:
        Interrupted: Ctrl-C; the study can be resumed.
        ClothierError: the data, the preset or the disk; see each.
    """
    options = StudyOptions(preset, data, any_idx, seed)
    for model in recipes.MODELS:
        recipes.preset(model, preset)  # an unknown preset is said before anything is made
    dataset = open_dataset(data, any_idx=any_idx, progress=progress)
    folder = create_run(out or RUNS_DIR / f"study-{preset}")
    folder.create({**options.to_json(), "data_digest": dataset.digest})
    return _run_stages(folder.path, options, dataset, progress)


def resume_study(path: Path, *, progress: Progress = no_progress) -> Study:
    """Goes on with a study that was interrupted; one that has ended is left as it is.

    Raises:
        Interrupted: Ctrl-C; the study can be resumed again.
        ModelError: there is no study at ``path``, or its files are damaged.
        DataError: the data have changed since.
    """
    if (path / "study.json").is_file():
        return Study(path)
    begun = Run(path)
    options = _read_options(begun.config, path)
    dataset = open_dataset(options.data, any_idx=options.any_idx, progress=progress)
    require_same_data(begun, dataset)
    return _run_stages(path, options, dataset, progress)


def _read_options(config: Mapping[str, Any], path: Path) -> StudyOptions:
    try:
        data = None if config["data"] is None else Path(config["data"])
        return StudyOptions(config["preset"], data, config["any_idx"], config["seed"])
    except KeyError as error:
        raise ModelError(f"{path} is no study: its config.json lacks {error}. Give the folder of a study.") from error


def _run_stages(path: Path, options: StudyOptions, dataset: Dataset, progress: Progress) -> Study:
    """Each part that is not there yet, in order."""
    try:
        dataset.require_two_classes()
        # The models come first: a study that is stopped keeps their epochs, and the CNN then judges the map.
        runs: list[Run] = []
        for model in recipes.MODELS:
            progress(TASK, len(runs), STEPS, model)
            asked = options.train_options(model, path / model, runs[0] if runs else None)
            runs.append(_train_or_resume(path / model, asked, dataset, progress))
        progress(TASK, len(runs), STEPS, "explore")
        exploration = _explore(options, dataset, runs[recipes.MODELS.index("cnn")], progress)
        progress(TASK, STEPS - 1, STEPS, REPORT)
        progress(REPORT, 0, 1)
        _report(path, options, dataset, exploration, runs)
    except KeyboardInterrupt as stop:
        raise Interrupted(path, "study") from stop
    progress(REPORT, 1, 1)
    progress(TASK, STEPS, STEPS)
    return Study(path)


def _explore(options: StudyOptions, dataset: Dataset, cnn: Run, progress: Progress) -> ExplorationResult:
    looking = ExploreOptions(data=options.data, any_idx=options.any_idx, seed=options.seed)
    judge = load(cnn.bundle)
    return run_stages(dataset, _splits(options, dataset), looking, judge, progress=progress)


def _train_or_resume(path: Path, options: TrainOptions, dataset: Dataset, progress: Progress) -> Run:
    if (path / "config.json").is_file():
        return resume(path, expected=options, dataset=dataset, progress=progress)
    shutil.rmtree(path, ignore_errors=True)  # killed before it began; train() would take another name
    return train(options, dataset=dataset, progress=progress)


def _splits(options: StudyOptions, dataset: Dataset) -> dict[str, Any]:
    """Labels by part, as the models' recipes split them."""
    learning, validation = split(dataset, recipes.preset("cnn", options.preset))
    return {"train": learning.labels, "validation": validation.labels, "test": dataset.test.labels}


def _report(
    path: Path, options: StudyOptions, dataset: Dataset, exploration: ExplorationResult, runs: list[Run]
) -> None:
    """Figures, ``report.html`` and, last, ``study.json``, which marks the study finished."""
    logits = [run.read_predictions()["test"] for run in runs]
    sections = [model_section(run, run.metrics, one, dataset) for run, one in zip(runs, logits, strict=True)]
    names = (sections[0].name, sections[1].name)
    figures = comparison_figures(names, (logits[0], logits[1]), dataset.test, dataset.classes)
    right = [answers.argmax(1) == dataset.test.labels for answers in logits]
    paired = metrics.mcnemar(right[0], right[1])
    save_figures({**exploration.section.figures, **figures}, path / "figures")
    origin = Provenance(f"clothier study --preset {options.preset} --seed {options.seed}", system.system_info())
    exploration.write_files(path)
    comparison = ComparisonSection(names, paired, figures)
    atomic.write_text(path / "report.html", render_study(exploration.section, sections, [comparison], origin))
    content = {
        **options.to_json(),
        "runs": {run.path.name: str(run.path) for run in runs},
        "metrics": {run.path.name: run.metrics for run in runs},
        "comparison": {"first": runs[0].path.name, "second": runs[1].path.name, **paired.to_json()},
        "exploration": exploration.metrics,
        "report": str(path / "report.html"),
    }
    atomic.write_json(path / "study.json", content)
