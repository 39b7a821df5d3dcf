"""Recipes from files and back, and the strict reader of dataclasses behind them."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clothier.errors import DataError, UnknownNameError, UsageError
from clothier.recipes import (
    AnyRecipe,
    Augment,
    Distill,
    HardExampleMining,
    Optimizer,
    PcaMlp,
    PhotoAugment,
    PhotoRecipe,
    Recipe,
    ResidualCnn,
    StudyCnn,
    WhitenedCnn,
    from_file,
    from_values,
    preset,
    to_toml,
    with_changes,
)
from clothier.recipes.presets import ALL_RECIPES

FRACTION = st.floats(0, 1, exclude_max=True)
POSITIVE = st.floats(1e-9, 1e6)
WIDTHS = st.lists(st.integers(1, 4096), min_size=1, max_size=4).map(tuple)
MLPS = st.builds(
    PcaMlp,
    components=st.integers(1, 784) | st.floats(0.01, 0.99),
    whitening=st.floats(0, 1),
    hidden=WIDTHS,
    batch_norm=st.booleans(),
    activation=st.sampled_from(["relu", "gelu"]),
    dropout=FRACTION,
)
GROUPS = st.lists(st.tuples(st.integers(1, 512), st.integers(1, 4)), min_size=1, max_size=4)
CONVOLUTIONS = (
    st.just(StudyCnn())
    | st.builds(
        lambda patch, groups, pooled: WhitenedCnn(
            patch=patch,
            widths=tuple(width for width, _ in groups),
            depths=tuple(depth for _, depth in groups),
            pooled_stem=pooled,
        ),
        st.integers(1, 14),
        GROUPS,
        st.booleans(),
    )
    | st.builds(ResidualCnn, widths=WIDTHS, blocks=st.integers(1, 9))
)
MINING = st.builds(
    HardExampleMining, start_epoch=st.integers(2, 99), fraction=st.floats(0.01, 1), random_fraction=FRACTION
)
UNMIXED_AUGMENTS = st.tuples(
    st.builds(
        Augment, shift=st.integers(0, 14), flip=st.booleans(), cutout=st.integers(0, 28), erasing=st.floats(0, 1)
    ),
    MINING,
)
MIXED_AUGMENTS = st.tuples(
    st.builds(Augment, cutmix=st.floats(0.01, 1), mixup=st.floats(0, 100), mix_off_epochs=st.integers(0, 9)),
    st.just(HardExampleMining()),
)
OPTIMIZERS = (
    st.builds(Optimizer, learning_rate=POSITIVE)
    | st.builds(
        Optimizer,
        kind=st.just("adamw"),
        learning_rate=POSITIVE,
        weight_decay=FRACTION,
        schedule=st.just("linear"),
        warmup=FRACTION,
    )
    | st.builds(Optimizer, kind=st.just("sgd"), learning_rate=POSITIVE, momentum=FRACTION, weight_decay=FRACTION)
    | st.builds(
        Optimizer,
        kind=st.just("muon"),
        learning_rate=POSITIVE,
        head_learning_rate=POSITIVE,
        bias_learning_rate=POSITIVE,
        momentum=FRACTION,
        weight_decay=FRACTION,
    )
)


TEACHERS = st.builds(
    Distill, teachers=st.integers(1, 9), preset=st.sampled_from(["large", "fast"]), generations=st.integers(1, 3)
)


def recipes(model: str, network: st.SearchStrategy[Any]) -> st.SearchStrategy[Recipe]:
    return st.builds(
        lambda augment_and_mining, **others: Recipe(
            augment=augment_and_mining[0], hard_example_mining=augment_and_mining[1], **others
        ),
        augment_and_mining=UNMIXED_AUGMENTS | MIXED_AUGMENTS,
        model=st.just(model),
        preset=st.sampled_from(["classic", "fast"]),
        network=network,
        optimizer=OPTIMIZERS,
        distill=st.just(Distill()) | TEACHERS,
        epochs=st.integers(1, 1000),
        batch_size=st.integers(2, 60_000),
        validation=st.floats(0.01, 0.99),
        select=st.sampled_from(["best", "last"]),
        label_smoothing=FRACTION,
        precision=st.sampled_from(["float32", "auto"]),
    )


OPTIMIZER_FIELDS = [one.name for one in fields(Optimizer)]
ANY = recipes("dnn", MLPS) | recipes("cnn", CONVOLUTIONS)


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@settings(deadline=None)
@given(ANY)
def test_back_from_json(recipe: Recipe) -> None:
    assert from_values(Recipe, recipe.to_json()) == recipe
    assert from_values(Recipe, json.loads(json.dumps(recipe.to_json(), allow_nan=False))) == recipe


@settings(deadline=None, max_examples=50)
@given(recipe=ANY)
def test_back_from_toml(tmp_path_factory: pytest.TempPathFactory, recipe: Recipe) -> None:
    path = written(tmp_path_factory.mktemp("recipe") / "mine.toml", as_toml(recipe.to_json()))
    expected = recipe if recipe in ALL_RECIPES else replace(recipe, preset=f"{recipe.preset}-changed")
    assert from_file(path, recipe.model) == expected
    path = written(path, as_toml(expected.to_json()))
    assert from_file(path, recipe.model) == expected


def as_toml(values: dict[str, Any]) -> str:
    """Numbers, texts, lists and tables look the same in TOML as in JSON but for the tables' heads."""
    plain = "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items() if not isinstance(value, dict))
    tables = {name: value for name, value in values.items() if isinstance(value, dict)}
    return plain + "".join(f"[{name}]\n{as_toml(value)}" for name, value in tables.items())


