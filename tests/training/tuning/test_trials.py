"""The trials of a search with fake trainings: order, pruning, interruptions, the file."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import optuna
import pytest

from clothier.errors import DataError, ModelError, StorageError, UsageError
from clothier.recipes.presets import CLASSIC_DNN, FAST_DNN
from clothier.recipes.search_spaces import STUDY_DNN_SPACE, Choice, Range, SearchSpace
from clothier.training.tuning.trials import STARTUP_TRIALS, Trials
from clothier.types import EpochRecord, no_progress

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from clothier.recipes import Recipe

GRID = replace(STUDY_DNN_SPACE, base=replace(CLASSIC_DNN, epochs=3))
SAMPLED = SearchSpace(
    name="sampled",
    base=replace(FAST_DNN, epochs=6),
    dimensions={
        "learning_rate": Range("optimizer.learning_rate", 1e-4, 1e-1, log=True),
        "shift": Range("augment.shift", 0, 2),
        "activation": Choice(
            {"relu": {"network": {"activation": "relu"}}, "gelu": {"network": {"activation": "gelu"}}}
        ),
    },
    source="for tests",
)


def epoch(number: int, accuracy: float) -> EpochRecord:
    return EpochRecord(number, 1.0, 0.5, 1.0, accuracy, 1e-3, 0.1)


def train(recipe: Recipe) -> Iterator[EpochRecord]:
    """A fake training: the accuracy depends on the recipe, rises, and falls in the last epoch."""
    peak = 0.9 - 3 * abs(recipe.optimizer.learning_rate - 2e-3) - recipe.batch_size / 2000
    for number in range(1, recipe.epochs + 1):
        yield epoch(number, peak - 0.1 / number - 0.01 * (number == recipe.epochs))


def run_search(file: Path, space: SearchSpace, count: int, seed: int = 0, **more: Any) -> list[dict[str, Any]]:
    """Runs ``count`` further trials; returns all of them without their times."""
    trials = Trials(file, space, seed, **more)
    for _ in range(count):
        trials.run_trial(train, no_progress)
    return [{**one.to_json(), "seconds": None} for one in trials.finished]


def test_a_grid_is_searched_in_order(tmp_path: Path) -> None:
    found = run_search(tmp_path / "t.json", GRID, 8)
    assert [one["params"] for one in found] == GRID.grid_points
    assert [one["number"] for one in found] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert {(one["state"], one["epochs"], one["error"]) for one in found} == {("complete", 3, None)}


@pytest.mark.parametrize(("keep", "at"), [("best", 3), ("last", 4)])
def test_a_trial_has_the_accuracy_of_the_selected_weights(tmp_path: Path, keep: str, at: int) -> None:
    base = CLASSIC_DNN if keep == "best" else FAST_DNN
    space = SearchSpace("one", base, {"batch": Choice({"32": {"batch_size": 32}})}, source="for tests")
    (only,) = run_search(tmp_path / "t.json", space, 1, epochs=4)
    expected = list(train(space.recipe(only["params"], epochs=4)))[at - 1]
    assert only["validation_accuracy"] == expected.validation_accuracy


def test_epochs_can_be_given(tmp_path: Path) -> None:
    assert run_search(tmp_path / "t.json", GRID, 1, epochs=2)[0]["epochs"] == 2
    assert Trials(tmp_path / "t.json", GRID, 0, 2).recipe(GRID.grid_points[0]).epochs == 2


def test_sampling_starts_with_the_base_and_stays_in_the_ranges(tmp_path: Path) -> None:
    found = run_search(tmp_path / "t.json", SAMPLED, 20)
    assert found[0]["params"].items() >= {"learning_rate": 2e-3, "shift": 1}.items()
    for one in found:
        assert 1e-4 <= one["params"]["learning_rate"] <= 1e-1
        assert one["params"]["shift"] in (0, 1, 2)
        assert one["params"]["activation"] in ("relu", "gelu")
    assert len({one["params"]["learning_rate"] for one in found}) == 20


def test_bad_trials_are_pruned_after_the_warmup(tmp_path: Path) -> None:
    found = run_search(tmp_path / "t.json", SAMPLED, 30)
    pruned = [one for one in found if one["state"] == "pruned"]
    assert len(pruned) > 5
    assert [one["state"] for one in found[:STARTUP_TRIALS]] == ["complete"] * STARTUP_TRIALS
    assert all(2 <= one["epochs"] < 6 for one in pruned)
    best = max(one["validation_accuracy"] for one in found)
    assert all(one["validation_accuracy"] < best for one in pruned)


def test_the_seed_decides_the_samples(tmp_path: Path) -> None:
    one, same, other = (
        run_search(tmp_path / f"{name}.json", SAMPLED, 3, seed)
        for name, seed in (("one", 5), ("same", 5), ("other", 6))
    )
    assert one == same
    assert one[1]["params"] != other[1]["params"]


def interrupt_in_ask(trials: Trials, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is killed after the next point was enqueued."""
    with monkeypatch.context() as patch:
        patch.setattr(optuna.Study, "ask", raise_interrupt)
        trials.run_trial(train, no_progress)


def interrupt_in_epoch(trials: Trials, monkeypatch: pytest.MonkeyPatch) -> None:
    def progress(task: str, done: float, total: float, note: str = "") -> None:
        if done == 2:
            raise_interrupt()

    trials.run_trial(train, progress)


def interrupt_before_first_epoch(trials: Trials, monkeypatch: pytest.MonkeyPatch) -> None:
    trials.run_trial(raise_interrupt, no_progress)


