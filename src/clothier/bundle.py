"""A trained model as a folder that explains itself.

    card.json            what it is: classes, view, figures, calibration; and the digests of the others
    model.onnx           uint8 pictures in, ``logits`` and ``embedding`` out, preprocessing inside, any batch size
    weights.safetensors  the same weights by name, to train on from
    ood.npz          what known garments look like, where the model can tell strangers; plain arrays
    training_hashes.npy           hashes of the photos that it learnt from, so that it is not judged by them; a plain array

No pickle, and nothing in a bundle is executed.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_origin, get_type_hints

from clothier import atomic
from clothier.errors import ModelError, UnknownNameError, UsageError
from clothier.types import InputSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT_VERSION = 1
METADATA_FILE, GRAPH_FILE, WEIGHTS_FILE = "card.json", "model.onnx", "weights.safetensors"
OOD_FILE, TRAINING_HASHES_FILE = "ood.npz", "training_hashes.npy"
OPTIONAL_FILES = (
    OOD_FILE,
    TRAINING_HASHES_FILE,
)  # optional; a Clothier from before them reads the rest, so the format is the same
BUNDLED_DIR = Path(__file__).parent / "bundles"

RecordT = TypeVar("RecordT", "BundleMetadata", InputSpec)


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleMetadata:
    """What a bundle says of itself.

    Attributes:
        name: what answers call the model.
        model: ``dnn``, ``cnn``, ...
        preset: of the recipe it was trained by.
        classes: the K class names in the order of the logits.
        input_spec: the picture that it wants.
        recipe: every number of the training, as :meth:`clothier.recipes.Recipe.to_json` gives it.
        parameters: number of trained weights.
        data: name and digests of what it was trained on.
        metrics: what was measured of it, with the protocol; empty until something was.
        calibration: how logits become probabilities (temperature); empty until it is fitted.
        thresholds: when to ask a person; empty until they are fitted.
        files: SHA-256 of the bundle's other files, by name.
        clothier_version: the version that wrote it.
        format: of this card; a newer one is refused.
    """

    name: str
    model: str
    preset: str
    classes: tuple[str, ...]
    input_spec: InputSpec = field(default_factory=InputSpec)
    recipe: dict[str, Any] = field(default_factory=dict)
    parameters: int
    data: dict[str, Any]
    metrics: dict[str, Any] = field(default_factory=dict)
    calibration: dict[str, Any] = field(default_factory=dict)
    thresholds: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    clothier_version: str
    format: int = FORMAT_VERSION

    def to_json(self) -> dict[str, Any]:
        """As ``card.json`` holds it."""
        return {**asdict(self), "classes": list(self.classes)}


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle on disk whose files were found whole."""

    path: Path
    metadata: BundleMetadata

    @property
    def graph(self) -> Path:
        """The ONNX graph."""
        return self.path / GRAPH_FILE

    @property
    def weights(self) -> Path:
        """The safetensors weights."""
        return self.path / WEIGHTS_FILE

    @property
    def ood(self) -> Path | None:
        """The arrays of :class:`clothier.selective.ood.Novelty`; None where the model cannot tell strangers."""
        return self._optional_file(OOD_FILE)

    @property
    def training_hashes(self) -> Path | None:
        """(M, 32) uint8 difference hashes of the photos that it learnt from; None where they are not known."""
        return self._optional_file(TRAINING_HASHES_FILE)

    @property
    def optional_files(self) -> dict[str, bytes]:
        """The optional files that it has, by name."""
        return {name: (self.path / name).read_bytes() for name in OPTIONAL_FILES if name in self.metadata.files}

    def _optional_file(self, name: str) -> Path | None:
        return self.path / name if name in self.metadata.files else None


