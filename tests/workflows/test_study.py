from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from clothier import bundle
from clothier.atomic import RUN_AGAIN
from clothier.data.sources import open_dataset
from clothier.errors import DataError, Interrupted, ModelError, StorageError, UnknownNameError, UsageError
from clothier.inference.session import OnnxClassifier
from clothier.metrics import mcnemar
from clothier.recipes import Distill, PcaMlp, WhitenedCnn, presets
from clothier.report.explore_sections import map_section
from clothier.runs import Run
from clothier.training.export.bundle_export import to_safetensors
from clothier.workflows import explore, training_run
from clothier.workflows.study import Study, StudyOptions, resume_study, study
from clothier.workflows.train import train_model
from tests.synthetic import write_synthetic_dataset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from clothier.report.sections import Section
    from clothier.types import Floats, Images, ModelOutput

TINY = {"epochs": 2, "batch_size": 60, "validation": 0.2}
RECIPES = (
    replace(presets.preset("dnn", "fast"), network=PcaMlp(components=16, hidden=(16,)), **TINY),
    replace(presets.preset("cnn", "fast"), network=WhitenedCnn(patch=3, widths=(16, 16), depths=(2, 2)), **TINY),
)


@pytest.fixture(scope="module", autouse=True)
def _tiny() -> Iterator[None]:
    """A small preset ``fast``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(presets, "ALL_RECIPES", RECIPES)
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "garments"
    write_synthetic_dataset(folder, train=300, test=80)
    return folder


def interrupt_at(task: str, done: int) -> Callable[..., None]:
    """A progress function that raises Ctrl-C at this point of ``task``."""

    def progress(current_task: str, current_done: float, total: float, note: str = "") -> None:
        if (current_task, current_done) == (task, done):
            raise KeyboardInterrupt

    return progress


@pytest.fixture(scope="module")
def passes() -> list[int]:
    """The number of images of each pass through a model while the last part of ``finished`` was made."""
    return []


@pytest.fixture(scope="module")
def map_logits() -> list[Floats]:
    """The logits that the map of ``finished`` shows."""
    return []


@pytest.fixture(scope="module")
def finished(
    data: Path, tmp_path_factory: pytest.TempPathFactory, passes: list[int], map_logits: list[Floats]
) -> Study:
    """A study that was interrupted in its second training and again at its report. For reading only."""
    out = tmp_path_factory.mktemp("study") / "study"
    with pytest.raises(Interrupted) as caught:
        study(out=out, data=data, any_idx=True, seed=5, progress=interrupt_at("train cnn", 1))
    assert (caught.value.run, caught.value.command) == (out, "study")
    assert (Run(out / "dnn").is_finished, Run(out / "cnn").is_finished) == (True, False)
    with pytest.raises(Interrupted):
        resume_study(out, progress=interrupt_at("report", 0))
    assert Run(out / "cnn").is_finished
    assert not (out / "study.json").exists()
    run_model = OnnxClassifier.run

    def counting_run(self: OnnxClassifier, images: Images) -> ModelOutput:
        passes.append(len(images))
        return run_model(self, images)

    def keeping_map_section(*args: Any, logits: Floats, **options: Any) -> Section:
        map_logits.append(logits)
        return map_section(*args, logits=logits, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OnnxClassifier, "run", counting_run)
        patch.setattr(explore, "map_section", keeping_map_section)
        return resume_study(out)


@pytest.mark.usefixtures("finished")
def test_the_report_reads_the_saved_logits(passes: list[int]) -> None:
    """The only pass is that of the training images without the validation images, for the map."""
    assert passes == [240]


def test_the_map_shows_the_predictions_of_the_cnn(finished: Study, data: Path, map_logits: list[Floats]) -> None:
    dataset = open_dataset(data, any_idx=True)
    cnn = OnnxClassifier(bundle.resolve(str(finished.path / "cnn")))
    expected = [cnn.run(split.images).logits for split in (dataset.train, dataset.test)]
    np.testing.assert_allclose(map_logits[0], np.concatenate(expected), atol=1e-4)


def test_a_study_folder_is_complete(finished: Study) -> None:
    assert {path.name for path in finished.path.iterdir()} == {
        "audit.csv",
        "cnn",
        "config.json",
        "dnn",
        "environment.json",
        "figures",
        "map.html",
        "map.npz",
        "report.html",
        "study.json",
    }
    figures = list((finished.path / "figures").iterdir())
    assert len(figures) >= 6
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in figures)
    assert finished.report.stat().st_size > 50_000


def test_study_json_is_complete(finished: Study, data: Path) -> None:
    content = finished.to_json()
    assert (content["preset"], content["seed"], content["any_idx"]) == ("fast", 5, True)
    assert content["runs"] == {model: str(finished.path / model) for model in ("dnn", "cnn")}
    assert content["metrics"] == {model: Run(finished.path / model).metrics for model in ("dnn", "cnn")}
    assert content["report"] == str(finished.report)
    assert content["exploration"]["pca"]["n"] == 300
    assert content["exploration"]["pixels"]["n"] == 300
    assert {part: sum(counts.values()) for part, counts in content["exploration"]["classes"].items()} == {
        "train": 240,
        "validation": 60,
        "test": 80,
    }


def test_the_paired_test_compares_both_bundles(finished: Study, data: Path) -> None:
    test = open_dataset(data, any_idx=True).test
    right = [
        OnnxClassifier(bundle.resolve(str(finished.path / model))).run(test.images).logits.argmax(1) == test.labels
        for model in ("dnn", "cnn")
    ]
    expected = json.loads(json.dumps(mcnemar(*right).to_json()))
    assert finished.to_json()["comparison"] == {"first": "dnn", "second": "cnn", **expected}


def test_the_report_shows_both_models(finished: Study, data: Path) -> None:
    page = finished.report.read_text()
    for model in ("dnn", "cnn"):
        accuracy = Run(finished.path / model).metrics["test"]["accuracy"]
        assert f"{100 * accuracy:.1f}" in page
    assert f"clothier study --preset fast --seed 5 --data {data} --any-idx<" in page


@pytest.mark.parametrize(("model", "recipe"), list(zip(("dnn", "cnn"), RECIPES, strict=True)))
def test_a_resumed_study_has_the_weights_of_an_undisturbed_training(
    finished: Study, data: Path, tmp_path: Path, model: str, recipe: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = []
    monkeypatch.setattr(
        training_run, "_write_results", lambda run, trained, *_: ended.append(to_safetensors(trained.network))
    )
    train_model(model, recipe=recipe, data=data, any_idx=True, out=tmp_path / "calm", seed=5)
    assert ended == [(finished.path / model / "bundle" / "weights.safetensors").read_bytes()]


def test_a_finished_study_is_not_changed(finished: Study) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.path.rglob("*")}
    assert resume_study(finished.path) == finished
    assert {path: path.stat().st_mtime_ns for path in finished.path.rglob("*")} == before


def test_a_moved_study_names_its_new_place(finished: Study, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    moved.symlink_to(finished.path)
    content = resume_study(moved).to_json()
    assert content["report"] == str(moved / "report.html")
    assert content["runs"] == {"dnn": str(moved / "dnn"), "cnn": str(moved / "cnn")}


@pytest.mark.file_size(40_000)
def test_a_full_disk_at_the_report_names_the_command_that_continues(finished: Study, tmp_path: Path) -> None:
    copy = tmp_path / "study"
    copy.mkdir()
    for name in ("dnn", "cnn", "config.json", "environment.json"):
        (copy / name).symlink_to(finished.path / name)
    with pytest.raises(StorageError, match=f"then continue with: clothier study --resume {copy}$"):
        resume_study(copy)
    assert not (copy / "study.json").exists()
    assert not list(copy.rglob("*.part"))


def test_a_full_disk_in_a_training_names_the_study(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise StorageError(f"cannot write x: No space left on device. {RUN_AGAIN}")

    monkeypatch.setattr(training_run, "_write_results", full)
    with pytest.raises(StorageError, match=f"device. continue with: clothier study --resume {tmp_path / 'study'}$"):
        study(out=tmp_path / "study", data=data, any_idx=True)


def begin_training(data: Path, out: Path) -> Path:
    """A study that was interrupted before its first training."""
    with pytest.raises(Interrupted):
        study(out=out, data=data, any_idx=True, progress=interrupt_at("study", 0))
    return out


def test_a_run_killed_at_its_start_is_restarted(data: Path, tmp_path: Path) -> None:
    out = begin_training(data, tmp_path / "study")
    (out / "dnn").mkdir()  # and no config.json
    (out / "dnn" / "environment.json").write_text("{}")
    with pytest.raises(Interrupted):
        resume_study(out, progress=interrupt_at("train dnn", 1))
    assert {path.name for path in out.iterdir()} == {"config.json", "dnn", "environment.json"}
    assert Run(out / "dnn").config["seed"] == 0


def test_changed_data_are_refused_before_any_work(data: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    write_synthetic_dataset(mine, train=300, test=80, seed=1)
    out = begin_training(mine, tmp_path / "study")
    write_synthetic_dataset(mine, train=300, test=80, seed=2)
    with pytest.raises(DataError, match=f"^the data have changed since {out} "):
        resume_study(out, progress=interrupt_at("explore", 0))


def test_the_folder_of_a_run_is_refused(finished: Study, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"dnn/config\.json lacks preset"):
        resume_study(finished.path / "dnn")
    with pytest.raises(ModelError, match=r"config\.json cannot be read: No such file or directory"):
        resume_study(tmp_path / "nowhere")


def test_several_processes_are_refused(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="torchrun cannot run a study"):
        study(data=data, any_idx=True, out=tmp_path / "study")
    with pytest.raises(UsageError, match="torchrun cannot run a study"):
        resume_study(tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_an_unknown_preset_leaves_no_folder(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"'fats' is not a preset of .nn; did you mean 'fast'"):
        study(preset="fats", data=data, any_idx=True, out=tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_both_models_get_the_options_of_the_study() -> None:
    options = StudyOptions("fast", Path("/data/mine"), True, 4)
    for model, recipe in zip(("dnn", "cnn"), RECIPES, strict=True):
        wanted = options.train_options(model, Path("out"), None)
        assert (wanted.recipe, wanted.data, wanted.any_idx, wanted.seed) == (recipe, Path("/data/mine"), True, 4)


def test_the_second_model_reuses_the_teachers_of_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taught = [replace(recipe, preset="best", distill=Distill(teachers=2)) for recipe in RECIPES]
    monkeypatch.setattr(presets, "ALL_RECIPES", (*RECIPES, *taught))
    first = Run(Path("study/dnn"))
    for preset, teachers in (("fast", None), ("best", first.path)):
        options = StudyOptions(preset)
        assert options.train_options("dnn", first.path, None).teachers_from is None
        assert options.train_options("cnn", Path("study/cnn"), first).teachers_from == teachers