def raise_interrupt(*_: object) -> Any:
    raise KeyboardInterrupt


INTERRUPTIONS = [interrupt_in_ask, interrupt_before_first_epoch, interrupt_in_epoch]


@pytest.mark.parametrize(("space", "count"), [(GRID, 8), (SAMPLED, 14)], ids=["grid", "sampled"])
def test_an_interrupted_search_has_the_same_trials(
    space: SearchSpace, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = run_search(tmp_path / "calm.json", space, count)
    file = tmp_path / "t.json"
    for done, cut_off in enumerate(INTERRUPTIONS):
        with pytest.raises(KeyboardInterrupt):
            cut_off(Trials(file, space, 0), monkeypatch)
        assert len(run_search(file, space, 1)) == done + 1
    assert run_search(file, space, count - len(INTERRUPTIONS)) == undisturbed
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("failure", [UsageError, DataError])
def test_a_failed_trial_is_recorded_and_not_repeated(tmp_path: Path, failure: type[Exception]) -> None:
    def astray(recipe: Recipe) -> Iterator[EpochRecord]:
        yield epoch(1, 0.5)
        raise failure("Training diverged")

    calls: list[tuple[Any, ...]] = []
    trials = Trials(tmp_path / "t.json", GRID, 0)
    trials.run_trial(astray, lambda *words: calls.append(words))
    trials.run_trial(train, no_progress)
    first, second = trials.finished
    assert (first.state, first.validation_accuracy, first.error) == ("failed", None, "Training diverged")
    assert (first.epochs, first.params) == (1, GRID.grid_points[0])
    assert (second.state, second.params) == ("complete", GRID.grid_points[1])
    assert calls == [("trial 1", 1, 3, "validation 50.00 %"), ("trial 1", 1, 1, "Training diverged")]


def test_an_invalid_recipe_is_a_failed_trial(tmp_path: Path) -> None:
    space = SearchSpace("bad", CLASSIC_DNN, {"batch": Choice({"one": {"batch_size": 1}})}, source="for tests")
    (only,) = run_search(tmp_path / "t.json", space, 1)
    assert only["error"] == "the recipe's batch_size is 1; it must be 2 to 1,000,000."


def test_progress_reports_pruned_trials(tmp_path: Path) -> None:
    calls: dict[str, list[tuple[Any, ...]]] = {}
    trials = Trials(tmp_path / "t.json", SAMPLED, 0)
    for _ in range(30):
        trials.run_trial(train, lambda task, *words: calls.setdefault(task, []).append(words))
    pruned = next(one for one in trials.finished if one.state == "pruned")
    done, total, note = calls[f"trial {pruned.number}"][-1]
    assert done == total == pruned.epochs
    assert note == f"validation {100 * (pruned.validation_accuracy or 0):.2f} %, pruned"


def test_nothing_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run_search(tmp_path / "t.json", SAMPLED, 3)
    assert capfd.readouterr() == ("", "")


def test_a_trial_is_saved_when_it_ends(tmp_path: Path) -> None:
    trials = Trials(tmp_path / "t.json", GRID, 0)
    for number in (1, 2):
        trials.run_trial(train, no_progress)
        assert [one["number"] for one in json.loads((tmp_path / "t.json").read_text())] == list(range(1, number + 1))
    assert Trials(tmp_path / "t.json", GRID, 0).finished == trials.finished


SOUND = {"number": 1, "params": GRID.grid_points[0], "state": "complete", "validation_accuracy": 0.5}
SOUND |= {"accuracies": [0.4, 0.5], "epochs": 2, "seconds": 1.5, "error": None}


@pytest.mark.parametrize(
    "content",
    [
        "no JSON",
        "",
        "\x00\x00",
        "[" * 100_000,
        "3",
        "null",
        "{}x",
        '"text"',
        "[3]",
        "[null]",
        "[{}]",
        json.dumps([SOUND, SOUND]),
        *(
            json.dumps([{**SOUND, **change}])
            for change in (
                {"number": 2},
                {"number": "1"},
                {"params": {}},
                {"params": {"layers": "64"}},
                {"params": {**GRID.grid_points[0], "layers": "none"}},
                {"params": {**GRID.grid_points[0], "more": 1}},
                {"state": "running"},
                {"validation_accuracy": None},
                {"validation_accuracy": float("nan")},
                {"validation_accuracy": -3},
                {"accuracies": ["high"]},
                {"accuracies": [1e300]},
                {"seconds": "long"},
                {"error": 3},
            )
        ),
    ],
)
def test_a_damaged_file_is_an_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "t.json").write_text(content)
    with pytest.raises(ModelError, match=rf"^{tmp_path / 't.json'} is damaged: .*\. Start a new search\.$"):
        Trials(tmp_path / "t.json", GRID, 0)


def test_a_file_that_is_not_text_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_bytes(b"\xff\xfe" * 100)
    with pytest.raises(ModelError, match=f"^{tmp_path / 't.json'} is damaged"):
        Trials(tmp_path / "t.json", GRID, 0)


@pytest.mark.file_size(20_000)
def test_a_full_disk_keeps_the_finished_trials(tmp_path: Path) -> None:
    trials = Trials(tmp_path / "t.json", GRID, 0, 300)

    def until_full() -> None:
        for _ in range(8):
            trials.run_trial(train, no_progress)

    with pytest.raises(StorageError, match=r"t\.json: File too large"):
        until_full()
    again = Trials(tmp_path / "t.json", GRID, 0, 300)
    assert again.finished == trials.finished[:-1]
    assert len(again.finished) > 0
