"""Damaged bundles: each predicts, or is refused with exit code 4, in bounded time and memory.

Changed bytes with and without a matching digest, odd values in the card, other kinds of files, and hostile arrays.
``make soak`` tries 132.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from typing import TYPE_CHECKING

import numpy as np

from clothier.bundle import BUNDLED_DIR, GRAPH_FILE, METADATA_FILE, OOD_FILE, TRAINING_HASHES_FILE, open_bundle
from clothier.inference.loading import open_model
from tests.soak.attempts import Soak, change_bytes, main, odd_json, odd_value, replace_file

if TYPE_CHECKING:
    from pathlib import Path

    from tests.soak.attempts import Random

FILES = (METADATA_FILE, GRAPH_FILE, OOD_FILE, TRAINING_HASHES_FILE)


def _copy(folder: Path) -> None:
    shutil.copytree(BUNDLED_DIR / "photo", folder)


def _changed_bytes(folder: Path, random: Random) -> str:
    name = FILES[random.integers(len(FILES))]
    change_bytes(folder / name, random)
    return name


def _changed_bytes_with_digest(folder: Path, random: Random) -> str:
    name = FILES[1 + random.integers(len(FILES) - 1)]
    change_bytes(folder / name, random)
    _sign(folder)
    return name


def _odd_card(folder: Path, random: Random) -> str:
    return odd_json(folder / METADATA_FILE, random)


def _odd_field(folder: Path, random: Random) -> str:
    """One of the fields that are used is another."""
    card = json.loads((folder / METADATA_FILE).read_text())
    fields = [
        *((card, name) for name in ("name", "preset", "classes", "input_spec", "calibration", "thresholds", "files")),
        *((card["input_spec"], name) for name in card["input_spec"]),
        *((card["thresholds"], name) for name in card["thresholds"]),
        *((card["thresholds"]["guarantee"], name) for name in card["thresholds"]["guarantee"]),
        (card["calibration"], "temperature"),
    ]
    done = odd_value(*fields[random.integers(len(fields))], random)
    (folder / METADATA_FILE).write_text(json.dumps(card))
    return done


def _other_file(folder: Path, random: Random) -> str:
    return replace_file(folder / FILES[random.integers(len(FILES))], random)


def _other_arrays(folder: Path, random: Random) -> str:
    """Arrays of the OOD score, or hashes, of other values and shapes."""
    with np.load(folder / OOD_FILE) as file:
        arrays = dict(file)
    name = list(arrays)[random.integers(len(arrays))]
    array = arrays[name]
    changes = {
        "nan": np.full_like(array, np.nan),
        "zero": np.zeros_like(array),
        "huge": np.full_like(array, np.finfo(array.dtype).max),
        "wider": np.concatenate([array, array], axis=-1),
        "empty": array[:0],
        "text": np.array(["a"]),
        "scalar": array.reshape(-1)[0],
    }
    change = list(changes)[random.integers(len(changes))]
    with (folder / OOD_FILE).open("wb") as file:
        np.savez(file, **{**arrays, name: changes[change]})
    if random.random() < 0.2:
        shutil.copy(folder / OOD_FILE, folder / TRAINING_HASHES_FILE)
        change = "hashes too"
    _sign(folder)
    return f"{name} {change}"


def _sign(folder: Path) -> None:
    """Writes matching digests, so that the damage itself is met."""
    card = json.loads((folder / METADATA_FILE).read_text())
    card["files"] = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in card["files"]}
    (folder / METADATA_FILE).write_text(json.dumps(card))


def _predict(folder: Path) -> str:
    model = open_model(open_bundle(folder))
    output = model.predict_images(np.zeros((2, *model.input_spec.shape), np.uint8))
    model.decide(output)
    values = (output.probabilities, np.asarray(output.ood_scores, np.float64))
    return "predict" if all(np.isfinite(one).all() for one in values) else "predict NaN"


DAMAGES = (_changed_bytes, _changed_bytes_with_digest, _odd_card, _odd_field, _other_file, _other_arrays)
SOAK = Soak("bundles", 132, _copy, DAMAGES, _predict, ("predict",))

if __name__ == "__main__":
    main(SOAK, __doc__ or "")
