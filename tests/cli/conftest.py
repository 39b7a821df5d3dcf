"""The real command line in this process, over workflows that only remember how they were called."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from clothier.cli.main import main
from clothier.types import ClassProbability, ClassScore, Evaluation, FailedInput, McNemarResult, Prediction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clothier.data.photo_csv import Columns


@dataclass(frozen=True)
class CliResult:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """All of stdout, which must be JSON and nothing else."""
        return json.loads(self.stdout)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command line: ``run("train", "cnn")``."""

    def go(*arguments: str) -> CliResult:
        code = main(arguments)
        captured = capsys.readouterr()
        return CliResult(code, captured.out, captured.err)

    return go


def evaluation(accuracy: float) -> Evaluation:
    """A plausible one."""
    scores = (ClassScore("Shirt", 0.8, 0.7, 0.75, 40), ClassScore("Bag", 0.99, 0.98, 0.985, 60))
    return Evaluation(
        100, accuracy, None, 0.0123, 0.91, 0.92, scores, ((28, 12), (1, 59)), ece=0.034, nll=0.256, brier=0.12
    )


@dataclass(frozen=True)
class Photos:
    """What is known besides where the data are photos."""

    failures: tuple[FailedInput, ...]


@dataclass(frozen=True)
class ModelEvaluation:
    model: str
    evaluation: Evaluation
    photos: Photos | None = None

    def to_json(self) -> dict[str, Any]:
        return {"model": self.model, "data": "drawn", **self.evaluation.to_json()}


@dataclass(frozen=True)
class Comparison:
    first: ModelEvaluation
    second: ModelEvaluation
    test: McNemarResult

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name).to_json() for name in ("first", "second", "test")}


@dataclass(frozen=True)
class TrainOptions:
    recipe: Any
    data: Path | None = None
    any_idx: bool = False
    out: Path | None = None
    seed: int = 0
    time_limit: float | None = None
    teachers_from: Path | None = None
    refit: Path | None = None


@dataclass(frozen=True)
class TuneOptions:
    model: str
    search_space: str = "fast"
    trials: int | None = None
    time_limit: float | None = None
    epochs: int | None = None
    data: Path | None = None
    any_idx: bool = False
    out: Path | None = None
    seed: int = 0


@dataclass(frozen=True)
class Run:
    path: Path = Path("runs/cnn-2")
    metrics: dict[str, Any] = field(
        default_factory=lambda: {
            "model": "cnn",
            "preset": "fast",
            "validation": evaluation(0.95).to_json(),
            "test": evaluation(0.9321).to_json(),
        }
    )

    def to_json(self) -> dict[str, Any]:
        return {"path": str(self.path), "metrics": self.metrics}


DATA_RESULT = {
    "name": "Fashion-MNIST",
    "source": "cache",
    "folder": "/data/fashion-mnist",
    "cache": "/data/fashion-mnist",
    "files": [{"name": "t10k-labels-idx1-ubyte", "path": "/data/x", "bytes": 10_008, "sha256": "0402a96d" * 8}],
    "counts": {"train": {"Shirt": 6_000, "Bag": 6_000}, "test": {"Shirt": 1_000, "Bag": 1_000}},
    "digest": "ab" * 32,
    "notes": ["passed over the cache: it was altered."],
}


EXPLORE_RESULT = {
    "classes": {"train": {"Shirt": 6_000, "Bag": 6_000}, "test": {"Shirt": 1_000, "Bag": 900}},
    "pixels": {"black_fraction": 0.502, "mean": 72.94, "standard_deviation": 90.02},
    "pca": {
        "n": 12_000,
        "dimensions": 784,
        "components_for_90": 84,
        "components_for_95": 187,
        "mean_absolute_correlation": {"pixels": 0.2137, "components": 1e-10},
    },
    "map": {
        "n": 900,
        "seconds": 31.2,
        "knn10": 0.8375,
        "knn100": 0.8156,
        "pca_baseline": {"knn10": 0.5297},
    },
    "audit": {
        "n": {"train": 12_000, "test": 900},
        "duplicates": {"leaked_test_images": 7, "near": {"correlation": 0.999}},
        "labels": None,
        "outliers": {"n": 5},
        "reference_model": {
            "name": "fashion-cnn",
            "test": {"accuracy": 0.9355, "standard_error": 0.0025},
            "test_without_leakage": {
                "0.9999": {"accuracy": 0.9, "standard_error": 0.003},
                "0.999": {"accuracy": 0.934, "standard_error": 0.0026},
            },
        },
        "findings": [{}],
    },
    "failures": [],
    "report": "runs/explore/report.html",
}


