from __future__ import annotations

import csv
import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn

from clothier import bundle
from clothier.data.dataset import Dataset, LabeledImages
from clothier.data.release import FASHION_MNIST
from clothier.data.sources import open_dataset
from clothier.errors import DataError, Interrupted, ModelError, StorageError, UnknownNameError, UsageError
from clothier.inference.session import OnnxClassifier
from clothier.recipes import Augment, PcaMlp, Recipe, preset
from clothier.report.run_report import reproduce_command
from clothier.runs import Run
from clothier.taxonomy import FASHION_MNIST_CLASSES
from clothier.training.export.bundle_export import to_safetensors
from clothier.training.options import TrainOptions, name_in_memory, options_from_config
from clothier.training.prepared_training import split
from clothier.workflows import train as workflow
from clothier.workflows import training_run
from clothier.workflows.train import resume, train, train_model
from tests.synthetic import draw_garments, write_synthetic_dataset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from clothier.recipes import AnyRecipe
    from clothier.training.prepared_training import TrainResult
    from clothier.types import Progress

TINY = Recipe(
    model="dnn",
    preset="fast",
    network=PcaMlp(components=16, hidden=(24,), batch_norm=True, dropout=0.2),
    augment=Augment(shift=1, flip=True),
    epochs=3,
    batch_size=40,
    validation=0.2,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 training images and 80 test images."""
    folder = tmp_path_factory.mktemp("data") / "garments"
    write_synthetic_dataset(folder, train=300, test=80)
    return folder


@pytest.fixture
def options(data: Path, tmp_path: Path) -> TrainOptions:
    return TrainOptions(recipe=TINY, data=data, any_idx=True, out=tmp_path / "run", seed=3)


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run of ``options`` without interruption. For reading only."""
    out = tmp_path_factory.mktemp("finished") / "run"
    return train(TrainOptions(recipe=TINY, data=data, any_idx=True, out=out, seed=3))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Writes the weights only, for tests of training: figures and report take seconds."""

    def weights_alone(run: Run, trained: TrainResult, dataset: Dataset, progress: Progress) -> None:
        progress("measure dnn", 0, 1)
        run.bundle.mkdir()
        (run.bundle / "weights.safetensors").write_bytes(to_safetensors(trained.network))
        (run.path / "metrics.json").write_text("{}")

    monkeypatch.setattr(training_run, "_write_results", weights_alone)


def weights(run: Run) -> bytes:
    """The final weights of the run."""
    return (run.bundle / "weights.safetensors").read_bytes()


def metrics_without_time(run: Run) -> dict[str, Any]:
    """``metrics.json`` without times."""
    return {**run.metrics, "train_seconds": None}


def result_rows(run: Run) -> list[dict[str, str]]:
    """``results.csv`` without times."""
    with (run.path / "results.csv").open() as file:
        return [{**row, "seconds": ""} for row in csv.DictReader(file)]


class CustomNetwork(nn.Module):
    """A user's own network."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(784, 12), nn.ReLU())
        self.head = nn.Linear(12, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(images))


def interrupt_at(task: str, done: int) -> Callable[..., None]:
    """A progress function that raises Ctrl-C at this point of ``task``."""

    def progress(current_task: str, current_done: float, total: float, note: str = "") -> None:
        if (current_task, current_done) == (task, done):
            raise KeyboardInterrupt

    return progress


def interrupted_run(options: TrainOptions, task: str = "train dnn", done: int = 2, **more: Any) -> Run:
    """A run that was interrupted there."""
    with pytest.raises(Interrupted) as caught:
        train(options, progress=interrupt_at(task, done), **more)
    assert caught.value.command == "train"
    return Run(caught.value.run)


def test_a_run_folder_is_complete(finished: Run) -> None:
    files = {str(path.relative_to(finished.path)) for path in finished.path.rglob("*") if path.is_file()}
    figures = {name for name in files if name.startswith("figures/")}
    assert files - figures == {
        "bundle/card.json",
        "bundle/model.onnx",
        "bundle/weights.safetensors",
        "config.json",
        "environment.json",
        "metrics.json",
        "model_card.md",
        "predictions.npz",
        "report.html",
        "results.csv",
    }
    assert figures
    for name in figures:
        assert (finished.path / name).read_bytes().startswith(b"\x89PNG"), name


def test_metrics_are_complete(finished: Run, data: Path) -> None:
    metrics = finished.metrics
    assert (metrics["model"], metrics["preset"], metrics["seed"], metrics["epochs"]) == ("dnn", "fast", 3, 3)
    assert metrics["parameters"] == 16 * 24 + 2 * 24 + 24 * 10 + 10
    assert metrics["train_seconds"] > 0
    dataset = open_dataset(data, any_idx=True)
    assert metrics["data"]["digest"] == dataset.digest
    assert metrics["data"]["files"] == dict(dataset.digests)
    assert metrics["data"]["train"] == 240
    scores = {"n", "accuracy", "accuracy_tta", "standard_error", "macro_f1", "per_class", "confusion"}
    for part, n in (("validation", 60), ("test", 80)):
        assert metrics[part].keys() >= scores | {"ece", "nll", "brier"}
        assert metrics[part]["n"] == n == sum(map(sum, metrics[part]["confusion"]))
        assert [one["class"] for one in metrics[part]["per_class"]] == list(FASHION_MNIST_CLASSES)
        assert {"class", "precision", "recall", "f1", "n"} == metrics[part]["per_class"][0].keys()
        assert 0 <= metrics[part]["accuracy_tta"] <= 1  # the recipe flips


def test_metrics_are_those_of_the_bundle(finished: Run, data: Path) -> None:
    test = open_dataset(data, any_idx=True).test
    logits = OnnxClassifier(bundle.open_bundle(finished.bundle)).run(test.images).logits
    assert finished.metrics["test"]["accuracy"] == pytest.approx((logits.argmax(1) == test.labels).mean())
    card = bundle.open_bundle(finished.bundle).metadata
    assert card.metrics == {part: finished.metrics[part] for part in ("validation", "test")}
    assert (card.name, card.model, card.preset, card.classes) == ("dnn-fast", "dnn", "fast", FASHION_MNIST_CLASSES)
    assert card.recipe["network"]["components"] == 16
    assert (card.calibration["fitted_on"], card.calibration["n"]) == ("validation", finished.metrics["validation"]["n"])
    assert card.thresholds == {}
    raw = replace(card, calibration={})
    plain = OnnxClassifier(replace(bundle.open_bundle(finished.bundle), metadata=raw)).run(test.images).logits
    np.testing.assert_allclose(plain / card.calibration["temperature"], logits, rtol=1e-5)


def test_each_epoch_has_a_row(finished: Run) -> None:
    found = result_rows(finished)
    assert [row["epoch"] for row in found] == ["1", "2", "3"]
    assert float(found[-1]["validation_accuracy"]) == pytest.approx(
        finished.metrics["validation"]["accuracy"], abs=0.05
    )


def test_config_json_reproduces_the_run_in_a_numbered_folder(finished: Run) -> None:
    calls: list[tuple[Any, ...]] = []
    options = replace(options_from_config(finished.path / "config.json"), out=finished.path)
    again = train(options, progress=lambda *call: calls.append(call))
    assert [one[1:3] for one in calls if one[0] == "measure dnn" and one[2]] == [(done, 4) for done in range(5)]
    assert again.path == finished.path.with_name("run-2")
    assert metrics_without_time(again) == metrics_without_time(finished)
    assert result_rows(again) == result_rows(finished)
    assert (again.path / "config.json").read_text() == (finished.path / "config.json").read_text()
    assert weights(again) == weights(finished)


@pytest.mark.usefixtures("quick")
def test_the_seed_decides_initial_weights_and_order(finished: Run, options: TrainOptions) -> None:
    assert weights(train(replace(options, seed=4))) != weights(finished)
    ended = []
    for seed in (3, 4, 3):
        torch.manual_seed(0)  # the same first weights
        ended.append(weights(train(replace(options, seed=seed), network=CustomNetwork())))
    assert ended[0] == ended[2] != ended[1]


@pytest.mark.usefixtures("quick")
def test_progress_is_called_for_every_epoch(options: TrainOptions) -> None:
    calls = []
    train(options, progress=lambda task, done, total, note="": calls.append((task, done, total, note)))
    assert [one[:3] for one in calls if one[0] == "train dnn"] == [("train dnn", done, 3) for done in (1, 2, 3)]
    assert all(one[3].startswith("validation ") for one in calls if one[0] == "train dnn")


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("task", "done"), [("train dnn", 1), ("train dnn", 3), ("measure dnn", 0)])
def test_an_interrupted_run_resumes_to_the_same_weights(
    options: TrainOptions, finished: Run, task: str, done: int
) -> None:
    run = interrupted_run(options, task, done)
    assert not run.is_finished
    assert result_rows(run) == result_rows(finished)[: done if task == "train dnn" else 3]
    resumed = resume(run.path)
    assert resumed.path == run.path
    assert weights(resumed) == weights(finished)
    assert result_rows(resumed) == result_rows(finished)