@pytest.mark.parametrize("recipe", ALL_RECIPES, ids=lambda recipe: f"{recipe.model}-{recipe.preset}")
def test_a_preset_alone(tmp_path: Path, recipe: Recipe) -> None:
    assert from_file(written(tmp_path / "mine.toml", f'preset = "{recipe.preset}"'), recipe.model) == recipe


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text('preset = "sprint"\n', encoding="utf-8-sig")
    assert from_file(tmp_path / "r.toml", "cnn") == preset("cnn", "sprint")


def test_an_empty_file_is_the_default_preset(tmp_path: Path) -> None:
    assert from_file(written(tmp_path / "mine.toml", ""), "cnn") == preset("cnn", "fast")


def test_changes_are_applied_to_the_preset(tmp_path: Path) -> None:
    optimizer, network = "[optimizer]\nlearning_rate = 1", "[network]\nwidths = [8, 16, 8]"
    text = f'model = "cnn"\nepochs = 8\n{optimizer}\n{network}\n[augment]\nshift = 3'
    base = preset("cnn", "fast")
    assert from_file(written(tmp_path / "mine.toml", text), "cnn") == replace(
        base,
        preset="fast-changed",
        epochs=8,
        optimizer=replace(base.optimizer, learning_rate=1.0),
        network=replace(base.network, widths=(8, 16, 8)),
        augment=replace(base.augment, shift=3),
    )


def test_another_kind_replaces_the_whole_table(tmp_path: Path) -> None:
    text = '[optimizer]\nkind = "adam"\nlearning_rate = 0.01\n[network]\nkind = "study-cnn"'
    assert from_file(written(tmp_path / "mine.toml", text), "cnn") == replace(
        preset("cnn", "fast"),
        preset="fast-changed",
        optimizer=Optimizer(kind="adam", learning_rate=0.01),
        network=StudyCnn(),
    )


def test_the_same_kind_named_again_replaces_nothing(tmp_path: Path) -> None:
    text = '[network]\nkind = "whitened-cnn"\ndepths = [3, 2, 1]'
    base = preset("cnn", "fast")
    assert from_file(written(tmp_path / "mine.toml", text), "cnn").network == replace(base.network, depths=(3, 2, 1))


def test_whole_numbers_become_floats_where_floats_are_expected(tmp_path: Path) -> None:
    text = 'preset = "classic"\n[network]\ncomponents = 187\nwhitening = 1'
    network = from_file(written(tmp_path / "mine.toml", text), "dnn").network
    assert isinstance(network, PcaMlp)
    assert (type(network.components), network.components) == (int, 187)
    assert (type(network.whitening), network.whitening) == (float, 1.0)


