"""A trained model as a folder.

    card.json               metadata: classes, input, metrics, calibration, thresholds, digests of the other files
    model.onnx              uint8 images in, ``logits`` and ``embedding`` out (photo models: ``early_features``, too),
                            preprocessing inside, any batch size
    weights.safetensors     the same weights by name, for further training
    ood.npz                 optional: arrays of the out-of-distribution score
    shift.npz               optional: reference photos, to recognize a catalogue that is unlike them
    training_hashes.npy     optional: hashes of the training photos, to exclude them from evaluation
    calibration_hashes.npy  optional: hashes of the photos that thresholds and temperature were fitted to

A bundle contains no pickle, and nothing in it is executed.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clothier import atomic, protobuf, untrusted
from clothier.errors import ModelError, UnknownNameError, UsageError
from clothier.paths import local_path
from clothier.recipes.loader import from_values
from clothier.types import InputSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT_VERSION = 1
METADATA_FILE, GRAPH_FILE, WEIGHTS_FILE = "card.json", "model.onnx", "weights.safetensors"
OOD_FILE, SHIFT_FILE = "ood.npz", "shift.npz"
TRAINING_HASHES_FILE, CALIBRATION_HASHES_FILE = "training_hashes.npy", "calibration_hashes.npy"
OPTIONAL_FILES = (OOD_FILE, SHIFT_FILE, TRAINING_HASHES_FILE, CALIBRATION_HASHES_FILE)
MAX_BYTES = {  # a file is read whole, so its size is bounded
    METADATA_FILE: 2**24,
    GRAPH_FILE: 2**29,
    WEIGHTS_FILE: 2**30,
    OOD_FILE: 2**26,
    SHIFT_FILE: 2**26,
    TRAINING_HASHES_FILE: 2**26,
    CALIBRATION_HASHES_FILE: 2**26,
}
PREPROCESSING = {
    "center_crop": "Turn the photo upright, convert it to sRGB, crop the central square, resize it to {}x{}",
    "fashion_mnist": "A light garment on black, cropped, on {}x{} pixels, as the images of Fashion-MNIST",
}
"""Kind of input to what a user must do to an image, as a sentence without its end."""
MAX_SIDE = 4096  # pixels of a model's input
BUNDLED_DIR = Path(__file__).parent / "bundles"
EXPORT_HINT = "Export the bundle again."


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleMetadata:
    """The metadata of a bundle, ``card.json``.

    Attributes:
        name: of the model.
        model: ``dnn``, ``cnn``, ...
        preset: of its recipe.
        classes: the K class names in the order of the logits.
        input_spec: the input that it expects.
        recipe: as :meth:`clothier.recipes.Recipe.to_json` writes it.
        parameters: their number.
        data: name and digests of the training data.
        metrics: with their protocol; empty until measured.
        calibration: the temperature of the logits; empty until fitted.
        thresholds: of the decisions; empty until fitted.
        files: SHA-256 of the bundle's other files, by name.
        clothier_version: the version that wrote it.
        format: of ``card.json``; any other than :data:`FORMAT_VERSION` is refused.
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

    @property
    def graph_properties(self) -> dict[str, str]:
        """What a user of the graph alone must know, as the ``metadata_props`` of the ONNX model."""
        spec, shape = self.input_spec, ", ".join(map(str, self.input_spec.shape))
        temperature = self.calibration.get("temperature")
        return {
            "classes": json.dumps(self.classes),
            "input": f"images: uint8 (N, {shape}), {'RGB' if spec.channels > 1 else 'grayscale'}, 0 to 255",
            "preprocessing": PREPROCESSING.get(spec.kind, "As the training images").format(spec.width, spec.height)
            + ". Pixels are scaled inside the graph.",
            **({"temperature": str(temperature)} if temperature else {}),
            "probabilities": f"softmax(logits{' / temperature' if temperature else ''})",
            "clothier_version": self.clothier_version,
        }

    def to_json(self) -> dict[str, Any]:
        """As ``card.json`` holds it."""
        return {**asdict(self), "classes": list(self.classes)}


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle on disk whose files match their digests."""

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

    def read(self, name: str) -> bytes:
        """The content of one of its files, checked again.

        Raises:
            ModelError: it is missing, not a regular file, too large, or was changed.
        """
        try:
            content = untrusted.read_bytes(self.path / name, MAX_BYTES[name])
        except OSError as error:
            raise ModelError(
                f"{self.path} is incomplete: {name} cannot be read ({error.strerror}). {EXPORT_HINT}"
            ) from error
        got, expected = hashlib.sha256(content).hexdigest(), self.metadata.files.get(name)
        if got != expected:
            raise ModelError(
                f"{self.path / name} was changed: its SHA-256 is {got}, {METADATA_FILE} has {expected or 'none'}. "
                f"{EXPORT_HINT}"
            )
        return content

    @property
    def optional_files(self) -> dict[str, bytes]:
        """The contents of its optional files, by name."""
        return {name: self.read(name) for name in OPTIONAL_FILES if name in self.metadata.files}


def check_target(path: Path) -> None:
    """Checks that a bundle may be written to ``path``, and can be opened by its name then.

    Raises:
        UsageError: ``path`` is a file, a folder that holds something else, or a name that bundles may not have.
        StorageError: it cannot be written.
    """
    name = atomic.require_name(path)
    if not untrusted.is_file_name(name):
        raise UsageError(
            f"{name!r} is not a name for a bundle; nothing was written. Give a name of 1 to {untrusted.MAX_NAME} "
            "printable characters that does not begin with a dot."
        )
    if path.exists() and not path.is_dir():
        raise UsageError(f"{path} is not a folder; nothing was written. Give a new folder.")
    if path.is_dir() and not (path / METADATA_FILE).is_file() and any(path.iterdir()):
        raise UsageError(f"{path} is a folder with other files than a bundle; nothing was written. Give a new folder.")
    atomic.check_writable(path)


def save(
    path: Path,
    metadata: BundleMetadata,
    graph: bytes,
    weights: bytes,
    optional_files: Mapping[str, bytes] | None = None,
) -> Bundle:
    """Writes a bundle atomically. An older bundle at ``path`` is replaced; a folder with anything else is refused.

    Args:
        path: its folder.
        metadata: ``files`` is filled in.
        graph: the ONNX graph.
        weights: the safetensors weights.
        optional_files: contents of any of :data:`OPTIONAL_FILES`, by name.

    Raises:
        StorageError: it cannot be written; ``path`` is unchanged.
        UsageError: as :func:`check_target`.
    """
    check_target(path)
    contents = {GRAPH_FILE: graph, WEIGHTS_FILE: weights, **(optional_files or {})}
    metadata = replace(
        metadata, files={name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    )
    with atomic.replace_dir(path) as tmp:
        for name, content in contents.items():
            (tmp / name).write_bytes(content)
        (tmp / METADATA_FILE).write_bytes(atomic.encode(atomic.json_text(metadata.to_json())))
    return Bundle(path, metadata)


def described(graph: bytes, metadata: BundleMetadata) -> bytes:
    """The same graph with :attr:`BundleMetadata.graph_properties` of ``metadata``. Its outputs stay the same.

    Raises:
        ValueError: it is not a protobuf message.
    """
    return protobuf.with_properties(graph, metadata.graph_properties)


def write_metadata(bundle: Bundle, metadata: BundleMetadata) -> Bundle:
    """Replaces a bundle's card; its other files stay as they are."""
    metadata = replace(metadata, files=bundle.metadata.files)
    atomic.write_text(bundle.path / METADATA_FILE, atomic.json_text(metadata.to_json()))
    return replace(bundle, metadata=metadata)


