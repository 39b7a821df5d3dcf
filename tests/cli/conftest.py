"""The real command line in this process, over fake workflows with real signatures and results of the real types."""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from clothier import atomic
from clothier.bundle import Bundle, BundleMetadata
from clothier.catalogue.index import IndexUpdate, Neighbor
from clothier.cli.main import main
from clothier.data import idx_files
from clothier.data.dataset import Dataset
from clothier.data.sources import VerifiedFiles
from clothier.evaluation.photos import PhotoEvaluation
from clothier.exploration.embedding_map import MapMetadata
from clothier.exploration.tsne.map_quality import MapQuality
from clothier.runs import Run
from clothier.selective.thresholds import AcceptedClass, RiskGuarantee, Thresholds
from clothier.taxonomy import FASHION_MNIST_CLASSES
from clothier.training.options import PhotoOptions
from clothier.training.tuning.trials import Trial
from clothier.types import ClassProbability, ClassScore, Evaluation, FailedInput, McNemarResult, Prediction, no_progress
from clothier.workflows.calibrate import CalibrationResult
from clothier.workflows.compare import Comparison
from clothier.workflows.data import PreparedDataset
from clothier.workflows.evaluate import ModelEvaluation
from clothier.workflows.explore import ExplorationRun
from clothier.workflows.export import ExportResult
from clothier.workflows.index import IndexResult
from clothier.workflows.predict import PredictResult
from clothier.workflows.similar import SimilarPhotos
from clothier.workflows.study import Study
from clothier.workflows.tag import TagResult
from clothier.workflows.tune import TuneRun
from tests.synthetic import draw_garments

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

