"""Teachers: trained once in processes, and reused by other students."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from clothier.data.sources import open_dataset
from clothier.errors import Interrupted, ModelError, UnknownNameError, UsageError
from clothier.recipes import Augment, Distill, PcaMlp, Recipe, WhitenedCnn, preset, presets
from clothier.runs import Run
from clothier.training.ddp import ProcessGroup
from clothier.training.distillation import teachers
from clothier.training.distillation.teachers import validate_distillation
from clothier.training.options import TrainOptions, to_config
from clothier.training.prepared_training import split
from clothier.training.torch_classifier import TorchClassifier
from clothier.workflows import training_run
from clothier.workflows.train import resume, train
from tests.synthetic import write_synthetic_dataset

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.data.dataset import Dataset
    from clothier.training.prepared_training import TrainResult

pytestmark = pytest.mark.slow

BAG = 8
SHIFT_AND_FLIP = Augment(shift=1, flip=True)
TEACHER = replace(
    preset("cnn", "fast"),
    preset="tiny",
    network=WhitenedCnn(patch=3, widths=(8,), depths=(1,)),
    augment=SHIFT_AND_FLIP,
    hard_example_mining=preset("cnn", "classic").hard_example_mining,
    epochs=2,
    batch_size=40,
    validation=0.25,
)
STUDENT = Recipe(
    model="dnn",
    preset="best",
    network=PcaMlp(components=16, hidden=(24,)),
    augment=SHIFT_AND_FLIP,
    distill=Distill(teachers=2, preset="tiny"),
    epochs=2,
    batch_size=40,
    validation=0.2,
)


@pytest.fixture(autouse=True, scope="module")
def tiny() -> Any:
    """A small preset in this process; the teachers' processes get its recipe."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(presets, "ALL_RECIPES", (*presets.ALL_RECIPES, TEACHER))
        yield