def test_an_interrupt_before_the_first_step_leaves_no_folder(
    options: TrainOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(training_run, "prepare", stopped)
    with pytest.raises(KeyboardInterrupt) as caught:
        train(options)
    assert not isinstance(caught.value, Interrupted)
    assert options.out is not None
    assert not options.out.exists()


@pytest.mark.usefixtures("quick")
def test_a_partial_row_is_replaced_on_resume(options: TrainOptions, finished: Run) -> None:
    run = interrupted_run(options)
    with (run.path / "results.csv").open("a") as file:
        file.write("3,0.1")
    assert weights(resume(run.path)) == weights(finished)
    assert result_rows(run) == result_rows(finished)


@pytest.mark.usefixtures("quick")
def test_a_run_without_its_first_checkpoint_resumes(options: TrainOptions, finished: Run) -> None:
    run = interrupted_run(options)
    run.checkpoint.unlink()
    (run.path / "results.csv").unlink()
    assert weights(resume(run.path)) == weights(finished)


def test_a_finished_run_is_not_changed(finished: Run, data: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.path.rglob("*")}
    assert resume(finished.path, dataset=open_dataset(data, any_idx=True)) == finished
    assert {path: path.stat().st_mtime_ns for path in finished.path.rglob("*")} == before


def test_a_finished_run_with_other_options_is_refused(finished: Run, options: TrainOptions) -> None:
    assert resume(finished.path, expected=options) == finished
    sentence = r"its recipe\.epochs is 3, and 4 is"
    with pytest.raises(UsageError, match=sentence) as caught:
        resume(finished.path, expected=replace(options, recipe=replace(TINY, epochs=4)))
    assert caught.value.exit_code == 2


def test_changed_data_are_refused(options: TrainOptions, tmp_path: Path) -> None:
    run = interrupted_run(options)
    other = tmp_path / "other"
    write_synthetic_dataset(other, train=300, test=80, seed=9)
    altered = open_dataset(other, any_idx=True)
    with pytest.raises(DataError, match=f"{run.path} .* {altered.digest}, .* {run.config['data_digest']}") as caught:
        resume(run.path, dataset=altered)
    assert caught.value.exit_code == 4


def test_a_missing_or_damaged_checkpoint_is_refused(options: TrainOptions) -> None:
    run = interrupted_run(options)
    run.checkpoint.write_bytes(run.checkpoint.read_bytes()[:5000])
    with pytest.raises(ModelError, match=rf"^the checkpoint {run.checkpoint} is damaged"):
        resume(run.path)
    run.checkpoint.unlink()
    with pytest.raises(ModelError, match=rf"^there is no checkpoint {run.checkpoint}"):
        resume(run.path)


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=f"^{tmp_path}/config.json cannot be read: No such file or directory"):
        resume(tmp_path)


