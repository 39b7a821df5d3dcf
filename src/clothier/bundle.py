"""A trained model as a folder that explains itself.

    card.json            what it is: classes, view, figures, calibration; and the digests of the other two
    model.onnx           uint8 pictures in, ``logits`` and ``embedding`` out, preprocessing inside, any batch size
    weights.safetensors  the same weights by name, to train on from

No pickle, and nothing in a bundle is executed.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from clothier import atomic
from clothier.errors import ModelError, UnknownNameError
from clothier.records import View

FORMAT = 1
CARD, GRAPH, WEIGHTS = "card.json", "model.onnx", "weights.safetensors"
SHIPPED = Path(__file__).parent / "bundles"


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a bundle says of itself.

    Attributes:
        name: what answers call the model.
        model: ``dnn``, ``cnn``, ...
        preset: of the recipe it was trained by.
        classes: the K class names in the order of the logits.
        view: the picture that it wants.
        recipe: every number of the training, as :meth:`clothier.recipes.Recipe.to_json` gives it.
        parameters: number of trained weights.
        data: name and digests of what it was trained on.
        figures: what was measured of it, with the protocol; empty until something was.
        calibration: how logits become probabilities (temperature); empty until it is fitted.
        thresholds: when to ask a person; empty until they are fitted.
        files: SHA-256 of the bundle's other files, by name.
        clothier: the version that wrote it.
        format: of this card; a newer one is refused.
    """

    name: str
    model: str
    preset: str
    classes: tuple[str, ...]
    view: View = field(default_factory=View)
    recipe: dict[str, Any] = field(default_factory=dict)
    parameters: int
    data: dict[str, Any]
    figures: dict[str, Any] = field(default_factory=dict)
    calibration: dict[str, Any] = field(default_factory=dict)
    thresholds: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    clothier: str
    format: int = FORMAT

    def to_json(self) -> dict[str, Any]:
        """As ``card.json`` holds it."""
        return {**asdict(self), "classes": list(self.classes)}


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle on disk whose files were found whole."""

    path: Path
    card: Card

    @property
    def graph(self) -> Path:
        """The ONNX graph."""
        return self.path / GRAPH

    @property
    def weights(self) -> Path:
        """The safetensors weights."""
        return self.path / WEIGHTS


def save(path: Path, card: Card, graph: bytes, weights: bytes) -> Bundle:
    """Writes a bundle, whole or not at all; one that stood at ``path`` is replaced.

    Raises:
        StorageError: the disk refused; what stood at ``path`` still does.
    """
    digests = {GRAPH: hashlib.sha256(graph).hexdigest(), WEIGHTS: hashlib.sha256(weights).hexdigest()}
    card = Card(**{**_shallow(card), "files": digests})
    with atomic.folder(path) as draft:
        (draft / GRAPH).write_bytes(graph)
        (draft / WEIGHTS).write_bytes(weights)
        atomic.write_json(draft / CARD, card.to_json())
    return Bundle(path, card)


def open_bundle(path: Path) -> Bundle:
    """Reads the card and checks every file against its digest.

    Raises:
        ModelError: no bundle there, a newer format, or a file missing or altered.
    """
    card = _read_card(path)
    for name in (GRAPH, WEIGHTS):
        _check(path / name, card.files.get(name, ""))
    return Bundle(path, card)


def shipped() -> list[str]:
    """Names of the bundles inside the package."""
    return sorted(card.parent.name for card in SHIPPED.glob(f"*/{CARD}"))


def find(name: str) -> Bundle:
    """The bundle that a user means: a shipped one's name, a bundle's folder, or a run's.

    Raises:
        UnknownNameError: neither a shipped name nor a folder.
        ModelError: the folder holds no whole bundle.
    """
    folder = Path(name)
    if name in shipped():
        return open_bundle(SHIPPED / name)
    if (folder / "bundle").is_dir():
        return open_bundle(folder / "bundle")
    if folder.is_dir():
        return open_bundle(folder)
    if folder.parent != Path():
        raise ModelError(f"there is no folder {name}; give a run folder, a bundle, or one of: {', '.join(shipped())}.")
    raise UnknownNameError(name, "model or run folder", shipped())


def _shallow(card: Card) -> dict[str, Any]:
    return {one.name: getattr(card, one.name) for one in fields(card)}


def _read_card(path: Path) -> Card:
    try:
        values = json.loads((path / CARD).read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(
            f"{path} is no model: its {CARD} cannot be read ({error.strerror}). Give a run folder or a bundle."
        ) from error
    except ValueError as error:
        raise ModelError(f"{path / CARD} is damaged: {error}. Make the bundle again.") from error
    if not isinstance(values, dict) or not isinstance(values.get("format"), int):
        raise ModelError(f"{path / CARD} names no format; it is no card of Clothier's. Make the bundle again.")
    if values["format"] > FORMAT:
        raise ModelError(
            f"{path} has format {values['format']}, and this Clothier reads up to {FORMAT}. Install a newer Clothier."
        )
    try:
        return Card(**{**values, "classes": tuple(values["classes"]), "view": View(**values["view"])})
    except (KeyError, TypeError) as error:
        raise ModelError(f"{path / CARD} is damaged: {error}. Make the bundle again.") from error


def _check(file: Path, wanted: str) -> None:
    try:
        got = hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(
            f"{file.parent} is incomplete: {file.name} cannot be read ({error.strerror}). Make the bundle again."
        ) from error
    if got != wanted:
        raise ModelError(
            f"{file} was altered: its SHA-256 is {got}, the card says {wanted or 'nothing'}. Make the bundle again."
        )
