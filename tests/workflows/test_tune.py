"""A search: real trainings of small networks, its folder, and resuming it."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from clothier import recipes
from clothier.data.dataset import LabeledImages
from clothier.data.sources import open_dataset
from clothier.errors import DataError, Interrupted, ModelError, StorageError, UnknownNameError, UsageError
from clothier.recipes import PcaMlp, search_spaces
from clothier.recipes.search_spaces import Choice, Range, SearchSpace
from clothier.workflows import tune as workflow
from clothier.workflows.tune import TuneOptions, TuneRun, resume_tune, tune
from tests.synthetic import write_synthetic_dataset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

BASE = replace(recipes.preset("dnn", "classic"), network=PcaMlp(components=12, hidden=(8,)), epochs=3, batch_size=30)
GRID = SearchSpace("grid", BASE, search_spaces.STUDY_DNN_SPACE.dimensions, source="the study's, on a small network")
SAMPLED = SearchSpace(
    "sampled",
    replace(BASE, select="last"),
    {
        "learning_rate": Range("optimizer.learning_rate", 1e-5, 3e-2, log=True),
        "shift": Range("augment.shift", 0, 2),
    },
    source="for tests",
)
DIVERGING_VALUES = {"optimizer": {"learning_rate": 1e6}, "network": {"hidden": [8] * 8}}
ONE_DIVERGES = SearchSpace("astray", BASE, {"rate": Choice({"wild": DIVERGING_VALUES, "sane": {}})}, source="for tests")
ALL_DIVERGE = SearchSpace("hopeless", BASE, {"rate": Choice({"wild": DIVERGING_VALUES})}, source="for tests")


@pytest.fixture(scope="module", autouse=True)
def _small() -> Iterator[None]:
    """Search spaces for small networks."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search_spaces, "SEARCH_SPACES", (GRID, SAMPLED, ONE_DIVERGES, ALL_DIVERGE))
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "garments"
    write_synthetic_dataset(folder, train=300, test=40)
    return folder


def options(data: Path, out: Path, space: str = "grid", **more: Any) -> TuneOptions:
    return TuneOptions(model="dnn", search_space=space, data=data, any_idx=True, out=out, **more)


def interrupt_at(trial: int, epoch: int) -> Callable[..., None]:
    """A progress function that raises Ctrl-C in that trial at that epoch."""

    def progress(task: str, done: float, total: float, note: str = "") -> None:
        if (task, done) == (f"trial {trial}", epoch):
            raise KeyboardInterrupt

    return progress


def interrupted_search(wanted: TuneOptions, trial: int = 3, epoch: int = 2) -> Interrupted:
    """The exception of an interrupted search."""
    with pytest.raises(Interrupted) as stop:
        tune(wanted, progress=interrupt_at(trial, epoch))
    return stop.value


def without_times(found: TuneRun) -> list[dict[str, Any]]:
    """All trials, without their times."""
    return [{**one, "seconds": None} for one in found.to_json()["trials"]]


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> TuneRun:
    """The whole grid, searched without interruption. For reading only."""
    return tune(options(data, tmp_path_factory.mktemp("tune") / "grid"))


