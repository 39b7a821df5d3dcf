"""``clothier train``: its arguments, what it refuses, what it prints."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from clothier import atomic, recipes
from clothier.cli.train import Preset
from clothier.data.columns import Columns
from clothier.recipes.presets import ALL_RECIPES, BEST_PHOTO, FAST_PHOTO
from clothier.training.options import PhotoOptions, TrainOptions, to_config

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import CliResult, FakeWorkflows

    Runner = Callable[..., CliResult]

FAST = recipes.preset("cnn", "fast")
FAILURE = {"file": "gone.jpg", "error": {"code": "not-found", "message": "gone.jpg is not there."}}


@pytest.fixture
def other_run(tmp_path: Path) -> Path:
    """A run folder with other options than the defaults."""
    options = TrainOptions(recipe=recipes.preset("dnn", "fast"), seed=7, data=Path("/old"))
    return write_config(tmp_path / "other", to_config(options))


@pytest.fixture
def photo_run(tmp_path: Path) -> Path:
    """A photo run with other options than the defaults."""
    return write_config(tmp_path / "photo", to_config(photo_options(seed=5)))


def write_config(folder: Path, config: dict[str, Any]) -> Path:
    folder.mkdir()
    atomic.write_json(folder / "config.json", config)
    return folder


def photo_options(**options: Any) -> PhotoOptions:
    return PhotoOptions(data=Path("/d"), recipe=FAST_PHOTO, columns=Columns(group="who"), **options)


def test_the_help_names_the_presets_of_each_model_and_the_default() -> None:
    _, classifiers, photo = re.split("Of dnn and cnn: |Of photo: ", Preset.__metadata__[0].help)
    for model, shown in ("dnn", classifiers), ("cnn", classifiers), ("photo", photo):
        known = [recipe.preset for recipe in ALL_RECIPES if recipe.model == model]
        assert re.findall(r"(\w+): ", shown) == [*known, "Default"]
        assert shown.strip().endswith(f"Default: {recipes.DEFAULT_PRESETS[model]}.")


class TestTrain:
    def test_defaults(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        assert run("train", "cnn").code == 0
        assert fake_workflows.calls == [("train", {"options": TrainOptions(recipe=FAST)})]

    def test_every_option_is_passed_on(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        words = "train dnn --preset classic --data d --any-idx --out o --seed 3 --time-limit 1h30m --teachers-from t"
        words += " --keep-checkpoint"
        assert run(*words.split()).code == 0
        assert fake_workflows.only_call["options"] == TrainOptions(
            recipe=recipes.preset("dnn", "classic"),
            data=Path("d"),
            any_idx=True,
            out=Path("o"),
            seed=3,
            time_limit=5400.0,
            teachers_from=Path("t"),
            keep_checkpoint=True,
        )

    def test_own_recipe(self, run: Runner, fake_workflows: FakeWorkflows, tmp_path: Path) -> None:
        file = tmp_path / "mine.toml"
        file.write_text("epochs = 77\n")
        assert run("train", "cnn", "--recipe", str(file)).code == 0
        assert fake_workflows.only_call["options"].recipe.epochs == 77

    def test_config_of_another_run_with_changes(
        self, run: Runner, fake_workflows: FakeWorkflows, other_run: Path
    ) -> None:
        assert run("train", "--config", str(other_run / "config.json"), "--seed", "0").code == 0
        expected = TrainOptions(recipe=recipes.preset("dnn", "fast"), data=Path("/old"), seed=0)
        assert fake_workflows.only_call["options"] == expected

    def test_refit_takes_all_options_but_the_seed(
        self, run: Runner, fake_workflows: FakeWorkflows, other_run: Path
    ) -> None:
        assert run("train", "--refit", str(other_run), "--seed", "3").code == 0
        options = fake_workflows.only_call["options"]
        assert (options.refit, options.seed, options.data) == (other_run, 3, Path("/old"))
        assert (options.recipe.model, options.recipe.validation) == ("dnn", 0.0)

    def test_refit_of_a_run_that_needed_validation_images(
        self, run: Runner, fake_workflows: FakeWorkflows, tmp_path: Path
    ) -> None:
        """The message named a field of the recipe that nobody had written."""
        options = TrainOptions(recipe=recipes.preset("cnn", "classic"))
        folder = write_config(tmp_path / "cnn-classic", to_config(options))
        ended = run("train", "--refit", str(folder))
        assert (ended.code, fake_workflows.calls) == (2, [])
        assert "cnn-classic cannot be refitted by the recipe classic: it keeps the best epoch" in ended.stderr

    def test_resume_alone_expects_nothing(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        assert run("train", "--resume", "runs/a").code == 0
        assert fake_workflows.calls == [("resume", {"path": Path("runs/a"), "expected": None})]

    def test_resume_with_the_new_place_of_the_data(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        assert run("train", "--resume", "runs/a", "--data", "moved").code == 0
        expected = {"path": Path("runs/a"), "expected": None, "data": Path("moved")}
        assert fake_workflows.calls == [("resume", expected)]

    def test_resume_with_a_model_compares_the_options(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        assert run("train", "cnn", "--resume", "runs/a", "--seed", "4").code == 0
        assert fake_workflows.only_call["expected"] == TrainOptions(recipe=FAST, seed=4)

    def test_table(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        ended = run("train", "cnn")
        assert "cnn, test 93.21 % ± 1.23 91.00 % 92.00 % 0.034 0.256 100" in ended.lines
        assert f"Run folder: {fake_workflows.results['train'].path}" in ended.lines

    def test_json_is_the_folder_and_its_metrics(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        assert run("train", "cnn", "--json").json == fake_workflows.results["train"].to_json()

    @pytest.mark.parametrize(
        ("words", "named"),
        [
            ("train", "--config, --refit or --resume"),
            ("train --seed 3", "--config, --refit or --resume"),
            ("train cnm", "did you mean 'cnn'?"),
            ("train cnn --preset fats", "did you mean 'fast'?"),
            ("train cnn --config c.json", "--config already"),
            ("train cnn --refit runs/a", "--refit already"),
            ("train --config c.json --refit runs/a", "--config and --refit"),
            ("train cnn --preset fast --recipe r.toml", "--preset and --recipe"),
            ("train --resume a --preset fast", "dnn, cnn or photo"),
            ("train --resume a --seed 3 --time-limit 1m", "--seed, --time-limit"),
            ("train cnn --group-column who", "--group-column"),
        ],
    )
    def test_contradictions(self, run: Runner, fake_workflows: FakeWorkflows, words: str, named: str) -> None:
        ended = run(*words.split())
        assert (ended.code, ended.stdout, fake_workflows.calls) == (2, "", [])
        assert named in ended.stderr


class TestTrainPhoto:
    def test_defaults(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        ended = run("train", "photo", "--data", "photos")
        assert ended.code == 0
        assert fake_workflows.only_call["options"] == PhotoOptions(data=Path("photos"), recipe=BEST_PHOTO)
        assert "photo best 90.00 % 87.00 %" in ended.lines
        assert "Accepts 70.0 % of the photos; 3.1 % of those tags are wrong" in ended.lines
        assert "Outside the classes: 9 of 20 photos are accepted; counting them, 5.0 %" in ended.stdout
        assert "Guarantee on photos of its classes: at most 5.0 %" in ended.stdout
        assert "12 suspected label errors in audit.csv" in ended.lines

    def test_every_option_is_passed_on(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        words = (
            "train photo --data d --preset fast --out o --seed 3 --time-limit 30m --group-column who --label-column tag"
        )
        words += " --keep-checkpoint"
        assert run(*words.split()).code == 0
        assert fake_workflows.only_call["options"] == PhotoOptions(
            data=Path("d"),
            recipe=FAST_PHOTO,
            columns=Columns(label="tag", group="who"),
            out=Path("o"),
            seed=3,
            time_limit=1800.0,
            keep_checkpoint=True,
        )

    @pytest.mark.parametrize(("given", "risk"), [("auto", "auto"), ("0.02", 0.02)])
    def test_risk(self, run: Runner, fake_workflows: FakeWorkflows, given: str, risk: float | str) -> None:
        assert run("train", "photo", "--data", "d", "--risk", given).code == 0
        assert fake_workflows.only_call["options"] == PhotoOptions(data=Path("d"), risk=risk)

    def test_products_are_groups_too(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        assert run("train", "photo", "--data", "d", "--product-column", "sku").code == 0
        columns = Columns(group="sku", product="sku")
        assert fake_workflows.only_call["options"] == PhotoOptions(data=Path("d"), columns=columns)
        assert run("train", "photo", "--data", "d", "--product-column", "sku", "--group-column", "who").code == 0
        columns = Columns(group="who", product="sku")
        assert fake_workflows.calls[-1][1]["options"] == PhotoOptions(data=Path("d"), columns=columns)

    def test_initial_weights(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        assert run("train", "photo", "--data", "d", "--init", "runs/other").code == 0
        assert fake_workflows.only_call["options"] == PhotoOptions(data=Path("d"), init="runs/other")

    def test_backbone(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        assert run("train", "photo", "--data", "d", "--backbone", "lite2").code == 0
        recipe = replace(BEST_PHOTO, backbone="lite2", preset="best-changed")
        assert fake_workflows.only_call["options"] == PhotoOptions(data=Path("d"), recipe=recipe)
        assert run("train", "photo", "--data", "d", "--backbone", "lite0").code == 0
        assert fake_workflows.calls[-1][1]["options"] == PhotoOptions(data=Path("d"))

    def test_own_recipe(self, run: Runner, fake_workflows: FakeWorkflows, photo_run: Path, tmp_path: Path) -> None:
        file = tmp_path / "photo.toml"
        file.write_text('preset = "best"\nfolds = 3\n[augment]\nmin_area = 0.5\n')
        assert run("train", "photo", "--data", "d", "--recipe", str(file), "--backbone", "lite2").code == 0
        recipe = replace(BEST_PHOTO, preset="best-changed", folds=3, backbone="lite2")
        recipe = replace(recipe, augment=replace(recipe.augment, min_area=0.5))
        assert fake_workflows.only_call["options"] == PhotoOptions(data=Path("d"), recipe=recipe)
        ended = run("train", "photo", "--resume", str(photo_run), "--recipe", str(file))
        assert (ended.code, "leave out --recipe" in ended.stderr) == (2, True)

    def test_photos_that_could_not_be_read(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        finished = fake_workflows.results["photo"]
        atomic.write_json(finished.path / "metrics.json", {**finished.metrics, "data": {"failures": [FAILURE]}})
        ended = run("train", "photo", "--data", "d", "--json")
        assert (ended.code, ended.stderr) == (3, "gone.jpg is not there.\n")
        assert ended.json["data"]["failures"] == [FAILURE]

    def test_resume(self, run: Runner, fake_workflows: FakeWorkflows, photo_run: Path) -> None:
        assert run("train", "--resume", str(photo_run)).code == 0
        assert fake_workflows.calls == [("resume", {"path": photo_run, "expected": None})]

    def test_config_of_another_run(self, run: Runner, fake_workflows: FakeWorkflows, photo_run: Path) -> None:
        assert run("train", "--config", str(photo_run / "config.json")).code == 0
        assert fake_workflows.only_call["options"] == photo_options(seed=5)

    @pytest.mark.parametrize(
        ("words", "named"),
        [
            ("train photo", "needs --data"),
            ("train photo --data d --risk 1.5", "'--risk': '1.5'"),
            ("train cnn --risk 0.1", "--risk"),
            ("train cnn --init photo", "--init"),
            ("train photo --data d --refit r", "--refit"),
            ("train photo --data d --teachers-from r", "--teachers-from"),
            ("train photo --data d --any-idx", "--any-idx"),
            ("train photo --data d --preset bets", "did you mean 'best'?"),
            ("train photo --resume RUN --seed 4", "--seed"),
            ("train photo --resume RUN --backbone lite2", "--backbone"),
            ("train photo --data d --backbone lite3", "'lite3' is not a value for backbone; did you mean 'lite"),
            ("train cnn --backbone lite2", "--backbone"),
            ("train --config RUN/config.json --backbone lite2", "--backbone"),
            ("train --config RUN/config.json --preset best", "--preset"),
        ],
    )
    def test_contradictions(
        self, run: Runner, fake_workflows: FakeWorkflows, photo_run: Path, words: str, named: str
    ) -> None:
        ended = run(*words.replace("RUN", str(photo_run)).split())
        assert (ended.code, ended.stdout, fake_workflows.calls) == (2, "", [])
        assert named in ended.stderr
