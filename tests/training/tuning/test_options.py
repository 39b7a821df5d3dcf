"""What a search is asked for: how many trials that makes, and its way into config.json and back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clothier.errors import ModelError
from clothier.recipes import search_spaces
from clothier.training.tuning.options import TuneOptions, read_tune_options, tune_config

OPTIONS = TuneOptions(
    model="dnn", search_space="study", trials=5, time_limit=90.0, epochs=2, data=Path("/data"), any_idx=True, seed=7
)


@pytest.mark.parametrize(
    ("space", "trials", "wanted"),
    [("study", None, 8), ("study", 3, 3), ("study", 100, 8), ("fast", None, 30), ("fast", 100, 100)],
)
def test_how_many_trials(space: str, trials: int | None, wanted: int) -> None:
    assert TuneOptions(model="dnn", search_space=space, trials=trials).n_trials == wanted


@pytest.mark.parametrize("options", [OPTIONS, TuneOptions(model="cnn")])
def test_there_and_back(options: TuneOptions) -> None:
    assert read_tune_options(tune_config(options, "ab"), Path("runs/it")) == options


def test_where_a_search_lies_is_no_part_of_it() -> None:
    assert tune_config(replace(OPTIONS, out=Path("here")), "ab") == tune_config(OPTIONS, "ab")


@pytest.mark.parametrize("options", [None, {}, {**OPTIONS.to_json(), "pace": 3}])
def test_no_search(options: Any) -> None:
    with pytest.raises(ModelError) as caught:
        read_tune_options({**tune_config(OPTIONS, "ab"), "options": options}, Path("runs/it"))
    assert str(caught.value) == (
        "runs/it is no search: its config.json lacks the options of one. Give the folder of a search."
    )


def test_a_space_that_is_another_today(monkeypatch: pytest.MonkeyPatch) -> None:
    config = tune_config(OPTIONS, "ab")
    other = replace(
        search_spaces.STUDY_DNN_SPACE, dimensions={"batch": search_spaces.STUDY_DNN_SPACE.dimensions["batch"]}
    )
    monkeypatch.setattr(search_spaces, "SEARCH_SPACES", (other,))
    with pytest.raises(ModelError) as caught:
        read_tune_options(config, Path("runs/it"))
    assert str(caught.value) == (
        "runs/it was begun by a Clothier whose space study or whose config.json is another. Search anew, or go on "
        "with that version."
    )