@pytest.fixture(scope="module")
def taught(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A student and its two teachers. For reading only."""
    out = tmp_path_factory.mktemp("taught") / "run"
    return train(TrainOptions(recipe=STUDENT, data=data, any_idx=True, out=out, seed=3))


@pytest.fixture(scope="module")
def reborn(data: Path, taught: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A student of two generations; the first, those of ``taught``, predicts only bags."""
    out = tmp_path_factory.mktemp("reborn") / "run"
    recipe = replace(STUDENT, distill=replace(STUDENT.distill, generations=2))
    run = Run(out)
    options = TrainOptions(recipe=recipe, data=data, any_idx=True, out=out, seed=3)
    run.create({**to_config(options), "data_digest": dataset_of(data).digest, "own_network": None})
    shutil.copytree(taught.path / "teachers", out / "teachers")
    predict_only_bags(out)
    return resume(out)


@pytest.fixture
def options(data: Path, tmp_path: Path) -> TrainOptions:
    return TrainOptions(recipe=STUDENT, data=data, any_idx=True, out=tmp_path / "run", seed=3)


@pytest.fixture
def students(monkeypatch: pytest.MonkeyPatch) -> list[TrainResult]:
    """The finished students, in place of their reports."""
    ended: list[TrainResult] = []
    monkeypatch.setattr(training_run, "_write_results", lambda run, trained, *_: ended.append(trained))
    return ended


def dataset_of(data: Path) -> Dataset:
    return open_dataset(data, any_idx=True)


def read_soft_targets(run: Run) -> list[dict[str, Any]]:
    """The outputs of each teacher of a run."""
    files = sorted((run.path / "teachers").glob("*/soft_targets.npz"))
    return [dict(np.load(file)) for file in files]


def predict_only_bags(run: Path) -> None:
    """Replaces the soft targets of a run's teachers."""
    for file in (run / "teachers").glob("*/soft_targets.npz"):
        content = dict(np.load(file))
        content["probabilities"] = np.zeros_like(content["probabilities"])
        content["probabilities"][..., BAG] = 1
        np.savez(file, **content)


def test_each_teacher_is_a_run_with_its_own_seed(taught: Run) -> None:
    configs = [Run(folder).config for folder in sorted((taught.path / "teachers").iterdir())]
    assert [config["seed"] for config in configs] == [4, 5]
    assert all(config["recipe"]["network"]["kind"] == "whitened-cnn" for config in configs)
    assert all(config["recipe"]["validation"] == STUDENT.validation for config in configs)
    one, other = read_soft_targets(taught)
    assert one["probabilities"].shape == (18, 160, 10)
    assert not np.allclose(one["probabilities"], other["probabilities"], atol=0.01)


def test_the_teacher_metrics_are_those_of_the_mean_probabilities(taught: Run, data: Path) -> None:
    figures, outputs, dataset = taught.metrics["teachers"], read_soft_targets(taught), dataset_of(data)
    validation = split(dataset, STUDENT)[1]
    for name, part in (("validation", validation), ("test", dataset.test)):
        mean = sum(one[name] for one in outputs) / 2
        mean_tta = sum(one[f"{name}_tta"] for one in outputs) / 2
        assert figures[name]["n"] == len(part)
        assert figures[name]["accuracy"] == pytest.approx((mean.argmax(1) == part.labels).mean())
        assert figures[name]["accuracy_tta"] == pytest.approx((mean_tta.argmax(1) == part.labels).mean())
        alone = [float((one[name].argmax(1) == part.labels).mean()) for one in outputs]
        assert [one["accuracy"] for one in figures["each"][name]] == pytest.approx(alone)
        assert figures[name]["nll"] == pytest.approx(-np.log(mean[np.arange(len(part)), part.labels]).mean(), rel=1e-6)
    assert (figures["n"], figures["generations"], figures["preset"], figures["epochs"]) == (2, 1, "tiny", 2)
    assert figures["parameters"] == sum(int(one["parameters"]) for one in outputs)
    assert figures["core_seconds"] == pytest.approx(sum(float(one["seconds"]) for one in outputs))


def test_the_report_names_the_teachers(taught: Run) -> None:
    for name in ("report.html", "model_card.md"):
        text = (taught.path / name).read_text(encoding="utf-8")
        assert "It was distilled from 2 CNNs (preset tiny) trained on the same images." in text


def test_a_student_learns_the_soft_targets_and_not_the_labels(
    options: TrainOptions, taught: Run, students: list[TrainResult], data: Path, tmp_path: Path
) -> None:
    """The student of teachers that predict only bags does so, too."""
    owner = tmp_path / "owner"
    shutil.copytree(taught.path, owner)
    predict_only_bags(owner)
    train(replace(options, recipe=replace(STUDENT, epochs=30), teachers_from=owner))
    (student,) = students
    dataset = dataset_of(data)
    predictions = TorchClassifier(student.network, dataset.classes).run(dataset.test.images).logits.argmax(axis=1)
    assert (predictions == BAG).mean() > 0.9


def test_a_later_generation_learns_from_the_earlier_ones(reborn: Run) -> None:
    configs = [Run(reborn.path / "teachers" / str(number)).config for number in (1, 2, 3, 4)]
    assert [config["seed"] for config in configs] == [4, 5, 6, 7]
    taught_by = [config["recipe"]["distill"] for config in configs]
    assert [one["teachers"] for one in taught_by] == [0, 0, 2, 2]
    assert [one["generations"] for one in taught_by] == [1, 1, 1, 1]
    labeled, _, third, fourth = read_soft_targets(reborn)
    for one in (third, fourth):
        assert (one["test"].argmax(axis=1) == BAG).mean() > 0.9
        assert not np.array_equal(one["test"], labeled["test"])
    assert not np.array_equal(third["test"], fourth["test"])


def test_a_student_learns_from_all_generations(reborn: Run) -> None:
    figures, outputs = reborn.metrics["teachers"], read_soft_targets(reborn)
    assert (figures["n"], figures["generations"]) == (4, 2)
    assert len(figures["each"]["test"]) == 4
    assert figures["core_seconds"] == pytest.approx(sum(float(one["seconds"]) for one in outputs))
    words = "The first 2 learned from the labels, each later 2 from all earlier ones."
    assert words in (reborn.path / "model_card.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("augment", "name"), [(Augment(shift=2, flip=True), "shift"), (Augment(shift=1), "flip")])
def test_later_generations_need_the_augmentation_of_the_student(
    options: TrainOptions, augment: Augment, name: str
) -> None:
    one = replace(STUDENT, augment=augment)
    validate_distillation(replace(options, recipe=one), ProcessGroup())
    two = replace(one, distill=replace(one.distill, generations=2))
    with pytest.raises(UsageError, match=rf"same augment\.{name}: .* preset tiny has .*, the student has "):
        validate_distillation(replace(options, recipe=two), ProcessGroup())


def test_another_student_reuses_the_teachers(options: TrainOptions, taught: Run, students: list[TrainResult]) -> None:
    train(replace(options, teachers_from=taught.path, seed=9))
    (student,) = students
    assert student.teacher_metrics == taught.metrics["teachers"]
    assert options.out is not None
    assert not (options.out / "teachers").exists()


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"distill": Distill(teachers=1, preset="tiny")}, "distill"),
        ({"validation": 0.25}, "validation"),
        ({"augment": Augment(shift=2, flip=True)}, r"augment\.shift"),
        ({"augment": Augment(shift=1)}, r"augment\.flip"),
    ],
)
def test_teachers_of_another_recipe_are_refused(
    options: TrainOptions, taught: Run, students: list[TrainResult], change: dict[str, Any], name: str
) -> None:
    other = replace(options, recipe=replace(STUDENT, **change), teachers_from=taught.path)
    with pytest.raises(UsageError, match=rf"do not fit: its {name}.* is .*, here it is "):
        train(other)
    assert not students


