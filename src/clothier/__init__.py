"""Clothier classifies images of clothes.

    import clothier

    clothier.load("fashion-cnn").predict(["shoe.png"])
    clothier.train("cnn", preset="fast")
    images = clothier.fashion_mnist().train.images

Names are imported on first use, so that ``import clothier`` is fast and needs no optional dependency.
"""

from __future__ import annotations

import os
import sys
import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

from clothier.errors import MissingExtraError

if TYPE_CHECKING:
    from clothier.data.sources import load_fashion_mnist as fashion_mnist
    from clothier.errors import ClothierError
    from clothier.exploration.embedding_map import load_map
    from clothier.inference import load
    from clothier.recipes import Recipe, preset
    from clothier.workflows.compare import compare
    from clothier.workflows.evaluate import evaluate
    from clothier.workflows.explore import explore
    from clothier.workflows.predict import predict
    from clothier.workflows.study import study
    from clothier.workflows.train import train_model as train

    __version__: str

if "onnxruntime" in sys.modules and os.environ.get("ORT_DISABLE_TELEMETRY") != "1":
    warnings.warn(
        "onnxruntime was imported before clothier, so its telemetry is on in this process. Import clothier first, or "
        "set ORT_DISABLE_TELEMETRY=1.",
        stacklevel=2,
    )
# ONNX Runtime reads this variable once, when it is imported; without it, it sends telemetry and stores a device id.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

_EXPORTS = {
    "ClothierError": ("clothier.errors", "ClothierError"),
    "Recipe": ("clothier.recipes", "Recipe"),
    "compare": ("clothier.workflows.compare", "compare"),
    "evaluate": ("clothier.workflows.evaluate", "evaluate"),
    "explore": ("clothier.workflows.explore", "explore"),
    "fashion_mnist": ("clothier.data.sources", "load_fashion_mnist"),
    "load": ("clothier.inference", "load"),
    "load_map": ("clothier.exploration.embedding_map", "load_map"),
    "predict": ("clothier.workflows.predict", "predict"),
    "preset": ("clothier.recipes", "preset"),
    "study": ("clothier.workflows.study", "study"),
    "train": ("clothier.workflows.train", "train_model"),
}
"""Public name to its module and its name there."""

__all__ = [
    "ClothierError",
    "Recipe",
    "__version__",
    "compare",
    "evaluate",
    "explore",
    "fashion_mnist",
    "load",
    "load_map",
    "predict",
    "preset",
    "study",
    "train",
]


def __getattr__(name: str) -> Any:
    """Imports a public name on first use (PEP 562).

    Raises:
        AttributeError: no such name.
        MissingExtraError: the name needs an optional dependency that is not installed.
    """
    if name == "__version__":
        from importlib.metadata import version  # slow to import: a tenth of the time of --help

        return version("clothier")
    if name not in _EXPORTS:
        raise AttributeError(f"module 'clothier' has no attribute {name!r}")
    module, attribute = _EXPORTS[name]
    try:
        value = getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        missing = MissingExtraError.from_import_error(error, f"clothier.{name}")
        if missing is None:
            raise
        raise missing from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