@pytest.mark.parametrize(
    ("text", "name", "known"),
    [
        ("epoch = 8", "epoch", "'epochs'"),
        ("learning_rate = 0.1", "learning_rate", "'optimizer.learning_rate'"),
        ("dropout = 0.1", "dropout", "'network.dropout'"),
        ("color = 8", "color", ", ".join(one.name for one in fields(Recipe))),
        ("network.width = 8", "width", "'widths'"),
        ("optimizer.lr = 8", "lr", ", ".join(one.name for one in fields(Optimizer))),
        ("augment.flips = true", "flips", "'flip'"),
        ('network.kind = "study-cnm"', "study-cnm", "'study-cnn'"),
        ("network.kind = 5", "5", "pca-mlp, study-cnn, whitened-cnn, residual-cnn"),
        ('optimizer.kind = "lion"', "lion", "adam, rmsprop, adamw, sgd, muon"),
        ('optimizer.schedule = "Liner"', "Liner", "'linear'"),
        ('select = "first"', "first", "best, last"),
        ("precision = 32", "32", "float32, auto"),
        ('preset = "fats"', "fats", "'fast'"),
        ("preset = 3", "3", "classic, fast, sprint, large, best"),
    ],
)
def test_unknown_names(tmp_path: Path, text: str, name: str, known: str) -> None:
    with pytest.raises(UnknownNameError, match=f"^'{name}' .*{known}"):
        from_file(written(tmp_path / "mine.toml", text), "cnn")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("epochs = 1.5", "epochs is 1.5; it must be a whole number."),
        ("epochs = true", "epochs is True; it must be a whole number."),
        ('epochs = "8"', "epochs is '8'; it must be a whole number."),
        ("epochs = 2026-01-01", "epochs is datetime.date(2026, 1, 1); it must be a whole number."),
        ("validation = false", "validation is False; it must be a finite number."),
        ("optimizer.learning_rate = inf", "optimizer.learning_rate is inf; it must be a finite number."),
        ("optimizer.learning_rate = nan", "optimizer.learning_rate is nan; it must be a finite number."),
        ("augment.flip = 1", "augment.flip is 1; it must be true or false."),
        ("network.widths = 64", "network.widths is 64; it must be a list, each a whole number."),
        ("network.widths = [64, 1.5]", "network.widths[1] is 1.5; it must be a whole number."),
        ("network.widths = [[64]]", "network.widths[0] is [64]; it must be a whole number."),
        ("optimizer = 5", "optimizer is 5; it must be a table of fields."),
        ("augment = [1]", "augment is [1]; it must be a table of fields."),
    ],
)
def test_wrong_types(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        from_file(written(tmp_path / "mine.toml", text), "cnn")
    assert str(caught.value) == f"the recipe's {sentence}"


def test_numbers_beyond_all_floats(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"learning_rate is 10{400}; it must be a finite number\."):
        from_file(written(tmp_path / "mine.toml", f"optimizer.learning_rate = 1{'0' * 400}"), "cnn")


@pytest.mark.parametrize("components", ["nan", "inf", "true", '"all"'])
def test_components_are_a_count_or_a_fraction(tmp_path: Path, components: str) -> None:
    with pytest.raises(UsageError, match=r"^the recipe's network\.components is .*; it must be a finite number\.$"):
        from_file(written(tmp_path / "mine.toml", f"network.components = {components}"), "dnn")


def test_ranges_are_checked_in_files(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        from_file(written(tmp_path / "mine.toml", "epochs = 0"), "cnn")
    assert str(caught.value) == "the recipe's epochs is 0; it must be 1 to 1,000,000."


def test_another_models_recipe(tmp_path: Path) -> None:
    path = written(tmp_path / "mine.toml", 'model = "dnn"')
    with pytest.raises(UsageError) as caught:
        from_file(path, "cnn")
    assert str(path) in str(caught.value)
    assert "'dnn'" in str(caught.value)


@pytest.mark.parametrize("content", [b"epochs: 8", b"\xff", b"a = " + b"1" * 5000, b"a = " + b"[" * 5000])
def test_not_toml(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mine.toml").write_bytes(content)
    with pytest.raises(UsageError) as caught:
        from_file(tmp_path / "mine.toml", "cnn")
    assert str(caught.value).startswith(f"{tmp_path / 'mine.toml'} is not TOML: ")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        from_file(tmp_path / "mine.toml", "cnn")
    assert f"{tmp_path / 'mine.toml'}: No such file or directory" in str(caught.value)


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        (5, "config.json is 5"),
        ({}, "config.json lacks model, preset, network, epochs, batch_size"),
        ({"network": {}}, "'' .*network.kind.*pca-mlp, study-cnn, whitened-cnn, residual-cnn"),
        ({"network": "study-cnn"}, "config.json's network is 'study-cnn'"),
        ({"network": {"kind": "study-cnn"}}, "config.json lacks model, preset, epochs, batch_size"),
    ],
)
def test_incomplete_values(values: Any, parts: str) -> None:
    with pytest.raises(UsageError, match=parts):
        from_values(Recipe, values, "config.json")


@dataclass(frozen=True)
class AnyOptions:
    recipe: Recipe | PhotoRecipe | None


@pytest.mark.parametrize("recipe", [*ALL_RECIPES, None])
def test_a_union_of_dataclasses(recipe: AnyRecipe | None) -> None:
    assert from_values(AnyOptions, {"recipe": recipe and recipe.to_json()}) == AnyOptions(recipe)


def test_an_unknown_class_of_a_union() -> None:
    with pytest.raises(UnknownNameError, match=r"'cnm'.*recipe\.model.*'cnn'"):
        from_values(AnyOptions, {"recipe": {"model": "cnm"}})


@dataclass(frozen=True)
class Options:
    recipe: PhotoRecipe
    data: Path | None = None
    time_limit: float | None = None
    digests: dict[str, str] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)


