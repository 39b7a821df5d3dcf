"""Opens bundles as models."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from clothier import bundle, protobuf
from clothier.data.fingerprints import read_hashes
from clothier.data.photos.preprocessing import KINDS
from clothier.errors import ModelError
from clothier.inference.model import Model
from clothier.inference.session import OnnxClassifier
from clothier.selective.ood import OodScorer
from clothier.selective.shift import ShiftDetector
from clothier.selective.thresholds import Thresholds
from clothier.types import DEFAULT_MODEL

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from clothier.bundle import Bundle
    from clothier.types import ModelOutput

FALLBACK_MODEL = "fashion-cnn"  # classifies 28x28 grayscale images in place of the bundled photo model


def load(name: str | Path = DEFAULT_MODEL, *, threads: int | None = None) -> Model:
    """Loads a trained model.

    Args:
        name: a bundled model, a run folder or a bundle folder.
        threads: on which the model runs; None for all cores that are available to this process.

    Raises:
        UnknownNameError: no such model or folder.
        ModelError: the bundle is incomplete, altered, damaged or too new.
    """
    fallback = open_model(bundle.resolve(FALLBACK_MODEL), threads=threads) if name == DEFAULT_MODEL else None
    return open_model(bundle.resolve(str(name)), fallback=fallback, threads=threads)


def open_model(opened: Bundle, *, fallback: Model | None = None, threads: int | None = None) -> Model:
    """The model of an opened bundle; ``fallback`` as :class:`Model` takes it, ``threads`` as :func:`load` does.

    Raises:
        ModelError: the graph, the thresholds, the OOD score or the hashes are damaged.
    """
    classifier, files = OnnxClassifier(opened, threads), opened.optional_files
    width = classifier.blank_output.embeddings.shape[1]
    spec = opened.metadata.input_spec
    if spec.kind not in KINDS or (spec.kind == "center_crop" and (spec.width, spec.channels) != (spec.height, 3)):
        raise ModelError(
            f"the card of {opened.path} has the input {spec}; kinds are {' and '.join(KINDS)}, and a center_crop is a "
            f"square in three channels. {bundle.EXPORT_HINT}"
        )
    ood = files.get(bundle.OOD_FILE)
    trained, calibrated = (
        read_hashes(files[name], opened.path / name) if name in files else None
        for name in (bundle.TRAINING_HASHES_FILE, bundle.CALIBRATION_HASHES_FILE)
    )
    detector = _shift_detector(opened, files, classifier.blank_output)
    return Model(
        classifier,
        thresholds=Thresholds.from_json(opened.metadata.thresholds),
        ood_scorer=OodScorer.from_bytes(ood, opened.path / bundle.OOD_FILE, width) if ood is not None else None,
        shift_detector=detector,
        training_hashes=trained,
        calibration_hashes=calibrated,
        fallback=fallback,
        temperature=opened.metadata.calibration.get("temperature", 1.0),
        digest=_output_digest(opened, detector),
    )


def _shift_detector(opened: Bundle, files: Mapping[str, bytes], blank: ModelOutput) -> ShiftDetector | None:
    content = files.get(bundle.SHIFT_FILE)
    if content is None:
        return None
    path = opened.path / bundle.SHIFT_FILE
    if blank.early_features is None:
        raise ModelError(f"{path} needs a graph with the output early_features. {bundle.EXPORT_HINT}")
    return ShiftDetector.from_bytes(content, path, blank.early_features.shape[1], blank.embeddings.shape[1])


def _output_digest(opened: Bundle, detector: ShiftDetector | None = None) -> str:
    """Of the graph without its properties, its input, the OOD scorer, and what makes shift features."""
    graph = hashlib.sha256(protobuf.without_properties(opened.read(bundle.GRAPH_FILE))).hexdigest()
    files = {bundle.GRAPH_FILE: graph, bundle.OOD_FILE: opened.metadata.files.get(bundle.OOD_FILE)}
    projection = hashlib.sha256(detector.projection_bytes()).hexdigest() if detector else None
    return hashlib.sha256(f"{files} {opened.metadata.input_spec} {projection}".encode()).hexdigest()