TRIAL = {"trial": 2, "values": {"optimizer": "rmsprop", "learning_rate": 0.012345}, "state": "complete", "epochs": 30}
TUNE_RESULT = {
    "options": {"model": "dnn"},
    "validation": {"n": 12_000, "standard_error": 0.0028},
    "best": {**TRIAL, "validation_accuracy": 0.8974, "error": None, "file": "runs/my tune/best.toml"},
    "trials": [
        {**TRIAL, "validation_accuracy": 0.8974, "error": None},
        {**TRIAL, "trial": 3, "state": "pruned", "validation_accuracy": 0.85, "epochs": 11, "error": None},
        {**TRIAL, "trial": 1, "state": "failed", "validation_accuracy": None, "epochs": 0, "error": "went astray."},
    ],
}


@dataclass
class FakeWorkflows:
    """What the commands called, and what they are to be answered.

    Attributes:
        calls: name and arguments of each call; ``progress`` is left out.
        failure: raised by the next call, if any.
        progress_calls: what each call tells its progress.
        data_result: what ``clothier data`` finds.
        explore_result: what ``clothier explore`` finds.
        calibrate_result: what ``clothier calibrate`` finds.
        failed_inputs: photos that ``clothier evaluate`` cannot read.
    """

    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    failure: BaseException | None = None
    progress_calls: list[tuple[str, float, float, str]] = field(default_factory=list)
    data_result: dict[str, Any] = field(default_factory=lambda: dict(DATA_RESULT))
    explore_result: dict[str, Any] = field(default_factory=lambda: dict(EXPLORE_RESULT))
    calibrate_result: dict[str, Any] = field(default_factory=lambda: dict(CALIBRATE_RESULT))
    failed_inputs: tuple[FailedInput, ...] = ()

    def record(self, name: str, progress: Any, **arguments: Any) -> None:
        self.calls.append((name, arguments))
        for remark in self.progress_calls:
            progress(*remark)
        if self.failure:
            raise self.failure

    @property
    def only_call(self) -> dict[str, Any]:
        """The arguments of the one call that was made."""
        ((_, arguments),) = self.calls
        return arguments


@dataclass(frozen=True)
class FakeResult:
    content: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        return self.content


@dataclass(frozen=True)
class Study:
    path: Path

    def to_json(self) -> dict[str, Any]:
        metrics = {"parameters": 12_682, "epochs": 30, "train_seconds": 61.4, "validation": None}
        test = McNemarResult(100, 2, 9, -0.07, (-0.13, -0.01), 0.0004)
        return {
            "metrics": {
                "dnn": {**metrics, "test": evaluation(0.86).to_json()},
                "cnn": {**metrics, "test": evaluation(0.93).to_json(), "validation": evaluation(0.94).to_json()},
            },
            "comparison": {"first": "dnn", "second": "cnn", **test.to_json()},
            "report": str(self.path / "report.html"),
        }


@pytest.fixture
def workflows(monkeypatch: pytest.MonkeyPatch) -> FakeWorkflows:
    """Puts the workflows that remember in the place of the real ones; torch is never loaded."""
    seen = FakeWorkflows()
    parts: dict[str, list[Any]] = {
        "data": [_prepare(seen)],
        "train": [*_fake_training(seen), TrainOptions],
        "evaluate": [_evaluate(seen)],
        "calibrate": [_calibrate(seen)],
        "compare": [_compare(seen)],
        "explore": [_explore(seen)],
        "predict": [_predict(seen)],
        "study": _study(seen),
        "tune": [*_fake_tuning(seen), TuneOptions],
    }
    for name, functions in parts.items():
        module = ModuleType(f"clothier.workflows.{name}")
        for one in functions:
            setattr(module, one.__name__, one)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return seen


def _prepare(fakes: FakeWorkflows) -> Any:
    def prepare(folder: Path | None, *, progress: Any) -> FakeResult:
        fakes.record("prepare", progress, folder=folder)
        return FakeResult(fakes.data_result)

    return prepare


def _fake_training(fakes: FakeWorkflows) -> list[Any]:
    def train(options: TrainOptions, *, progress: Any) -> Run:
        fakes.record("train", progress, **asdict(options) | {"recipe": options.recipe})
        return Run()

    def resume(path: Path, *, expected: TrainOptions | None = None, progress: Any) -> Run:
        fakes.record("resume", progress, path=path, expected=expected)
        return Run()

    def options_from_config(path: Path) -> TrainOptions:
        return TrainOptions(f"recipe in {path}", seed=7, data=Path("old"))

    def once_more_on_all(options: TrainOptions, twin: Path) -> TrainOptions:
        return replace(options, recipe=f"{options.recipe}, on all", refit=twin)

    return [train, resume, options_from_config, once_more_on_all]


def _evaluate(fakes: FakeWorkflows) -> Any:
    def evaluate(
        models: Sequence[str],
        *,
        data: Path | None,
        any_idx: bool,
        columns: Columns,
        corruptions: bool,
        progress: Any,
    ) -> list[ModelEvaluation]:
        asked = {"data": data, "any_idx": any_idx, "columns": columns, "corruptions": corruptions}
        fakes.record("evaluate", progress, models=models, **asked)
        photos = Photos(fakes.failed_inputs) if fakes.failed_inputs else None
        return [ModelEvaluation(model, evaluation(0.9321 - place / 10), photos) for place, model in enumerate(models)]

    return evaluate