@pytest.mark.usefixtures("quick")
def test_a_full_disk_keeps_the_last_checkpoint(options: TrainOptions, finished: Run) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill_the_disk(task: str, done: float, total: float, note: str = "") -> None:
        if (task, done) == ("train dnn", 1):
            resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))

    try:
        with pytest.raises(StorageError, match=r"last\.pt: File too large\. ") as caught:
            train(options, progress=fill_the_disk)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.exit_code == 1
    assert options.out is not None
    assert result_rows(Run(options.out)) == result_rows(finished)[:1]
    assert weights(resume(options.out)) == weights(finished)


def test_a_custom_network_is_trained_resumed_and_named(options: TrainOptions) -> None:
    run = interrupted_run(options, network=CustomNetwork())
    with pytest.raises(UsageError, match=f"{run.path} trains your own network CustomNetwork"):
        resume(run.path)
    with pytest.raises(UsageError, match="is of your own network CustomNetwork"):
        options_from_config(run.path / "config.json")
    assert resume(run.path, network=CustomNetwork()).metrics["parameters"] == 784 * 12 + 12 + 12 * 10 + 10
    card = bundle.open_bundle(run.bundle).metadata
    assert card.recipe["network"] == {"kind": "CustomNetwork"}
    assert "PcaMlp" not in (run.path / "model_card.md").read_text()
    assert "pca-mlp" not in (run.path / "report.html").read_text()
    outputs = OnnxClassifier(bundle.open_bundle(run.bundle)).run(draw_garments(2, 0).images)
    assert outputs.embeddings.shape == (2, 12)