WORKFLOWS = {
    "data": ["prepare"],
    "train": ["train", "resume"],
    "evaluate": ["evaluate"],
    "calibrate": ["calibrate"],
    "compare": ["compare"],
    "explore": ["explore"],
    "export": ["export"],
    "index": ["index"],
    "predict": ["predict"],
    "similar": ["similar"],
    "study": ["study", "resume_study"],
    "tag": ["tag"],
    "tune": ["tune", "resume_tune"],
}


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

    @property
    def lines(self) -> list[str]:
        """The lines of stdout, with single blanks."""
        return [" ".join(line.split()) for line in self.stdout.splitlines()]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command line: ``run("train", "cnn")``."""

    def go(*arguments: str) -> CliResult:
        code = main(arguments)
        captured = capsys.readouterr()
        return CliResult(code, captured.out, captured.err)

    return go


@dataclass
class FakeWorkflows:
    """Workflows that record how they were called.

    Attributes:
        results: name of a workflow to what it returns; a function gets the arguments of the call.
        calls: name and arguments of each call; ``progress`` is left out.
        failure: raised by every call, if any.
        failed_photos: which ``evaluate`` cannot read.
        progress_calls: what each call reports to its progress.
    """

    results: dict[str, Any]
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    failure: BaseException | None = None
    failed_photos: tuple[FailedInput, ...] = ()
    progress_calls: list[tuple[str, float, float, str]] = field(default_factory=list)

    def fake(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """A function with the parameters of ``real``."""
        signature = inspect.signature(real)

        def call(*args: Any, **options: Any) -> Any:
            arguments = dict(signature.bind(*args, **options).arguments)
            progress = arguments.pop("progress", no_progress)
            self.calls.append((real.__name__, arguments))
            for message in self.progress_calls:
                progress(*message)
            if self.failure:
                raise self.failure
            is_photo = isinstance(arguments.get("options"), PhotoOptions)
            result = self.results["photo" if is_photo else real.__name__]
            return result(**arguments) if inspect.isroutine(result) else result

        return call

    def evaluate(self, models: Sequence[str], **_: Any) -> list[ModelEvaluation]:
        results = []
        for index, name in enumerate(models):
            scores = make_evaluation(0.9321 - index / 10)
            photos = (
                PhotoEvaluation(scores, None, None, self.failed_photos, (), 0, 0, None) if self.failed_photos else None
            )
            results.append(ModelEvaluation(name, "synthetic", scores, photos=photos, failures=self.failed_photos))
        return results

    @property
    def only_call(self) -> dict[str, Any]:
        """The arguments of the one call that was made."""
        ((_, arguments),) = self.calls
        return arguments


@pytest.fixture
def fake_workflows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeWorkflows:
    """Replaces every workflow."""
    run = Run(make_file(tmp_path / "runs/cnn-2/metrics.json", RUN_METRICS))
    photo_run = Run(make_file(tmp_path / "runs/photo/metrics.json", PHOTO_METRICS))
    study = Study(make_file(tmp_path / "runs/study-fast/study.json", STUDY_RESULT))
    search = TuneRun(make_file(tmp_path / "runs/tune/tune.json", TUNE_RESULT))
    fakes = FakeWorkflows(
        {
            "prepare": prepared_dataset(tmp_path / "fashion-mnist"),
            "train": run,
            "resume": run,
            "photo": photo_run,
            "calibrate": CALIBRATION,
            "compare": compare,
            "explore": ExplorationRun(make_file(tmp_path / "runs/explore/explore.json", EXPLORE_RESULT)),
            "predict": predict,
            "study": study,
            "tag": TAGGED,
            "export": EXPORTED,
            "index": INDEXED,
            "similar": SIMILAR,
            "resume_study": study,
            "tune": search,
            "resume_tune": search,
        }
    )
    fakes.results["evaluate"] = fakes.evaluate
    for name, functions in WORKFLOWS.items():
        module = import_module(f"clothier.workflows.{name}")
        for function in functions:
            monkeypatch.setattr(module, function, fakes.fake(getattr(module, function)))
    return fakes


def make_file(path: Path, content: Any) -> Path:
    """Writes a result file; returns its folder."""
    path.parent.mkdir(parents=True)
    atomic.write_json(path, content)
    return path.parent


def prepared_dataset(folder: Path) -> PreparedDataset:
    contents = {name: bytes(10_008) for name in idx_files.FILE_NAMES}
    files = {name: folder / name for name in contents}
    folder.mkdir()
    for name, content in contents.items():
        files[name].write_bytes(content)
    found = VerifiedFiles("cache", files, contents, ("skipped the cache: it was altered.",))
    return PreparedDataset(drawn_dataset(), found, folder)


@cache
def drawn_dataset() -> Dataset:
    """Drawn once, for reading only: hundreds of tests have it."""
    digests = dict.fromkeys(idx_files.FILE_NAMES, "0402a96d" * 8)
    return Dataset("Fashion-MNIST", FASHION_MNIST_CLASSES, draw_garments(40, 0), draw_garments(20, 1), digests)


def make_evaluation(accuracy: float) -> Evaluation:
    scores = (ClassScore("Shirt", 0.8, 0.7, 0.75, 40), ClassScore("Bag", 0.99, 0.98, 0.985, 60))
    return Evaluation(
        100, accuracy, None, 0.0123, 0.91, 0.92, scores, ((28, 12), (1, 59)), ece=0.034, nll=0.256, brier=0.12
    )


def compare(first: str, second: str, **_: Any) -> Comparison:
    sides = [ModelEvaluation(name, "synthetic", make_evaluation(0.9)) for name in (first, second)]
    return Comparison(sides[0], sides[1], McNemarResult(100, 9, 2, 0.07, (0.01, 0.13), 0.0654))


def predict(photos: Sequence[str], *, model: str, output: Path | None, **_: Any) -> PredictResult:
    top = (ClassProbability("Sneaker", 0.8213), ClassProbability("Sandal", 0.12))
    failures = {
        "missing.png": ("not-found", "missing.png does not exist; give an image."),
        "empty.png": ("empty", "the file is empty."),
    }
    found: list[Prediction | FailedInput] = [
        FailedInput(file, *failures[file]) if file in failures else Prediction(file, top, None, "no thresholds", model)
        for file in photos
    ]
    return PredictResult(found, output=output)


RUN_METRICS = {
    "model": "cnn",
    "preset": "fast",
    "parameters": 12_682,
    "epochs": 30,
    "train_seconds": 61.4,
    "data": {"failures": []},
    "validation": make_evaluation(0.95).to_json(),
    "test": make_evaluation(0.9321).to_json(),
}

GUARANTEE = RiskGuarantee(
    risk=0.05,
    confidence_level=0.95,
    empirical_risk=0.0311,
    coverage=0.7031,
    n=400,
    n_accepted=281,
    n_groups=31,
    grouped_by="line",
    method="cluster bootstrap",
    per_class=(
        AcceptedClass(name="hat", n_accepted=80, n_errors=1, guaranteed=True),
        AcceptedClass(name="boot", n_accepted=60, n_errors=4),
    ),
)

SELECTIVE = {
    "coverage": 0.7,
    "n_accepted": 280,
    "selective_risk": 0.031,
    "selective_risk_open": 0.05,
    "n_ood": 20,
    "n_ood_accepted": 9,
    "novelty_auroc": 0.7654,
}

PHOTO_METRICS = {
    **RUN_METRICS,
    "model": "photo",
    "preset": "best",
    "validation": {**make_evaluation(0.9).to_json(), **SELECTIVE, "guarantee": GUARANTEE.to_json()},
    "test": None,
    "label_issues": 12,
    "baseline_comparison": {
        "baseline": {"name": "frozen features", "accuracy": 0.85, "macro_recall": 0.8},
        "model": {"name": "photo best", "accuracy": 0.9, "macro_recall": 0.87},
    },
}

STUDY_RESULT = {
    "metrics": {
        "dnn": {**RUN_METRICS, "validation": None, "test": make_evaluation(0.86).to_json()},
        "cnn": {**RUN_METRICS, "validation": make_evaluation(0.94).to_json(), "test": make_evaluation(0.93).to_json()},
    },
    "comparison": {
        "first": "dnn",
        "second": "cnn",
        **McNemarResult(100, 2, 9, -0.07, (-0.13, -0.01), 0.0004).to_json(),
    },
    "exploration": {"failures": []},
    "runs": {"dnn": "elsewhere/dnn", "cnn": "elsewhere/cnn"},
    "report": "elsewhere/report.html",
}

CALIBRATION = CalibrationResult(
    bundle=Bundle(
        Path("models/mine"),
        BundleMetadata(
            name="mine", model="photo", preset="best", classes=("hat",), parameters=1, data={}, clothier_version="1"
        ),
    ),
    data="own",
    n=400,
    before={"temperature": 1.0, "ece": 0.0812},
    after={"temperature": 1.4567, "ece": 0.0213},
    thresholds=Thresholds(min_probability=0.8432, max_ood=3.0, guarantee=GUARANTEE, user_calibrated=True),
    selective=SELECTIVE,
    warnings=("two rows are the same",),
    failures=(),
)

TAGGED = TagResult(
    source=Path("photos"),
    model="photo",
    output=Path("tags.csv"),
    store="tags.csv.store",
    n=1_000,
    computed=400,
    decisions={"accept": 700, "review": 250, "reject": 28},
    errors={"empty": 22},
    failures=(FailedInput("a.jpg", "empty", "a.jpg is empty."),),
    warnings=("photos: not taken for photos: 3 .txt.",),
    seconds=12.5,
)

EXPORTED = ExportResult(Path("out.csv"), "shopify", 12, 5, {"review": 3}, ("left out: 3 review.",))
INDEXED = IndexResult(
    index=Path("catalogue.index"),
    model="photo",
    store="catalogue.index.store",
    update=IndexUpdate(n=1_000, added=20, removed=3, without_embedding=0, is_exact=True),
    n_failed=2,
    failures=(FailedInput("a.jpg", "empty", "a.jpg is empty."),),
    warnings=("photos: not taken for photos: 3 .txt.",),
    seconds=12.5,
)
SIMILAR = [
    SimilarPhotos(
        "new.jpg",
        (Neighbor("c6", "boot.jpg", 0.91, "boot", None, None), Neighbor("d7", "b.jpg", 0.5, "hat", None, None)),
    ),
    SimilarPhotos("other.jpg", (), ("The index does not know the product.",)),
    FailedInput("a.jpg", "empty", "a.jpg is empty."),
]

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
    "map": MapMetadata(
        source="pixels",
        dataset="synthetic",
        digest="ab",
        n_components=50,
        perplexity=30.0,
        seed=0,
        seconds=31.2,
        quality=MapQuality(900, 0.8375, 0.8156, 0.98, 900),
        pca_baseline=MapQuality(900, 0.5297, 0.53, 0.8, 900),
    ).to_json(),
    "audit": {
        "n": {"train": 12_000, "test": 900},
        "duplicates": {"leaked_test_images": 7, "near": {"correlation": 0.999}},
        "labels": None,
        "outliers": {"n": 5},
        "reference_model": {
            "name": "fashion-cnn",
            "test": {"n": 900, "accuracy": 0.9355, "standard_error": 0.0025},
            "test_without_leakage": {
                "0.9999": {"n": 899, "accuracy": 0.9, "standard_error": 0.003},
                "0.999": {"n": 893, "accuracy": 0.934, "standard_error": 0.0026},
            },
        },
        "findings": [{}],
    },
    "failures": [],
    "report": "runs/explore/report.html",
}

PARAMS = {"optimizer": "rmsprop", "learning_rate": 0.012345}
TRIALS = [
    Trial(2, PARAMS, "complete", 0.8974, (0.8974,), 30, 61.0, None).to_json(),
    Trial(3, PARAMS, "pruned", 0.85, (0.85,), 11, 20.0, None).to_json(),
    Trial(1, PARAMS, "failed", None, (), 0, 1.0, "the loss is NaN.").to_json(),
]
TUNE_RESULT = {
    "options": {"model": "dnn"},
    "failures": [],
    "validation": {"n": 12_000, "standard_error": 0.0028},
    "best": {**TRIALS[0], "file": "runs/my tune/best.toml"},
    "trials": TRIALS,
}
