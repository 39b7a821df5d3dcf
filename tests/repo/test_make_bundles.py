"""When a bundled Fashion-MNIST model is saved as int8, as float16, or not at all."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.timing import Timings
from clothier import bundle
from clothier.data.dataset import Dataset
from clothier.recipes import WhitenedCnn, preset
from clothier.taxonomy import FASHION_MNIST_CLASSES
from clothier.training.export.bundle_export import to_onnx, to_safetensors
from clothier.training.export.int8 import is_quantized
from clothier.training.networks import build_network
from clothier.types import InputSpec
from tests.synthetic import draw_garments
from tools import compression_check

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clothier.training.options import TrainOptions

pytestmark = pytest.mark.slow

TOOL = "tools/make_bundles.py"
DATASET = Dataset(
    "Drawn", FASHION_MNIST_CLASSES, draw_garments(240, 0), draw_garments(60, 1), {"train": "1", "test": "2"}
)
RECIPE = replace(preset("cnn", "fast"), network=WhitenedCnn(patch=3, widths=(16,), depths=(2,)))


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> bundle.Bundle:
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
    folder = tmp_path_factory.mktemp("reference") / "bundle"
    return bundle.save(folder, card, to_onnx(network, InputSpec()), to_safetensors(network))


@pytest.fixture
def tool(script: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The tool on synthetic data, with limits under which int8 is accurate enough and faster."""
    module = script(TOOL)
    monkeypatch.setattr(module, "load_fashion_mnist", lambda: DATASET)
    monkeypatch.setattr(compression_check, "MIN_AGREEMENT", 0.0)
    monkeypatch.setattr(compression_check, "MAX_ACCURACY_LOSS", 1.1)
    monkeypatch.setattr(module, "speed_problem", lambda *_: None)
    return module


def write(tool: Any, reference: bundle.Bundle, folder: Path) -> bundle.Bundle:
    tool.write_bundle(reference, "garments", RECIPE, folder)
    return bundle.open_bundle(folder / "garments")


def test_int8_is_saved_with_its_own_metrics(tool: Any, reference: bundle.Bundle, tmp_path: Path) -> None:
    saved = write(tool, reference, tmp_path)
    assert is_quantized(saved.graph.read_bytes())
    assert saved.metadata.name == "garments"
    assert bundle.described(saved.graph.read_bytes(), saved.metadata) == saved.graph.read_bytes()
    assert {part: values["n"] for part, values in saved.metadata.metrics.items()} == {"validation": 20, "test": 60}
    assert saved.weights.stat().st_size < reference.weights.stat().st_size


def test_float16_where_int8_is_not_faster(
    tool: Any,
    reference: bundle.Bundle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(tool, "speed_problem", lambda *_: "it takes 1.20 of the time")
    saved = write(tool, reference, tmp_path)
    assert not is_quantized(saved.graph.read_bytes())
    assert capsys.readouterr().out.startswith("garments: not int8: it takes 1.20 of the time\ngarments: float16\n")


@pytest.mark.parametrize("limits", [{"MIN_AGREEMENT": 1.1}, {"MAX_ACCURACY_LOSS": -1.0}])
def test_refused_if_too_much_accuracy_is_lost(
    tool: Any, reference: bundle.Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limits: dict[str, float]
) -> None:
    for name, value in limits.items():
        monkeypatch.setattr(compression_check, name, value)
    with pytest.raises(SystemExit, match="garments"):
        write(tool, reference, tmp_path)


def test_speed_is_the_ratio_of_interleaved_timings(
    script: Callable[[str], Any], reference: bundle.Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = script(TOOL)
    small = bundle.save(
        tmp_path / "small", replace(reference.metadata, name="small"), reference.graph.read_bytes(), b""
    )
    seconds = {"cnn-fast": [1.0, 2.0], "small": [1.5, 3.0]}
    monkeypatch.setattr(
        module, "time_interleaved", lambda variants, *_, **__: Timings({name: seconds[name] for name in variants})
    )
    assert "1.50" in module.speed_problem(reference, small, DATASET.test.images)
    seconds["small"] = [0.5, 1.0]
    assert module.speed_problem(reference, small, DATASET.test.images) is None


@pytest.mark.parametrize("preset_name", ["best", "fast"])
def test_both_share_their_teachers_and_existing_runs_are_resumed(
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

    names: list[str] = []
    monkeypatch.setattr(module, "resume", resumed)
    monkeypatch.setattr(module, "train", trained)
    monkeypatch.setattr(module.bundle, "open_bundle", lambda _: None)
    monkeypatch.setattr(module, "write_bundle", lambda _reference, name, *_: names.append(name))
    monkeypatch.setattr("sys.argv", [TOOL, "--preset", preset_name, "--runs", str(tmp_path)])
    module.main()
    (first, cnn), (second, dnn) = done
    assert (first, second) == ("resumed", "trained")
    assert (cnn.recipe, dnn.recipe) == (preset("cnn", preset_name), preset("dnn", preset_name))
    assert (cnn.teachers_from, dnn.teachers_from) == (None, tmp_path / "cnn" if preset_name == "best" else None)
    assert names == ["fashion-cnn", "fashion-dnn"]