class TestFound:
    def test_every_point_of_a_grid_is_ranked(self, whole: TuneRun) -> None:
        found = whole.to_json()
        assert sorted(one["number"] for one in found["trials"]) == list(range(1, 9))
        assert [one["params"] for one in sorted(found["trials"], key=lambda one: one["number"])] == GRID.grid_points
        assert {(one["state"], one["epochs"]) for one in found["trials"]} == {("complete", 3)}
        accuracies = [one["validation_accuracy"] for one in found["trials"]]
        assert accuracies == sorted(accuracies, reverse=True)

    def test_the_best_trial_and_its_standard_error(self, whole: TuneRun) -> None:
        found = whole.to_json()
        best = found["best"]
        assert {name: best[name] for name in found["trials"][0]} == found["trials"][0]
        assert best["recipe"] == json.loads(json.dumps(GRID.recipe(best["params"]).to_json()))
        accuracy = best["validation_accuracy"]
        error = math.sqrt(accuracy * (1 - accuracy) / 60)
        assert found["validation"] == {"n": 60, "standard_error": pytest.approx(error)}

    def test_options_space_and_data_are_recorded(self, whole: TuneRun, data: Path) -> None:
        found = whole.to_json()
        dataset = open_dataset(data, any_idx=True)
        assert (found["format"], found["data"], found["data_digest"]) == (1, dataset.name, dataset.digest)
        nothing = {"trials": None, "time_limit": None, "epochs": None}
        named = {"format": 1, "model": "dnn", "search_space": "grid"}
        wanted = {**named, **nothing, "data": str(data), "any_idx": True, "seed": 0}
        assert found["options"] == wanted
        config = json.loads((whole.path / "config.json").read_text())
        assert {name: config[name] for name in wanted} == wanted
        assert config["space"]["dimensions"]["batch"]["options"]["64"] == {"batch_size": 64}
        assert found["environment"]["versions"]["optuna"]

    def test_the_best_recipe_can_be_trained(self, whole: TuneRun) -> None:
        found = whole.to_json()
        assert found["best"]["file"] == str(whole.recipe)
        recipe = recipes.from_file(whole.recipe, "dnn")
        assert json.loads(json.dumps(recipe.to_json())) == {**found["best"]["recipe"], "preset": "classic-changed"}

    def test_the_test_images_are_not_used(
        self, whole: TuneRun, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        dataset = open_dataset(data, any_idx=True)
        nonsense = LabeledImages(np.zeros_like(dataset.test.images), np.zeros_like(dataset.test.labels))
        monkeypatch.setattr(workflow, "open_dataset", lambda *_, **__: replace(dataset, test=nonsense))
        again = without_times(tune(options(data, tmp_path / "grid", trials=2)))
        assert all(one in without_times(whole) for one in again)


class TestGoingOn:
    def test_an_interrupted_search_resumes_to_the_same_trials(self, whole: TuneRun, data: Path, tmp_path: Path) -> None:
        stop = interrupted_search(options(data, tmp_path / "grid"))
        assert (stop.command, stop.run) == ("tune", tmp_path / "grid")
        assert not (tmp_path / "grid" / "tune.json").exists()
        assert without_times(resume_tune(tmp_path / "grid")) == without_times(whole)

    def test_a_repeated_command_is_a_new_search(self, data: Path, tmp_path: Path) -> None:
        wanted = options(data, tmp_path / "it", trials=1)
        interrupted_search(wanted, trial=1)
        assert tune(wanted).path == tmp_path / "it-2"
        assert not (tmp_path / "it" / "tune.json").exists()

    def test_another_folder_is_not_changed(self, data: Path, tmp_path: Path) -> None:
        (tmp_path / "it").mkdir()
        (tmp_path / "it" / "config.json").write_text("damaged")
        assert tune(options(data, tmp_path / "it", trials=1)).path == tmp_path / "it-2"
        assert (tmp_path / "it" / "config.json").read_text() == "damaged"

    def test_a_finished_search_is_not_changed(self, whole: TuneRun) -> None:
        before = (whole.path / "tune.json").read_bytes()
        assert resume_tune(whole.path) == whole
        assert (whole.path / "tune.json").read_bytes() == before

    def test_a_search_can_be_extended(self, whole: TuneRun, data: Path, tmp_path: Path) -> None:
        short = tune(options(data, tmp_path / "grid", trials=2))
        assert len(without_times(short)) == 2
        with pytest.raises(Interrupted):
            resume_tune(short.path, trials=8, progress=interrupt_at(4, 1))
        assert without_times(resume_tune(short.path)) == without_times(whole), "the eight are remembered"

    def test_data_that_were_moved_are_taken_from_their_new_place(
        self, whole: TuneRun, data: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "old").symlink_to(data)
        interrupted_search(options(tmp_path / "old", tmp_path / "grid"))
        (tmp_path / "old").rename(tmp_path / "new")
        with pytest.raises(DataError, match="old"):
            resume_tune(tmp_path / "grid")
        assert without_times(resume_tune(tmp_path / "grid", data=tmp_path / "new")) == without_times(whole)
        assert json.loads((tmp_path / "grid" / "config.json").read_text())["data"] == str(tmp_path / "new")

    def test_a_moved_folder_stops_the_search(self, data: Path, tmp_path: Path) -> None:
        def move_away(task: str, done: float, total: float, note: str = "") -> None:
            if (task, done) == ("trial 2", 1):
                (tmp_path / "grid").rename(tmp_path / "moved")

        with pytest.raises(StorageError, match=r"grid was deleted or moved .* clothier tune --resume "):
            tune(options(data, tmp_path / "grid"), progress=move_away)
        assert not (tmp_path / "grid").exists()
        assert len(without_times(resume_tune(tmp_path / "moved", trials=2))) == 2

    def test_a_time_limit_ends_with_the_trial_that_reaches_it(self, data: Path, tmp_path: Path) -> None:
        found = tune(options(data, tmp_path / "grid", time_limit=1e-3))
        assert len(without_times(found)) == 1
        assert len(without_times(resume_tune(found.path))) == 1
        spent = found.to_json()["trials"][0]["seconds"]
        assert len(without_times(resume_tune(found.path, trials=4, time_limit=1000 * spent))) == 4

    def test_two_processes_cannot_run_the_same_search(self, data: Path, tmp_path: Path) -> None:
        wanted = options(data, tmp_path / "grid", trials=1)
        complaints: list[str] = []

        def at_the_same_time(task: str, done: float, total: float, note: str = "") -> None:
            if task == "trial 1" and not complaints:
                with pytest.raises(UsageError) as caught:
                    resume_tune(wanted.out or tmp_path)
                complaints.append(str(caught.value))

        assert len(without_times(tune(wanted, progress=at_the_same_time))) == 1
        grid = tmp_path / "grid"
        (complaint,) = complaints
        assert complaint.startswith(f"another process works in {grid}")


class TestDrawn:
    def test_the_number_of_trials_and_the_base_first(self, data: Path, tmp_path: Path) -> None:
        found = tune(options(data, tmp_path / "sampled", "sampled", trials=3, epochs=1)).to_json()
        assert len(found["trials"]) == 3
        (first,) = (one for one in found["trials"] if one["number"] == 1)
        assert first["params"] == {"learning_rate": 1e-3, "shift": 0}
        assert {one["epochs"] for one in found["trials"]} == {1}
        assert found["best"]["recipe"]["epochs"] == 1


class TestRefused:
    def test_a_diverged_trial_is_recorded_and_the_search_continues(self, data: Path, tmp_path: Path) -> None:
        found = tune(options(data, tmp_path / "astray", "astray")).to_json()
        sane, wild = found["trials"]
        assert (sane["params"], sane["state"]) == ({"rate": "sane"}, "complete")
        assert (wild["params"], wild["state"]) == ({"rate": "wild"}, "failed")
        assert wild["error"].startswith("Training diverged in epoch 1")

    def test_a_space_where_every_trial_fails(self, data: Path, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"search space hopeless failed. The first: Training diverged in epoch 1"):
            tune(options(data, tmp_path / "hopeless", "hopeless"))

    def test_an_unknown_space_is_refused(self, data: Path, tmp_path: Path) -> None:
        with pytest.raises(UnknownNameError, match="'grit' is not a search space of a dnn; did you mean 'grid'"):
            options(data, tmp_path, "grit")

    def test_several_processes_are_refused(self, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WORLD_SIZE", "2")
        with pytest.raises(UsageError, match="torchrun cannot tune"):
            tune(options(data, tmp_path / "run"))
        with pytest.raises(UsageError, match="torchrun cannot tune"):
            resume_tune(tmp_path / "run")
        assert not (tmp_path / "run").exists()

    def test_too_few_images_leave_no_folder(self, tmp_path: Path) -> None:
        write_synthetic_dataset(tmp_path / "few", train=10, test=10)
        with pytest.raises(DataError):
            tune(options(tmp_path / "few", tmp_path / "tune"))
        assert not (tmp_path / "tune").exists()

    def test_changed_data_are_refused(self, data: Path, tmp_path: Path) -> None:
        interrupted_search(options(data, tmp_path / "grid"), trial=1)
        config = json.loads((tmp_path / "grid" / "config.json").read_text())
        (tmp_path / "grid" / "config.json").write_text(json.dumps({**config, "data_digest": "another"}))
        with pytest.raises(DataError, match="the data have changed since"):
            resume_tune(tmp_path / "grid")

    def test_a_folder_without_a_search_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "config.json").write_text('{"preset": "fast"}')
        with pytest.raises(ModelError, match=r"config\.json has format None"):
            resume_tune(tmp_path)