def open_bundle(path: Path) -> Bundle:
    """Reads ``card.json`` and checks every file against its digest.

    Raises:
        ModelError: not a bundle, another format, or a file that is missing or was changed.
    """
    bundle = Bundle(path, _read_metadata(path))
    for name in (GRAPH_FILE, WEIGHTS_FILE):
        bundle.read(name)
    _ = bundle.optional_files
    return bundle


def bundled() -> list[str]:
    """Names of the bundles inside the package."""
    return sorted(card.parent.name for card in BUNDLED_DIR.glob(f"[!.]*/{METADATA_FILE}"))


def resolve(name: str) -> Bundle:
    """The bundle that a user names: a bundled model's name, the folder of a bundle, or the folder of a run.

    Raises:
        UnknownNameError: neither a bundled model nor a folder.
        UsageError: empty, or a URL.
        ModelError: the folder does not hold a valid bundle.
    """
    names = bundled()
    if name in names:
        return open_bundle(BUNDLED_DIR / name)
    local_path(name)
    try:
        folder = next((one for one in (Path(name, "bundle"), Path(name)) if one.is_dir()), None)
    except OSError as error:
        raise ModelError(f"{name} cannot be opened: {error.strerror}. Check the path and its permissions.") from error
    if folder:
        return open_bundle(folder)
    if Path(name).parent != Path():
        known = f", or one of: {', '.join(names)}" if names else ""
        raise ModelError(f"the folder {name} does not exist. Give a run folder or a bundle{known}.")
    raise UnknownNameError(name, "model or run folder", names)