def test_options_with_a_nested_recipe() -> None:
    recipe = {"preset": "fast", "epochs": 0, "augment": {"min_area": 1}}
    values = {"recipe": recipe, "data": "/photos", "time_limit": 60, "digests": {"a": "1"}, "extra": {"a": [None]}}
    assert from_values(Options, values, "config.json") == Options(
        recipe=PhotoRecipe(preset="fast", epochs=0, augment=PhotoAugment(min_area=1.0)),
        data=Path("/photos"),
        time_limit=60.0,
        digests={"a": "1"},
        extra={"a": [None]},
    )
    assert from_values(Options, {"recipe": recipe, "data": None, "time_limit": None}).data is None


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"data": 5}, "config.json's data is 5; it must be a path"),
        ({"time_limit": "60"}, "config.json's time_limit is '60'; it must be a finite number"),
        ({"digests": {"a": 1}}, "config.json's digests.a is 1; it must be a text"),
        ({"digests": []}, r"config.json's digests is \[\]"),
        ({"recipe": {"preset": "fast"}}, "config.json lacks recipe.epochs"),
        ({"recipe": {"epoch": 1}}, "'epoch' is not a field of config.json's recipe"),
    ],
)
def test_options_with_an_invalid_value(changes: dict[str, Any], parts: str) -> None:
    with pytest.raises(UsageError, match=parts):
        from_values(Options, {"recipe": {"preset": "fast", "epochs": 0}, **changes}, "config.json")


@pytest.mark.parametrize("recipe", ALL_RECIPES, ids=lambda one: f"{one.model}-{one.preset}")
def test_a_recipe_is_read_back_from_its_file(recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(to_toml(recipe), encoding="utf-8")
    assert from_file(tmp_path / "recipe.toml", recipe.model) == recipe
    other = with_changes(recipe, {"epochs": 77})
    (tmp_path / "recipe.toml").write_text(to_toml(other), encoding="utf-8")
    assert from_file(tmp_path / "recipe.toml", recipe.model) == other
    assert other.preset == f"{recipe.preset}-changed"


def test_a_file_that_is_too_large_for_a_recipe_is_refused_at_once(tmp_path: Path) -> None:
    path = written(tmp_path / "mine.toml", "".join(f"a.b{number} = 1\n" for number in range(50_000)))
    with pytest.raises(DataError, match=f"cannot read the recipe {path}: larger than the limit of 65,536 bytes"):
        from_file(path, "dnn")


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    with pytest.raises(DataError, match="not a regular file"):
        from_file(tmp_path / "pipe.toml", "dnn")


@pytest.mark.parametrize("name", ["x/../../../y", "..", ".hidden", "", "a b", "a\n", "n" * 65, "/etc/x", "\ud800"])
@pytest.mark.parametrize("model", ["dnn", "photo"])
def test_a_preset_name_that_is_no_name_of_a_folder_is_refused(model: str, name: str) -> None:
    base = preset(model, "fast")
    with pytest.raises(UsageError, match=r"^the recipe's preset is .*; it must be a name of letters, digits"):
        from_values(type(base), {**base.to_json(), "preset": name})