def test_another_custom_network_is_refused(options: TrainOptions) -> None:
    run = interrupted_run(options, network=CustomNetwork())
    with pytest.raises(ModelError, match="is of another network"):
        resume(run.path, network=nn.Sequential(nn.Flatten(), nn.Linear(784, 10)))


def test_images_of_another_size_have_their_own_input_spec(options: TrainOptions) -> None:
    train_part, test_part = draw_garments(300, 0), draw_garments(60, 1)
    wide = Dataset(
        "Wide",
        FASHION_MNIST_CLASSES,
        LabeledImages(np.ascontiguousarray(train_part.images[:, :, 4:24]), train_part.labels),
        LabeledImages(np.ascontiguousarray(test_part.images[:, :, 4:24]), test_part.labels),
        {"train": "1", "test": "2"},
    )
    card = bundle.open_bundle(interrupted_run(options, "measure dnn", 1, dataset=wide).bundle).metadata
    assert (card.input_spec.kind, card.input_spec.shape) == ("gray28x20", (28, 20))


def test_an_invalid_training_leaves_no_folder(options: TrainOptions) -> None:
    assert options.out is not None
    small = Dataset(
        "Small",
        ("one", "other"),
        LabeledImages(np.zeros((20, 8, 8), np.uint8), np.arange(20) % 2),
        LabeledImages(np.zeros((4, 8, 8), np.uint8), np.arange(4) % 2),
        {"train": "1", "test": "2"},
    )
    for recipe, error in ((preset("cnn", "classic"), UsageError), (TINY, DataError)):
        with pytest.raises(error):
            train(replace(options, recipe=recipe), dataset=small)
        assert not options.out.exists()


def test_the_classic_split_is_a_stratified_fifth() -> None:
    garments = draw_garments(200, 0)
    dataset = Dataset("Drawn", FASHION_MNIST_CLASSES, garments, garments, {})
    learning, validation = split(dataset, preset("cnn", "classic"))
    assert (len(learning), len(validation)) == (160, 40)
    assert validation.class_counts(10).tolist() == [4] * 10


