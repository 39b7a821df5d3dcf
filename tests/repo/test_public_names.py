"""The public names of ``import clothier``."""

from __future__ import annotations

import inspect
from importlib.metadata import version

import pytest

import clothier
from clothier.errors import MissingExtraError

NAMES = {
    "REFERENCE_RESULTS",
    "ClothierError",
    "Columns",
    "Recipe",
    "__version__",
    "audit",
    "calibrate",
    "compare",
    "describe_pixels",
    "duplicates",
    "evaluate",
    "explore",
    "export",
    "fashion_mnist",
    "figures",
    "fit_pca",
    "index",
    "load",
    "load_map",
    "map_quality",
    "metrics",
    "most_confident_errors",
    "open_store",
    "predict",
    "preset",
    "similar",
    "study",
    "tag",
    "train",
    "tsne",
}


def test_names() -> None:
    assert set(clothier.__all__) == NAMES
    assert set(dir(clothier)) >= NAMES


@pytest.mark.parametrize("name", sorted(NAMES - {"__version__"}))
def test_each_name_has_a_docstring(name: str) -> None:
    assert inspect.getdoc(getattr(clothier, name))


def test_version() -> None:
    assert clothier.__version__ == version("clothier")


def test_unknown_name() -> None:
    with pytest.raises(AttributeError, match="module 'clothier' has no attribute 'wardrobe'"):
        _ = clothier.wardrobe


def test_a_name_whose_extra_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_torch(name: str) -> None:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(clothier, "import_module", without_torch)
    monkeypatch.delitem(vars(clothier), "train", raising=False)
    with pytest.raises(MissingExtraError) as caught:
        _ = clothier.train
    assert str(caught.value) == (
        "clothier.train needs PyTorch, which is not installed. Install it with: pip install 'clothier[train]'"
    )


def test_a_fault_of_ours_is_not_covered_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise ModuleNotFoundError("No module named 'clothier.loom'", name="clothier.loom")

    monkeypatch.setattr(clothier, "import_module", broken)
    monkeypatch.delitem(vars(clothier), "train", raising=False)
    with pytest.raises(ModuleNotFoundError, match=r"clothier\.loom"):
        _ = clothier.train
