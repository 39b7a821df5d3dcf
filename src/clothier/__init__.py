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

TYPE_CHECKING = False  # importing typing takes longer than all of this; until it is done, Ctrl-C gives a traceback
if TYPE_CHECKING:
    from typing import Any

    from clothier.catalogue.catalogue_store import open_store
    from clothier.data.columns import Columns
    from clothier.data.sources import load_fashion_mnist as fashion_mnist
    from clothier.errors import ClothierError
    from clothier.evaluation.misclassified import most_confident_errors
    from clothier.exploration.audit.dataset_audit import audit_dataset as audit
    from clothier.exploration.embedding_map import load_map
    from clothier.exploration.pca import fit_pca
    from clothier.exploration.pixels import describe_pixels
    from clothier.exploration.tsne.embedding import tsne
    from clothier.exploration.tsne.map_quality import map_quality
    from clothier.inference import load
    from clothier.recipes import Recipe, preset
    from clothier.report import figures
    from clothier.report.reference_study import REFERENCE_RESULTS
    from clothier.workflows.calibrate import calibrate
    from clothier.workflows.compare import compare
    from clothier.workflows.duplicates import duplicates
    from clothier.workflows.evaluate import evaluate
    from clothier.workflows.explore import explore
    from clothier.workflows.export import export
    from clothier.workflows.index import index
    from clothier.workflows.predict import predict
    from clothier.workflows.similar import similar
    from clothier.workflows.study import study
    from clothier.workflows.tag import tag
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
    "REFERENCE_RESULTS": ("clothier.report.reference_study", "REFERENCE_RESULTS"),
    "Columns": ("clothier.data.columns", "Columns"),
    "ClothierError": ("clothier.errors", "ClothierError"),
    "Recipe": ("clothier.recipes", "Recipe"),
    "audit": ("clothier.exploration.audit.dataset_audit", "audit_dataset"),
    "calibrate": ("clothier.workflows.calibrate", "calibrate"),
    "compare": ("clothier.workflows.compare", "compare"),
    "describe_pixels": ("clothier.exploration.pixels", "describe_pixels"),
    "duplicates": ("clothier.workflows.duplicates", "duplicates"),
    "evaluate": ("clothier.workflows.evaluate", "evaluate"),
    "explore": ("clothier.workflows.explore", "explore"),
    "export": ("clothier.workflows.export", "export"),
    "fashion_mnist": ("clothier.data.sources", "load_fashion_mnist"),
    "figures": ("clothier.report.figures", ""),
    "fit_pca": ("clothier.exploration.pca", "fit_pca"),
    "index": ("clothier.workflows.index", "index"),
    "load": ("clothier.inference", "load"),
    "load_map": ("clothier.exploration.embedding_map", "load_map"),
    "map_quality": ("clothier.exploration.tsne.map_quality", "map_quality"),
    "metrics": ("clothier.metrics", ""),
    "most_confident_errors": ("clothier.evaluation.misclassified", "most_confident_errors"),
    "open_store": ("clothier.catalogue.catalogue_store", "open_store"),
    "predict": ("clothier.workflows.predict", "predict"),
    "preset": ("clothier.recipes", "preset"),
    "similar": ("clothier.workflows.similar", "similar"),
    "study": ("clothier.workflows.study", "study"),
    "tag": ("clothier.workflows.tag", "tag"),
    "train": ("clothier.workflows.train", "train_model"),
    "tsne": ("clothier.exploration.tsne.embedding", "tsne"),
}
"""Public name to its module and its name there; an empty name is the module itself."""

__all__ = [
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
        value = import_module(module)
        value = getattr(value, attribute) if attribute else value
    except ModuleNotFoundError as error:
        from clothier.errors import MissingExtraError

        missing = MissingExtraError.from_import_error(error, f"clothier.{name}")
        if missing is None:
            raise
        raise missing from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