def test_train_model_accepts_strings(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(workflow, "train", lambda options, **more: calls.append((options, more)))
    train_model("cnn", data=str(data), out=str(tmp_path / "run"), any_idx=True, seed=5, time_limit=60)
    ((options, more),) = calls
    assert options == TrainOptions(
        recipe=preset("cnn", "fast"), data=data, any_idx=True, out=tmp_path / "run", seed=5, time_limit=60
    )
    assert more["network"] is None
    train_model("dnn", recipe=TINY)
    assert calls[1] == (TrainOptions(recipe=TINY), {**more, "dataset": None})


def test_train_model_accepts_data_in_memory(data: Path, tmp_path: Path, quick: None) -> None:
    dataset = open_dataset(data, any_idx=True).head(200, 40)
    run = train_model("dnn", recipe=TINY, data=dataset, out=tmp_path / "run")
    assert run.config["data"] is None
    assert run.config["data_digest"] == dataset.digest


def test_data_in_memory_are_named_and_never_mistaken_for_fashion_mnist(data: Path, tmp_path: Path, quick: None) -> None:
    dataset = open_dataset(data, any_idx=True).head(200, 40)
    run = interrupted_run(TrainOptions(recipe=TINY, out=tmp_path / "run"), dataset=dataset)
    config = run.path / "config.json"
    assert run.config["data_in_memory"] == dataset.name
    with pytest.raises(UsageError, match=rf"{run.path} was started on data in memory.*resume\(path, dataset=\.\.\.\)"):
        resume(run.path)
    with pytest.raises(UsageError, match=rf"{config} is of data in memory: .*, first 200 and 40\. .* with --data"):
        options_from_config(config)
    assert options_from_config(config, data).data == data
    assert reproduce_command(run) == "clothier.train('dnn', recipe=..., data=...)"
    assert resume(run.path, dataset=dataset).is_finished


def test_data_that_can_be_read_again_are_not_in_memory(finished: Run, data: Path) -> None:
    """Those of a folder, and Fashion-MNIST itself."""
    assert finished.config["data_in_memory"] is None
    fashion_mnist = replace(open_dataset(data, any_idx=True), digests=FASHION_MNIST.digests)
    assert name_in_memory(TrainOptions(recipe=TINY), fashion_mnist) is None


def test_an_unknown_model_or_preset_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="'ccn' is not a model to train; did you mean 'cnn'"):
        train_model("ccn")
    with pytest.raises(UnknownNameError, match="'fats' is not a preset of cnn; did you mean 'fast'"):
        train_model("cnn", preset="fats")


@pytest.mark.parametrize(
    ("model", "recipe", "more"),
    [
        ("dnn", preset("cnn", "sprint"), {}),
        ("photo", preset("cnn", "sprint"), {}),
        ("hat", preset("cnn", "sprint"), {}),
        ("cnn", preset("photo", "fast"), {"data": "x.csv"}),
    ],
)
def test_a_recipe_of_another_model_is_refused(model: str, recipe: AnyRecipe, more: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"the recipe is for '{recipe.model}', but the model to train is '{model}'"):
        train_model(model, recipe=recipe, **more)


def test_a_preset_beside_a_recipe_is_refused() -> None:
    with pytest.raises(UsageError, match="got preset and recipe; a recipe names its own preset"):
        train_model("dnn", preset="best", recipe=TINY)