CALIBRATE_RESULT = {
    "model": "mine",
    "bundle": "models/mine",
    "data": "own",
    "n": 400,
    "kept": True,
    "before": {"temperature": 1.0, "ece": 0.0812},
    "after": {"temperature": 1.4567, "ece": 0.0213},
    "thresholds": {
        "accept": 0.8432,
        "promise": {
            "risk": 0.05,
            "confidence": 0.95,
            "bound": 0.0487,
            "observed": 0.0311,
            "coverage": 0.7031,
            "photos": 400,
            "groups": 31,
            "grouped_by": "line",
            "classes": [{"name": "hat", "kept": True}, {"name": "boot", "kept": False}],
        },
    },
    "novelty_auroc": 0.7654,
    "notes": ["two rows are the same"],
}


@dataclass(frozen=True)
class FakeCalibration:
    content: dict[str, Any]
    failures: tuple[FailedInput, ...] = ()

    @property
    def holds(self) -> bool:
        return bool(self.content["kept"])

    @property
    def data(self) -> str:
        return str(self.content["data"])

    def to_json(self) -> dict[str, Any]:
        return self.content


def _calibrate(fakes: FakeWorkflows) -> Any:
    def calibrate(
        model: str,
        *,
        data: Path,
        out: Path | None = None,
        columns: Columns,
        risk: float = 0.05,
        confidence: float = 0.95,
        progress: Any,
    ) -> FakeCalibration:
        asked = {"out": out, "columns": columns, "risk": risk, "confidence": confidence}
        fakes.record("calibrate", progress, model=model, data=data, **asked)
        return FakeCalibration(fakes.calibrate_result, fakes.failed_inputs)

    return calibrate


def _compare(fakes: FakeWorkflows) -> Any:
    def compare(first: str, second: str, *, data: Path | None, any_idx: bool, progress: Any) -> Comparison:
        fakes.record("compare", progress, first=first, second=second, data=data, any_idx=any_idx)
        test = McNemarResult(100, 9, 2, 0.07, (0.01, 0.13), 0.0654)
        return Comparison(ModelEvaluation(first, evaluation(0.93)), ModelEvaluation(second, evaluation(0.86)), test)

    return compare


def _explore(fakes: FakeWorkflows) -> Any:
    def explore(
        *,
        out: Path | None = None,
        data: Path | None = None,
        any_idx: bool = False,
        seed: int = 0,
        map: str = "pixels",  # noqa: A002 - the real one's word
        perplexity: float | None = None,
        audit: str = "duplicates",
        progress: Any,
    ) -> FakeResult:
        asked = {"map": map, "perplexity": perplexity, "audit": audit}
        fakes.record("explore", progress, out=out, data=data, any_idx=any_idx, seed=seed, **asked)
        return FakeResult(fakes.explore_result)

    return explore


def _predict(fakes: FakeWorkflows) -> Any:
    def predict(
        files: Sequence[Path], *, model: str, top: int, taxonomy: Path | None, show: Path | None, progress: Any
    ) -> list[Prediction | FailedInput]:
        fakes.record("predict", progress, files=files, model=model, top=top, taxonomy=taxonomy, show=show)
        guesses = (ClassProbability("Sneaker", 0.8213), ClassProbability("Sandal", 0.12))
        return [
            FailedInput(str(file), "not-found", f"{file} does not exist; give a picture.")
            if file.name == "missing.png"
            else FailedInput(str(file), "empty", "there is nothing in it.")
            if file.name == "empty.png"
            else Prediction(str(file), guesses, None, "no thresholds", model)
            for file in files
        ]

    return predict


def _fake_tuning(fakes: FakeWorkflows) -> list[Any]:
    def tune(options: TuneOptions, *, progress: Any) -> FakeResult:
        fakes.record("tune", progress, **asdict(options))
        return FakeResult(TUNE_RESULT)

    def resume_tune(
        path: Path, *, trials: int | None = None, time_limit: float | None = None, progress: Any
    ) -> FakeResult:
        fakes.record("resume_tune", progress, path=path, trials=trials, time_limit=time_limit)
        return FakeResult(TUNE_RESULT)

    return [tune, resume_tune]


def _study(fakes: FakeWorkflows) -> list[Any]:
    def study(
        *,
        preset: str = "fast",
        out: Path | None = None,
        data: Path | None = None,
        any_idx: bool = False,
        seed: int = 0,
        progress: Any,
    ) -> Study:
        fakes.record("study", progress, preset=preset, out=out, data=data, any_idx=any_idx, seed=seed)
        return Study(Path("runs/study-fast"))

    def resume_study(path: Path, *, progress: Any) -> Study:
        fakes.record("resume_study", progress, path=path)
        return Study(path)

    return [study, resume_study]
