"""The inference benchmark on few synthetic images."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from benchmarks import inference as module
from benchmarks.timing import Timings
from clothier import bundle
from clothier.data.dataset import Dataset
from clothier.recipes import WhitenedCnn, preset
from clothier.taxonomy import FASHION_MNIST_CLASSES
from clothier.training.export.bundle_export import to_onnx, to_safetensors
from clothier.training.export.int8 import quantize_graph
from clothier.training.networks import build_network
from clothier.types import InputSpec
from tests.synthetic import draw_garments

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

DATASET = Dataset(
    "Synthetic", FASHION_MNIST_CLASSES, draw_garments(240, 0), draw_garments(60, 1), {"train": "1", "test": "2"}
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small float32 bundle and an int8 one."""
    recipe = replace(preset("cnn", "fast"), network=WhitenedCnn(patch=3, widths=(16,), depths=(2,)))
    network = build_network(recipe.network, DATASET.train.images, 10, 0)
    graph = to_onnx(network, InputSpec())
    found = {}
    for name, stored in (("plain", graph), ("small", quantize_graph(graph, DATASET.train.images[:32]))):
        card = bundle.BundleMetadata(
            name=name,
            model="cnn",
            preset="fast",
            classes=FASHION_MNIST_CLASSES,
            recipe={**recipe.to_json(), "seed": 0},
            parameters=1,
            data={},
            clothier_version="0",
        )
        found[name] = bundle.save(tmp_path_factory.mktemp(name) / name, card, stored, to_safetensors(network)).path
    return found


@pytest.fixture(scope="module")
def result(folders: dict[str, Path]) -> tuple[dict[str, Any], list[str]]:
    notes: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "load_fashion_mnist", lambda progress: DATASET)
        patch.setattr(module, "CALLS", {1: 3, 8: 2})
        patch.setattr(module, "BUNDLED_MODELS", tuple(str(path) for path in folders.values()))
        found = module.benchmark_inference(rounds=2, progress=lambda task, done, total, note="": notes.append(note))
    return found.to_json(), notes


def rows(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in found["rows"]}


def test_all_variants_are_timed_interleaved(result: tuple[dict[str, Any], list[str]]) -> None:
    found, notes = result
    assert len(rows(found)) == len(found["rows"]) == 2 * (2 + 3 + 3)
    assert all(row["n"] == 2 and 0 < row["min"] <= row["median"] <= row["max"] for row in found["rows"])
    assert {row["unit"] for row in found["rows"] if "1 image" in row["name"]} == {"ms"}
    assert {row["unit"] for row in found["rows"] if "8 images" in row["name"]} == {"images/s"}
    assert [note for note in notes if note][-3:] == ["torch", "float32", "int8"]
    assert all(row["threads"] >= 1 for row in found["rows"])
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_accuracy_of_trained_models(result: tuple[dict[str, Any], list[str]]) -> None:
    by_name = rows(result[0])
    assert by_name["study-cnn, eager torch, 1 image"]["accuracy"] is None
    for metric in ("accuracy", "validation_accuracy"):
        eager, float32 = (by_name[f"plain, {name}, 8 images"] for name in ("eager torch", "ONNX Runtime, float32"))
        assert float32[metric] == eager[metric]
        assert by_name["plain, ONNX Runtime, int8, 8 images"][metric] == pytest.approx(float32[metric], abs=0.1)


def test_bundled_variants(result: tuple[dict[str, Any], list[str]]) -> None:
    bundled = {row["name"] for row in result[0]["rows"] if row["bundled"]}
    assert bundled == {
        f"{name}, {batch}"
        for name in ("plain, ONNX Runtime, float32", "small, ONNX Runtime, int8")
        for batch in ("1 image", "8 images")
    }


def test_ratio_names(result: tuple[dict[str, Any], list[str]]) -> None:
    kinds = ("latency/torch", "rate/torch")
    assert set(result[0]["ratios"]) == {f"study-cnn float32 {kind}" for kind in kinds} | {
        f"{model} {ours} {kind}"
        for model in ("plain", "small")
        for ours, kind in [
            *((ours, kind) for ours in ("float32", "int8") for kind in kinds),
            ("int8", "latency/float32"),
            ("int8", "rate/float32"),
        ]
    }


def test_latency_and_rate_ratios() -> None:
    timings = Timings({"torch": (4.0, 8.0), "float32": (2.0, 4.0), "int8": (1.0, 2.0)})
    candidate = module.Candidate("cnn", dict.fromkeys(timings.seconds, lambda images: images), "int8", {})
    assert module._ratios(candidate, 1, timings) == {
        "cnn float32 latency/torch": 0.5,
        "cnn int8 latency/torch": 0.25,
        "cnn int8 latency/float32": 0.5,
    }
    assert module._ratios(candidate, 256, timings) == {
        "cnn float32 rate/torch": 2,
        "cnn int8 rate/torch": 4,
        "cnn int8 rate/float32": 2,
    }
    row = module._row(candidate, "int8", 256, timings, {"accuracy": 0.9})
    assert (row["min"], row["median"], row["max"], row["unit"]) == (128, 192, 256, "images/s")
    assert module._row(candidate, "torch", 1, timings, {})["median"] == 6_000


def test_every_variant_has_every_core(monkeypatch: pytest.MonkeyPatch) -> None:
    class StopHereError(Exception):
        pass

    def study(dataset: Dataset) -> None:
        assert torch.get_num_threads() == 3
        raise StopHereError

    monkeypatch.setattr(module, "load_fashion_mnist", lambda progress: DATASET)
    monkeypatch.setattr(module, "_study_cnn", study)
    monkeypatch.setattr(module.system, "available_cores", lambda: 3)
    with pytest.raises(StopHereError):
        module.benchmark_inference()