def test_options_of_another_model_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="any_idx, network: not for photo"):
        train_model("photo", data=tmp_path, any_idx=True, network=torch.nn.Identity())
    with pytest.raises(UsageError, match="risk: not for cnn"):
        train_model("cnn", risk=0.1)
    for data in (None, open_dataset):
        with pytest.raises(UsageError, match="photo needs data: a CSV"):
            train_model("photo", data=data)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """One thread, as in the processes that must end with the same weights."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread", "quick")
def test_sigint_sigkill_and_resume_give_the_same_weights(options: TrainOptions) -> None:
    assert options.out is not None
    options = replace(options, recipe=replace(TINY, epochs=100))  # long enough to be met in the middle
    undisturbed = train(replace(options, out=options.out.with_name("calm")))

    def press_ctrl_c(task: str, done: float, total: float, note: str = "") -> None:
        if done == 3:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted):
        train(options, progress=press_ctrl_c)
    run = Run(options.out)
    process = subprocess.Popen(
        [sys.executable, "-m", "clothier", "train", "--resume", str(run.path)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 60
    while len(result_rows(run)) < 6:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.kill()
    assert process.communicate()[1] == b""
    assert process.returncode == -signal.SIGKILL
    assert 6 <= len(result_rows(run)) < 100
    assert not run.is_finished

    assert weights(resume(run.path)) == weights(undisturbed)
    assert result_rows(run) == result_rows(undisturbed)
    assert run.config == undisturbed.config


@pytest.mark.usefixtures("quick")
def test_two_processes_cannot_resume_the_same_run(options: TrainOptions, finished: Run) -> None:
    run = interrupted_run(options)
    refused: list[str] = []

    def at_the_same_time(task: str, done: float, total: float, note: str = "") -> None:
        if task == "train dnn" and not refused:
            with pytest.raises(UsageError) as caught:
                resume(run.path)
            refused.append(str(caught.value))

    assert weights(resume(run.path, progress=at_the_same_time)) == weights(finished)
    assert refused[0].startswith(f"another process works in {run.path}")
    assert result_rows(run) == result_rows(finished)


@pytest.mark.usefixtures("quick")
def test_a_resumed_run_takes_its_data_from_their_new_place(
    options: TrainOptions, finished: Run, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "old").symlink_to(data)
    run = interrupted_run(replace(options, data=tmp_path / "old"))
    (tmp_path / "old").rename(tmp_path / "new")
    with pytest.raises(DataError, match="old"):
        resume(run.path)
    assert weights(resume(run.path, data=tmp_path / "new")) == weights(finished)
    assert run.config["data"] == str(tmp_path / "new")


@pytest.mark.usefixtures("quick")
def test_a_moved_run_folder_stops_the_training(options: TrainOptions, finished: Run) -> None:
    assert options.out is not None
    out, moved = options.out, options.out.with_name("moved")

    def move_away(task: str, done: float, total: float, note: str = "") -> None:
        if (task, done) == ("train dnn", 1):
            out.rename(moved)

    with pytest.raises(StorageError, match=f"^{out} was deleted or moved .* clothier train --resume {out}$"):
        train(options, progress=move_away)
    assert not out.exists()
    assert weights(resume(moved)) == weights(finished)


@pytest.mark.usefixtures("quick")
def test_the_checkpoint_of_another_recipe_is_refused(options: TrainOptions) -> None:
    run = interrupted_run(options)
    other = interrupted_run(replace(options, recipe=replace(TINY, label_smoothing=0.1)))
    run.checkpoint.write_bytes(other.checkpoint.read_bytes())
    with pytest.raises(ModelError, match=f"^the checkpoint {run.checkpoint} is of another training"):
        resume(run.path)


@pytest.mark.usefixtures("quick")
def test_a_finished_run_that_was_killed_at_its_end_loses_its_checkpoint(options: TrainOptions) -> None:
    run = train(options)
    run.checkpoint.parent.mkdir(exist_ok=True)
    run.checkpoint.write_bytes(b"the checkpoint")
    assert resume(run.path) == run
    assert not run.checkpoint.parent.exists()


@pytest.mark.usefixtures("quick")
def test_a_checkpoint_is_kept_when_that_is_asked_for(options: TrainOptions) -> None:
    assert not train(options).checkpoint.exists()
    run = train(replace(options, keep_checkpoint=True))
    assert resume(run.path).checkpoint.exists(), "nor does a resume remove it"
    state = torch.load(run.checkpoint, weights_only=True)
    assert [one["epoch"] for one in state["records"]] == [1, 2, 3]


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "3", True, None])
def test_an_invalid_seed_is_refused(seed: Any) -> None:
    with pytest.raises(UsageError, match=r"^the seed is .*; it must be a whole number from 0 to 4,294,967,295"):
        train_model("dnn", recipe=TINY, seed=seed)


@pytest.mark.parametrize("time_limit", [0, -1, float("nan"), float("inf"), "1m", True])
def test_an_invalid_time_limit_is_refused(time_limit: Any) -> None:
    with pytest.raises(UsageError, match=r"^the time limit is .*; it must be a number of seconds above 0"):
        train_model("dnn", recipe=TINY, time_limit=time_limit)


def test_a_numpy_integer_is_a_seed(data: Path) -> None:
    assert type(TrainOptions(recipe=TINY, seed=np.int64(3)).seed) is int