def test_teachers_of_other_data_are_refused(options: TrainOptions, taught: Run, tmp_path: Path) -> None:
    write_synthetic_dataset(tmp_path / "others", train=200, test=60, seed=5)
    with pytest.raises(UsageError, match="do not fit: its data is"):
        train(replace(options, data=tmp_path / "others", teachers_from=taught.path))


def test_unfinished_teachers_are_refused(options: TrainOptions, taught: Run, tmp_path: Path) -> None:
    owner = tmp_path / "owner"
    shutil.copytree(taught.path, owner)
    (owner / "teachers" / "2" / "soft_targets.npz").unlink()
    with pytest.raises(UsageError, match="are not all trained"):
        train(replace(options, teachers_from=owner))


def test_a_resumed_run_keeps_its_finished_teachers(
    options: TrainOptions, taught: Run, students: list[TrainResult]
) -> None:
    def stop_when_one_is_done(task: str, *_: object) -> None:
        assert options.out is not None
        if task == "train teachers" and [*options.out.glob("teachers/*/soft_targets.npz")]:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        train(options, progress=stop_when_one_is_done)
    assert options.out is not None
    run = Run(options.out)
    done = {file: file.stat().st_mtime_ns for file in run.path.glob("teachers/*/soft_targets.npz")}
    assert done
    resume(run.path)
    assert {file: file.stat().st_mtime_ns for file in done} == done
    for ours, theirs in zip(read_soft_targets(run), read_soft_targets(taught), strict=True):
        assert all(np.array_equal(ours[name], theirs[name]) for name in ours if name != "seconds")
    (student,) = students
    assert student.teacher_metrics is not None
    assert student.teacher_metrics["digest"] == taught.metrics["teachers"]["digest"]