def save(
    path: Path,
    metadata: BundleMetadata,
    graph: bytes,
    weights: bytes,
    optional_files: Mapping[str, bytes] | None = None,
) -> Bundle:
    """Writes a bundle, whole or not at all; one that stood at ``path`` is replaced, and nothing but a bundle.

    Args:
        path: its folder.
        metadata: what it says of itself; ``files`` are filled in.
        graph: the ONNX graph.
        weights: the safetensors weights.
        optional_files: the optional files (:data:`EXTRAS`) that it has, by name.

    Raises:
        StorageError: the disk refused; what stood at ``path`` still does.
        UsageError: ``path`` is a folder with other things in it.
    """
    if path.is_dir() and not (path / METADATA_FILE).is_file() and any(path.iterdir()):
        raise UsageError(f"{path} holds other things than a bundle and is left as it is; name a folder that is free.")
    contents = {GRAPH_FILE: graph, WEIGHTS_FILE: weights, **(optional_files or {})}
    metadata = replace(
        metadata, files={name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    )
    with atomic.replace_dir(path) as draft:
        for name, content in contents.items():
            (draft / name).write_bytes(content)
        (draft / METADATA_FILE).write_text(atomic.json_text(metadata.to_json()), encoding="utf-8")
    return Bundle(path, metadata)


def write_metadata(bundle: Bundle, metadata: BundleMetadata) -> Bundle:
    """Replaces a bundle's card; its other files stay as they are."""
    metadata = replace(metadata, files=bundle.metadata.files)
    atomic.write_text(bundle.path / METADATA_FILE, atomic.json_text(metadata.to_json()))
    return replace(bundle, metadata=metadata)


def open_bundle(path: Path) -> Bundle:
    """Reads the card and checks every file against its digest.

    Raises:
        ModelError: no bundle there, a newer format, or a file missing or altered.
    """
    card = _read_metadata(path)
    for name in (GRAPH_FILE, WEIGHTS_FILE, *(name for name in OPTIONAL_FILES if name in card.files)):
        _verify_digest(path / name, card.files.get(name, ""))
    return Bundle(path, card)


def bundled() -> list[str]:
    """Names of the bundles inside the package."""
    return sorted(card.parent.name for card in BUNDLED_DIR.glob(f"[!.]*/{METADATA_FILE}"))


def resolve(name: str) -> Bundle:
    """The bundle that a user means: a shipped one's name, a bundle's folder, or a run's.

    Raises:
        UnknownNameError: neither a shipped name nor a folder.
        ModelError: the folder holds no whole bundle.
    """
    names = bundled()
    if name in names:
        return open_bundle(BUNDLED_DIR / name)
    for folder in _candidate_dirs(name):
        return open_bundle(folder)
    if Path(name).parent != Path():
        known = f", or one of: {', '.join(names)}" if names else ""
        raise ModelError(f"there is no folder {name}; give a run folder or a bundle{known}.")
    raise UnknownNameError(name, "model or run folder", names)


def _candidate_dirs(name: str) -> list[Path]:
    """Where the bundle of that name may lie: in a run's folder, or there itself."""
    try:
        return [place for place in (Path(name, "bundle"), Path(name)) if place.is_dir()]
    except OSError as error:
        raise ModelError(
            f"{name} cannot be looked into: {error.strerror}. Check the path and its permissions."
        ) from error


def _read_metadata(path: Path) -> BundleMetadata:
    try:
        values = json.loads((path / METADATA_FILE).read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(
            f"{path} is no model: its {METADATA_FILE} cannot be read ({error.strerror}). Give a bundle, or a run that has ended."
        ) from error
    except (ValueError, RecursionError) as error:
        raise _damaged(path, error) from error
    if not isinstance(values, dict) or not isinstance(values.get("format"), int) or values["format"] < 1:
        raise ModelError(f"{path / METADATA_FILE} names no format; it is no card of Clothier's. Make the bundle again.")
    if values["format"] > FORMAT_VERSION:
        raise ModelError(
            f"{path} has format {values['format']}, and this Clothier reads up to {FORMAT_VERSION}. Install a newer Clothier."
        )
    try:
        return _parse_metadata(values)
    except (TypeError, ValueError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, reason: Exception) -> ModelError:
    return ModelError(f"{path / METADATA_FILE} is damaged: {reason}. Make the bundle again.")


def _parse_metadata(values: dict[str, Any]) -> BundleMetadata:
    """The card of plain ``values``; a field with a default may be missing, as in a bundle older than the field.

    Raises:
        ValueError: a field is missing or unknown.
        TypeError: one is of another type than it declares.
    """
    required = {one.name for one in fields(BundleMetadata) if one.default is MISSING and one.default_factory is MISSING}
    if missing := sorted(required - values.keys()):
        raise ValueError(f"it lacks {', '.join(missing)}")
    if unknown := sorted(values.keys() - {one.name for one in fields(BundleMetadata)}):
        raise ValueError(f"it has the unknown {', '.join(unknown)}")
    classes = values["classes"]
    if not isinstance(classes, list) or not all(isinstance(one, str) for one in classes):
        raise TypeError(f"its classes are {classes!r}")
    return _check_types(
        BundleMetadata(
            **{
                **values,
                "classes": tuple(classes),
                "input_spec": _check_types(InputSpec(**values.get("input_spec", {}))),
            }
        )
    )


def _check_types(record: RecordT) -> RecordT:
    """``record``, if every field is of the type that it declares; TypeError if not."""
    for name, hint in get_type_hints(type(record)).items():
        value = getattr(record, name)
        if not isinstance(value, get_origin(hint) or hint):
            raise TypeError(f"its {name} is {value!r}")
    return record


def _verify_digest(file: Path, expected: str) -> None:
    try:
        got = hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(
            f"{file.parent} is incomplete: {file.name} cannot be read ({error.strerror}). Make the bundle again."
        ) from error
    if got != expected:
        raise ModelError(
            f"{file} was altered: its SHA-256 is {got}, the card says {expected or 'nothing'}. Make the bundle again."
        )
