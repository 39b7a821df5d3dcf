"""The trials of a search, over trainings that only say numbers: order, pruning, what a kill leaves, the file."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import optuna
import pytest

from clothier.errors import ModelError, StorageError, UsageError
from clothier.recipes.presets import CLASSIC_DNN, FAST_DNN
from clothier.recipes.search_spaces import STUDY_DNN, Choice, Range, Space
from clothier.training.tuning.trials import UNPRUNED, Trials, open_trials
from clothier.types import EpochRecord, silent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from clothier.recipes import Recipe

GRID = replace(STUDY_DNN, base=replace(CLASSIC_DNN, epochs=3))
DRAWN = Space(
    name="drawn",
    base=replace(FAST_DNN, epochs=6),
    dimensions={
        "learning_rate": Range("optimizer", "learning_rate", 1e-4, 1e-1, log=True),
        "shift": Range("augment", "shift", 0, 2),
        "activation": Choice(
            {"relu": {"network": {"activation": "relu"}}, "gelu": {"network": {"activation": "gelu"}}}
        ),
    },
    grid=False,
    source="for tests",
)


def epoch(number: int, accuracy: float) -> EpochRecord:
    return EpochRecord(number, 1.0, 0.5, 1.0, accuracy, 1e-3, 0.1)


def train(recipe: Recipe) -> Iterator[EpochRecord]:
    """Accuracy that the values decide, rises, and falls in the last epoch."""
    peak = 0.9 - 10 * abs(recipe.optimizer.learning_rate - 2e-3) - recipe.batch_size / 1000
    for number in range(1, recipe.epochs + 1):
        yield epoch(number, peak - 0.1 / number - 0.01 * (number == recipe.epochs))


def searched(database: Path, space: Space, count: int, seed: int = 0, **more: Any) -> list[dict[str, Any]]:
    """So many further trials; all of them, without their times."""
    with open_trials(database, space, seed, **more) as trials:
        for _ in range(count):
            trials.carry_out(train, silent)
        return shown(trials)


def shown(trials: Trials) -> list[dict[str, Any]]:
    return [{**one.to_json(), "seconds": None} for one in trials.ended()]


def states(database: Path) -> list[str]:
    """What the file says of every trial, those that were cut off included."""
    with sqlite3.connect(database) as connection:
        found = [state for (state,) in connection.execute("SELECT state FROM trials ORDER BY number")]
    connection.close()
    return found


def test_a_grid_is_tried_point_by_point(tmp_path: Path) -> None:
    found = searched(tmp_path / "t.db", GRID, 8)
    assert [one["values"] for one in found] == GRID.points
    assert [one["trial"] for one in found] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert {(one["state"], one["epochs"], one["error"]) for one in found} == {("complete", 3, None)}


@pytest.mark.parametrize(("keep", "at"), [("best", 3), ("last", 4)])
def test_a_trial_is_judged_by_the_weights_that_its_recipe_keeps(tmp_path: Path, keep: str, at: int) -> None:
    base = CLASSIC_DNN if keep == "best" else FAST_DNN
    space = Space("one", base, {"batch": Choice({"32": {"batch_size": 32}})}, grid=True, source="for tests")
    (only,) = searched(tmp_path / "t.db", space, 1, epochs=4)
    expected = list(train(space.recipe(only["values"], epochs=4)))[at - 1]
    assert only["validation_accuracy"] == expected.validation_accuracy


def test_epochs_can_be_given(tmp_path: Path) -> None:
    assert searched(tmp_path / "t.db", GRID, 1, epochs=2)[0]["epochs"] == 2
    with open_trials(tmp_path / "t.db", GRID, 0, 2) as trials:
        assert trials.recipe(GRID.points[0]).epochs == 2


def test_drawing_begins_with_the_base_and_keeps_within_the_ranges(tmp_path: Path) -> None:
    found = searched(tmp_path / "t.db", DRAWN, 20)
    assert found[0]["values"].items() >= {"learning_rate": 2e-3, "shift": 1}.items()
    for one in found:
        assert 1e-4 <= one["values"]["learning_rate"] <= 1e-1
        assert one["values"]["shift"] in (0, 1, 2)
        assert one["values"]["activation"] in ("relu", "gelu")
    assert len({one["values"]["learning_rate"] for one in found}) == 20


def test_the_hopeless_are_cut_short_but_not_at_once(tmp_path: Path) -> None:
    found = searched(tmp_path / "t.db", DRAWN, 30)
    pruned = [one for one in found if one["state"] == "pruned"]
    assert len(pruned) > 5
    assert [one["state"] for one in found[:UNPRUNED]] == ["complete"] * UNPRUNED
    assert all(2 <= one["epochs"] < 6 for one in pruned)
    best = max(one["validation_accuracy"] for one in found)
    assert all(one["validation_accuracy"] < best for one in pruned)


def test_the_seed_decides_what_is_drawn(tmp_path: Path) -> None:
    one, same, other = (
        searched(tmp_path / f"{name}.db", DRAWN, 3, seed) for name, seed in (("one", 5), ("same", 5), ("other", 6))
    )
    assert one == same
    assert one[1]["values"] != other[1]["values"]


def cut_off_in_ask(trials: Trials, monkeypatch: pytest.MonkeyPatch) -> None:
    """A point was put down as the next one, and then the process was killed."""
    with monkeypatch.context() as patch:
        patch.setattr(optuna.Study, "ask", stop)
        trials.carry_out(train, silent)


def cut_off_in_an_epoch(trials: Trials, monkeypatch: pytest.MonkeyPatch) -> None:
    def progress(task: str, done: float, total: float, note: str = "") -> None:
        if done == 2:
            stop()

    trials.carry_out(train, progress)


def cut_off_before_the_first_epoch(trials: Trials, monkeypatch: pytest.MonkeyPatch) -> None:
    trials.carry_out(stop, silent)


def stop(*_: object) -> Any:
    raise KeyboardInterrupt


CUT_OFF = [cut_off_in_ask, cut_off_before_the_first_epoch, cut_off_in_an_epoch]


@pytest.mark.parametrize(("space", "count"), [(GRID, 8), (DRAWN, 14)], ids=["grid", "drawn"])
def test_a_search_that_is_cut_off_anywhere_ends_in_the_same_trials(
    space: Space, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = searched(tmp_path / "calm.db", space, count)
    database = tmp_path / "t.db"
    for done, cut_off in enumerate(CUT_OFF):
        with pytest.raises(KeyboardInterrupt), open_trials(database, space, 0) as trials:
            cut_off(trials, monkeypatch)
        assert len(searched(database, space, 1)) == done + 1
    assert searched(database, space, count - len(CUT_OFF)) == undisturbed
    assert states(database).count("FAIL") >= 2  # those that had begun
    assert "WAITING" not in states(database)
    assert "RUNNING" not in states(database)


def test_a_failure_is_named_and_its_point_not_tried_again(tmp_path: Path) -> None:
    def astray(recipe: Recipe) -> Iterator[EpochRecord]:
        yield epoch(1, 0.5)
        raise UsageError("training went astray")

    told: list[tuple[Any, ...]] = []
    with open_trials(tmp_path / "t.db", GRID, 0) as trials:
        trials.carry_out(astray, lambda *words: told.append(words))
        trials.carry_out(train, silent)
        first, second = trials.ended()
    assert (first.state, first.validation_accuracy, first.error) == ("failed", None, "training went astray")
    assert (first.epochs, first.values) == (1, GRID.points[0])
    assert (second.state, second.values) == ("complete", GRID.points[1])
    assert told == [("trial 1", 1, 3, "validation 50.00 %"), ("trial 1", 1, 1, "training went astray")]


def test_what_cannot_be_a_recipe_is_a_failure_too(tmp_path: Path) -> None:
    space = Space("bad", CLASSIC_DNN, {"batch": Choice({"one": {"batch_size": 1}})}, grid=True, source="for tests")
    (only,) = searched(tmp_path / "t.db", space, 1)
    assert only["error"] == "the recipe's batch_size is 1; it must be 2 or more."


def test_the_end_of_a_trial_is_told_when_it_is_cut_short(tmp_path: Path) -> None:
    told: dict[str, list[tuple[Any, ...]]] = {}
    with open_trials(tmp_path / "t.db", DRAWN, 0) as trials:
        for _ in range(30):
            trials.carry_out(train, lambda task, *words: told.setdefault(task, []).append(words))
        pruned = next(one for one in trials.ended() if one.state == "pruned")
    done, total, note = told[f"trial {pruned.trial}"][-1]
    assert done == total == pruned.epochs
    assert note == f"validation {100 * (pruned.validation_accuracy or 0):.2f} %, cut short"


def test_nothing_is_said_but_through_progress(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    searched(tmp_path / "t.db", DRAWN, 3)
    assert capfd.readouterr() == ("", "")


def test_any_optuna_can_open_the_file_whatever_its_path(tmp_path: Path) -> None:
    folder = tmp_path / "a ?#%{b}%20"
    folder.mkdir()
    searched(folder / "t.db", GRID, 2)
    assert [path.name for path in folder.iterdir()] == ["t.db"]
    (folder / "t.db").rename(tmp_path / "plain.db")
    storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 'plain.db'}")
    study = optuna.load_study(study_name="clothier", storage=storage)
    assert study.best_params == GRID.points[0]
    storage.remove_session()
    storage.engine.dispose()


def test_a_damaged_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "t.db").write_bytes(b"no database" * 100)
    with pytest.raises(ModelError) as caught:
        searched(tmp_path / "t.db", GRID, 1)
    assert str(caught.value) == f"{tmp_path / 't.db'} is damaged: file is not a database. Begin the search anew."


def test_a_file_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"cannot use .*t\.db: unable to open database file\. The trials that have"):
        searched(tmp_path / "nowhere" / "t.db", GRID, 1)


@pytest.mark.file_size(150_000)
def test_a_full_disk_keeps_the_trials_that_have_ended(tmp_path: Path) -> None:
    def until_full() -> None:
        with open_trials(tmp_path / "t.db", GRID, 0, 1_000) as trials:
            for _ in range(8):
                trials.carry_out(train, silent)

    with pytest.raises(StorageError) as caught:
        until_full()
    assert str(caught.value).endswith(
        "The trials that have ended are kept; make room there or let it be written, then go on with --resume."
    )
