from __future__ import annotations

from dataclasses import replace
from pathlib import Path

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
def test_number_of_trials(space: str, trials: int | None, wanted: int) -> None:
    assert TuneOptions(model="dnn", search_space=space, trials=trials).n_trials == wanted


@pytest.mark.parametrize("options", [OPTIONS, TuneOptions(model="cnn")])
def test_options_survive_the_round_trip(options: TuneOptions) -> None:
    assert read_tune_options(tune_config(options, "ab"), Path("runs/it")) == options


def test_the_folder_is_not_part_of_the_configuration() -> None:
    assert tune_config(replace(OPTIONS, out=Path("here")), "ab") == tune_config(OPTIONS, "ab")


@pytest.mark.parametrize("missing", ["model", "seed", "format"])
def test_the_configuration_of_something_else_is_refused(missing: str) -> None:
    config = {name: value for name, value in tune_config(OPTIONS, "ab").items() if name != missing}
    with pytest.raises(ModelError, match=rf"^runs/it/config\.json .*{missing}"):
        read_tune_options(config, Path("runs/it/config.json"))


def test_a_changed_search_space_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    config = tune_config(OPTIONS, "ab")
    other = replace(
        search_spaces.STUDY_DNN_SPACE, dimensions={"batch": search_spaces.STUDY_DNN_SPACE.dimensions["batch"]}
    )
    monkeypatch.setattr(search_spaces, "SEARCH_SPACES", (other,))
    with pytest.raises(ModelError, match=r"^runs/it has another search space study"):
        read_tune_options(config, Path("runs/it"))