def _read_metadata(path: Path) -> BundleMetadata:
    file = path / METADATA_FILE
    try:
        values = json.loads(untrusted.read_bytes(file, MAX_BYTES[METADATA_FILE]))
        found = values.get("format") if isinstance(values, dict) else None
        if type(found) is not int or found != FORMAT_VERSION:
            raise ModelError(
                f"{file} has the format {found!r}; this Clothier reads format {FORMAT_VERSION}. {EXPORT_HINT}"
            )
        metadata = from_values(BundleMetadata, values, METADATA_FILE)
        _check(metadata)
        _check_values(values)
    except OSError as error:
        raise ModelError(
            f"{path} is not a model: its {METADATA_FILE} cannot be read ({error.strerror}). "
            "Give a bundle or a finished run."
        ) from error
    except (UsageError, ValueError, RecursionError) as error:
        raise ModelError(f"{file} is damaged: {str(error).rstrip('.')}. {EXPORT_HINT}") from error
    return metadata


def _check(metadata: BundleMetadata) -> None:
    """Raises ValueError for values that are of the right type but impossible."""
    for name in ("name", "model", "preset"):  # they become names of folders
        if not untrusted.is_file_name(getattr(metadata, name)):
            raise ValueError(f"its {name} is {getattr(metadata, name)!r}, which cannot be the name of a folder")
    classes, size = metadata.classes, metadata.input_spec
    if not classes or len(set(classes)) < len(classes) or not all(classes):
        raise ValueError("its classes must be one or more different names")
    if not (1 <= size.height <= MAX_SIDE and 1 <= size.width <= MAX_SIDE and size.channels in (1, 3)):
        raise ValueError(f"its input_spec is {size}; sides are 1 to {MAX_SIDE} pixels, channels 1 or 3")


def _check_values(value: object, name: str = "") -> None:
    """Raises ValueError for text with control characters or surrogates, and for numbers that are not finite."""
    if isinstance(value, dict):
        for key, one in value.items():
            _check_values(key, name)
            _check_values(one, f"{name}.{key}".lstrip("."))
    elif isinstance(value, list):
        for one in value:
            _check_values(one, name)
    elif isinstance(value, str) and not untrusted.is_text(value):
        raise ValueError(f"its {name or 'text'} has a control character or half a surrogate pair: {value!a}")
    elif isinstance(value, (int, float)) and not abs(value) <= sys.float_info.max:
        raise ValueError(f"its {name} is not a finite number")