def test_a_damaged_soft_targets_file_is_named(options: TrainOptions, taught: Run, tmp_path: Path) -> None:
    owner = tmp_path / "owner"
    shutil.copytree(taught.path, owner)
    (owner / "teachers" / "1" / "soft_targets.npz").write_bytes(b"PK\x03\x04 not all of it")
    with pytest.raises(ModelError, match=r"soft_targets\.npz is damaged: .*Remove it and resume"):
        train(replace(options, teachers_from=owner))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("probabilities", lambda table: table[:, :10]),
        ("probabilities", lambda table: table * np.float16("nan")),
        ("test", lambda table: table[0]),
        ("test_tta", lambda table: table.astype(str)),
        ("seconds", lambda seconds: np.array([seconds, seconds])),
        ("parameters", None),
    ],
)
def test_soft_targets_of_another_shape_are_refused(
    options: TrainOptions, taught: Run, tmp_path: Path, name: str, change: Any
) -> None:
    owner = tmp_path / "owner"
    shutil.copytree(taught.path, owner)
    file = owner / "teachers" / "2" / "soft_targets.npz"
    content = dict(np.load(file))
    content[name] = change(content[name]) if change else content[name]
    np.savez(file, **{key: value for key, value in content.items() if change or key != name})
    with pytest.raises(ModelError, match=rf"2/soft_targets\.npz is damaged: .*{name}.*Remove it and resume"):
        train(replace(options, teachers_from=owner))


@pytest.mark.parametrize(
    ("change", "members", "sentence"),
    [
        ({}, ProcessGroup(0, 2), "without torchrun"),
        ({"time_limit": 60.0}, ProcessGroup(), "time limit cannot be kept"),
        (
            {"recipe": replace(STUDENT, distill=Distill(teachers=2, preset="best"))},
            ProcessGroup(),
            "has teachers itself",
        ),
        (
            {"recipe": replace(STUDENT, distill=Distill())},
            ProcessGroup(),
            "has no teachers",
        ),
    ],
)
def test_invalid_distillation_is_refused(
    options: TrainOptions, taught: Run, change: dict[str, Any], members: ProcessGroup, sentence: str
) -> None:
    teachers_named = taught.path if "recipe" in change else None
    with pytest.raises(UsageError, match=sentence):
        validate_distillation(replace(options, teachers_from=teachers_named, **change), members)


def test_a_time_limit_needs_existing_teachers(options: TrainOptions, taught: Run) -> None:
    limited = replace(options, time_limit=60.0)
    with pytest.raises(UsageError, match="time limit cannot be kept"):
        validate_distillation(limited, ProcessGroup())
    validate_distillation(replace(limited, teachers_from=taught.path), ProcessGroup())


def test_an_unknown_preset_of_teachers_leaves_no_folder(options: TrainOptions) -> None:
    with pytest.raises(UnknownNameError):
        train(replace(options, recipe=replace(STUDENT, distill=Distill(teachers=1, preset="sola"))))
    assert options.out is not None
    assert not options.out.exists()


def test_progress_counts_the_epochs_of_all_teachers(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [tmp_path / "1", tmp_path / "2"]
    for folder, epochs in zip(folders, (2, 1), strict=True):
        folder.mkdir()
        (folder / "results.csv").write_text("epoch\n" + "1\n" * epochs)
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(teachers, "run_in_processes", lambda *_, on_poll, **__: on_poll())
    options, dataset = TrainOptions(recipe=TEACHER), dataset_of(data)
    jobs = [teachers._TeacherJob(folder, options, dataset, SHIFT_AND_FLIP, []) for folder in folders]
    teachers._train_generation(jobs[:1], jobs, lambda *call: calls.append(call))
    assert calls == [("train teachers", 3, 4, "2 CNNs")]


def test_the_configuration_names_the_run_of_the_teachers(options: TrainOptions, taught: Run) -> None:
    assert to_config(replace(options, teachers_from=taught.path))["teachers_from"] == str(taught.path)
    assert to_config(options)["teachers_from"] is None
