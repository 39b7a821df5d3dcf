"""The files of an index: a folder of arrays and ``index.json``, which names the SHA-256 of each. No pickle.

Legend: N photos, D dimensions of a vector, E of a descriptor, P products.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier import atomic
from clothier.catalogue.index.projection import Projection
from clothier.catalogue.index.text import TextArray
from clothier.errors import DataError
from clothier.untrusted import DAMAGED_ARRAYS, read_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt

    from clothier.types import Floats

    Array = npt.NDArray[Any]

FORMAT = 1
CARD = "index.json"
GRAPH = "graph.usearch"
VECTORS = "vectors.npy"
MAX_CARD_BYTES = 1 << 22
NONE = -1  # class, color or product of a photo without one
ARRAYS = ("vectors", "digests", "classes", "colors", "products")  # in the order of IndexContent, and so are the texts
TEXTS = ("item_ids", "files", "product_names")
MAKE_AGAIN = "Make the index again: clothier index"


@dataclass(frozen=True, slots=True)
class IndexCard:
    """What ``index.json`` says.

    Attributes:
        format: of the folder.
        model: the name of the model.
        model_source: as it was named: a bundled model, a run or a bundle.
        model_digest: of what determines its embeddings; those of another model cannot be compared.
        n: photos.
        fitted_on: photos that the projection was fitted on.
        class_names: of ``classes``.
        color_names: of ``colors``.
        files: name to SHA-256.
    """

    format: int
    model: str
    model_source: str
    model_digest: str
    n: int
    fitted_on: int
    class_names: tuple[str, ...]
    color_names: tuple[str, ...]
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class IndexContent:
    """An index in memory; the arrays may be mapped from files.

    Attributes:
        card: its description.
        projection: from descriptors to vectors.
        vectors: (N, D) float32, of length 1.
        digests: (N, 32) uint8, SHA-256 of each photo's content.
        classes: (N,) int16, into the card's ``class_names``; -1 for none of them.
        colors: (N,) int16, into its ``color_names``; -1 if unknown.
        products: (N,) int32, into ``product_names``; -1 for none.
        item_ids: (N,).
        files: (N,).
        product_names: (P,).
    """

    card: IndexCard
    projection: Projection
    vectors: Floats
    digests: npt.NDArray[np.uint8]
    classes: npt.NDArray[np.int16]
    colors: npt.NDArray[np.int16]
    products: npt.NDArray[np.int32]
    item_ids: TextArray
    files: TextArray
    product_names: TextArray


def check_model(content: IndexContent, path: Path, name: str, digest: str) -> None:
    """Checks that embeddings of the model with this ``name`` and ``digest`` can be compared with those of an index.

    Raises:
        DataError: the index was made with another model.
    """
    card = content.card
    if digest != card.model_digest:
        raise DataError(
            f"the index {path} was made with another model: {card.model} ({card.model_digest[:8]}), not {name} "
            f"({digest[:8]}). Name that model (--model), or make a new index with this one."
        )


def write_arrays(folder: Path, content: IndexContent) -> None:
    """Writes everything but the vectors, the graph and the card.

    Raises:
        OSError: the disk is full.
    """
    arrays: dict[str, Array] = {
        "mean": content.projection.mean,
        "components": content.projection.components,
        "digests": content.digests,
        "classes": content.classes,
        "colors": content.colors,
        "products": content.products,
    }
    for name in TEXTS:
        texts: TextArray = getattr(content, name)
        arrays |= {name: texts.content, f"{name}_ends": texts.ends}
    for name, array in arrays.items():
        saved = io.BytesIO()  # numpy's own writing does not say why it failed
        np.save(saved, array, allow_pickle=False)
        (folder / f"{name}.npy").write_bytes(saved.getbuffer())


def write_card(folder: Path, card: IndexCard) -> None:
    """Writes ``index.json`` last, with the digests of the other files."""
    digests = {one.name: _file_digest(one) for one in sorted(folder.iterdir())}
    atomic.write_json(folder / CARD, {**asdict(card), "files": digests})


def read_card(path: Path) -> IndexCard:
    """Reads the description of the index in the folder ``path``.

    Raises:
        DataError: there is no index, or it is damaged or of another version.
    """
    try:
        content = json.loads(read_bytes(path / CARD, MAX_CARD_BYTES))
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"{path} is not an index: {CARD}: {reason}. Make one: clothier index PHOTOS -o ...") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path / CARD} is damaged: {error}. {MAKE_AGAIN}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        version = content.get("format") if isinstance(content, dict) else None
        raise DataError(f"the index {path} has format {version!r}; this Clothier reads format {FORMAT}. {MAKE_AGAIN}")
    if content.keys() != {one.name for one in fields(IndexCard)} or not _is_valid(content):
        raise DataError(f"{path / CARD} is damaged. {MAKE_AGAIN}")
    names = {name: tuple(content[name]) for name in ("class_names", "color_names")}
    return IndexCard(**{**content, **names})


def _is_valid(card: Mapping[str, Any]) -> bool:
    kinds = {"model": str, "model_source": str, "model_digest": str, "n": int, "fitted_on": int}
    lists = [card["class_names"], card["color_names"], list(card["files"]), list(card["files"].values())]
    return (
        all(type(card[name]) is kind for name, kind in kinds.items())
        and card["n"] > 0
        and all(isinstance(one, str) for names in lists for one in names)
    )


def read_content(path: Path) -> IndexContent:
    """Reads an index, with its vectors mapped from their file.

    Every file is compared with its SHA-256: a damaged index would give wrong neighbors without an error.

    Raises:
        DataError: it is missing, damaged or of another version.
    """
    card = read_card(path)
    try:
        _check_digests(path, card)
        arrays: list[Any] = [_load(path, name) for name in ARRAYS]
        texts: list[Any] = [TextArray(_load(path, name), _load(path, f"{name}_ends")) for name in TEXTS]
        projection = Projection(*(_load(path, name) for name in ("mean", "components")))
        content = IndexContent(card, projection, *arrays, *texts)
        _check_shapes(content)
    except DAMAGED_ARRAYS as error:
        raise DataError(f"the index {path} is damaged: {error}. {MAKE_AGAIN}") from error
    return content


def _load(path: Path, name: str) -> Array:
    array: Array = np.load(path / f"{name}.npy", mmap_mode="r", allow_pickle=False)
    return array


def _check_digests(path: Path, card: IndexCard) -> None:
    for name in (VECTORS, *card.files):
        if name not in card.files or "/" in name or _file_digest(path / name) != card.files[name]:
            raise ValueError(f"{name} is not the file that {CARD} names")


def _file_digest(path: Path) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError(f"{path.name} is not a file")
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_shapes(content: IndexContent) -> None:
    """Checks types, shapes and ranges, so that no search reads beyond an array."""
    n, (width, dimensions) = content.card.n, content.projection.components.shape
    expected: dict[str, tuple[Array, str, tuple[int, ...]]] = {
        "vectors": (content.vectors, "<f4", (n, dimensions)),
        "mean": (content.projection.mean, "<f4", (width,)),
        "components": (content.projection.components, "<f4", (width, dimensions)),
        "digests": (content.digests, "|u1", (n, 32)),
        "classes": (content.classes, "<i2", (n,)),
        "colors": (content.colors, "<i2", (n,)),
        "products": (content.products, "<i4", (n,)),
    }
    for name in TEXTS:
        texts: TextArray = getattr(content, name)
        size = len(texts) if name == "product_names" else n
        expected[name] = texts.content, "|u1", (int(texts.ends[-1]) if size else 0,)
        expected[f"{name}_ends"] = texts.ends, "<i8", (size,)
        if (np.diff(texts.ends, prepend=0) < 0).any():
            raise ValueError(f"the texts of {name} overlap")
    for name, (array, kind, shape) in expected.items():
        if (array.dtype.str, array.shape) != (kind, shape):
            raise ValueError(f"{name} is {array.dtype} of shape {array.shape} instead of {kind} of {shape}")
    sizes = {"classes": len(content.card.class_names), "colors": len(content.card.color_names)}
    for name, size in (*sizes.items(), ("products", len(content.product_names))):
        codes = getattr(content, name)
        if codes.min() < NONE or codes.max() >= size:
            raise ValueError(f"{name} are out of range")
