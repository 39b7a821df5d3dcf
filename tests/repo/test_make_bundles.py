"""The rule by which a model ships in int8, in float16 or not at all."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.timing import Timings
from clothier import bundle
from clothier.data.dataset import Dataset
from clothier.data.synthetic import draw_garments
from clothier.recipes import WhitenedCnn, preset
from clothier.taxonomy import FASHION_MNIST_CLASSES
from clothier.training.export.graph import to_onnx, to_safetensors
from clothier.training.export.int8 import is_quantized
from clothier.training.networks import build_network
from clothier.types import InputSpec

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clothier.workflows.train import TrainOptions

TOOL = "tools/make_bundles.py"
DATASET = Dataset(
    "Drawn", FASHION_MNIST_CLASSES, draw_garments(240, 0), draw_garments(60, 1), {"train": "1", "test": "2"}
)
RECIPE = replace(preset("cnn", "fast"), network=WhitenedCnn(patch=3, widths=(16,), depths=(2,)))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bundle.Bundle:
    network = build_network(RECIPE.network, DATASET.train.images, 10, 0)
    card = bundle.BundleMetadata(
        name="cnn-fast",
        model="cnn",
        preset="fast",
        classes=FASHION_MNIST_CLASSES,
        parameters=1,
        data={},
        clothier_version="0",
    )
    folder = tmp_path_factory.mktemp("whole") / "bundle"
    return bundle.save(folder, card, to_onnx(network, InputSpec()), to_safetensors(network))


@pytest.fixture
def tool(script: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The tool, on drawn garments; it finds int8 as good and quicker, unless a test says otherwise."""
    module = script(TOOL)
    monkeypatch.setattr(module, "load_fashion_mnist", lambda: DATASET)
    monkeypatch.setattr(module.shipping, "MIN_AGREEMENT", 0.0)
    monkeypatch.setattr(module.shipping, "MAX_ACCURACY_LOSS", 1.1)
    monkeypatch.setattr(module, "speed_problem", lambda *_: None)
    return module


def shipped(tool: Any, whole: bundle.Bundle, folder: Path) -> bundle.Bundle:
    tool.ship(whole, "garments", RECIPE, folder)
    return bundle.open_bundle(folder / "garments")


def test_int8_ships_with_figures_of_its_own(tool: Any, whole: bundle.Bundle, tmp_path: Path) -> None:
    made = shipped(tool, whole, tmp_path)
    assert is_quantized(made.graph.read_bytes())
    assert made.metadata.name == "garments"
    assert {part: figures["n"] for part, figures in made.metadata.metrics.items()} == {"validation": 20, "test": 60}
    assert made.weights.stat().st_size < whole.weights.stat().st_size


def test_float16_ships_where_int8_is_no_quicker(
    tool: Any, whole: bundle.Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tool, "speed_problem", lambda *_: "takes 1.20 of float32's time")
    made = shipped(tool, whole, tmp_path)
    assert not is_quantized(made.graph.read_bytes())
    assert capsys.readouterr().out.startswith("garments: int8 takes 1.20 of float32's time; float16 in its place\n")


@pytest.mark.parametrize("rule", [{"AGREEMENT": 1.1}, {"LOSS": -1.0}])
def test_nothing_ships_that_loses_too_much(
    tool: Any, whole: bundle.Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rule: dict[str, float]
) -> None:
    for name, value in rule.items():
        monkeypatch.setattr(tool.shipping, name, value)
    with pytest.raises(
        SystemExit,
        match=r"^garments: float16 keeps \d+\.\d\d% of the answers and costs -?\d\.\d\d points; not shipped$",
    ):
        shipped(tool, whole, tmp_path)


def test_time_is_measured_interleaved(
    script: Callable[[str], Any], whole: bundle.Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = script(TOOL)
    small = bundle.save(tmp_path / "small", replace(whole.metadata, name="small"), whole.graph.read_bytes(), b"")
    taken = {"cnn-fast": [1.0, 2.0], "small": [1.5, 3.0]}
    monkeypatch.setattr(
        module, "time_interleaved", lambda sides, *_, **__: Timings({name: taken[name] for name in sides})
    )
    assert module.delays(whole, small, DATASET.test.images) == "takes 1.50 of float32's time"
    taken["small"] = [0.5, 1.0]
    assert module.delays(whole, small, DATASET.test.images) is None


@pytest.mark.parametrize("preset_name", ["best", "fast"])
def test_both_learn_from_the_same_teachers_and_a_training_that_is_there_is_gone_on_with(
    script: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, preset_name: str
) -> None:
    module = script(TOOL)
    (tmp_path / "cnn").mkdir()
    (tmp_path / "cnn" / "config.json").write_text("{}")
    done: list[tuple[str, TrainOptions]] = []
    run = SimpleNamespace(bundle=None)

    def resumed(path: Path, expected: TrainOptions) -> Any:
        assert path == expected.out
        done.append(("resumed", expected))
        return run

    def trained(asked: TrainOptions) -> Any:
        done.append(("trained", asked))
        return run

    shipped_as: list[str] = []
    monkeypatch.setattr(module, "resume", resumed)
    monkeypatch.setattr(module, "train_recipe", trained)
    monkeypatch.setattr(module.bundle, "open_bundle", lambda _: None)
    monkeypatch.setattr(module, "write_bundle", lambda _whole, name, *_: shipped_as.append(name))
    monkeypatch.setattr("sys.argv", [TOOL, "--preset", preset_name, "--runs", str(tmp_path)])
    module.main()
    (first, cnn), (second, dnn) = done
    assert (first, second) == ("resumed", "trained")
    assert (cnn.recipe, dnn.recipe) == (preset("cnn", preset_name), preset("dnn", preset_name))
    assert (cnn.teachers_from, dnn.teachers_from) == (None, tmp_path / "cnn" if preset_name == "best" else None)
    assert shipped_as == ["fashion-cnn", "fashion-dnn"]
