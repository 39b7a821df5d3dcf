"""Makes the bundle ``photo`` that ships inside the package, from a folder of the photos and our table of their labels.

    python -m tools.make_photo_bundle PHOTOS_FOLDER [--seed 0] [--run FINISHED_RUN]

PHOTOS_FOLDER is a clone of the photos' source (github alexeygrigorev/clothing-dataset, CC0 1.0), or any folder with
them: of it, only the files that ``tools/photo_labels.csv`` names are read, in ``images/`` or beside it. The model is
trained as ``clothier train photo`` does it. Its graph ships in int8 if that keeps 99 % of the answers and loses less
than 0.1 point on a tenth of the photos; if not, in float16 with its largest matrices in eight bits, which must keep to
the same. The weights to train on from are float16.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clothier import bundle
from clothier.data.photo_table import UNKNOWN_LABEL
from clothier.recipes.presets import BEST_PHOTO
from clothier.runs import Run
from clothier.training.export.float16 import pack_int8, to_float16_weights
from clothier.training.export.int8 import calibration_sample, quantize_graph
from clothier.training.finetune.data import load_photo_training_data
from clothier.training.finetune.options import PhotoOptions
from clothier.workflows.train_photo import train_photo
from tools import compression_check as shipping

if TYPE_CHECKING:
    from clothier.training.finetune.data import PhotoTrainingData

LABELS = Path(__file__).with_name("photo_labels.csv")
VALIDATION_STRIDE = 10  # every tenth labelled photo judges the small graph; the others may fix its scales
MAX_BUNDLE_BYTES = 12_000_000  # bytes, of the whole bundle
LIMITATIONS = (
    "It knows what its photos show: single garments, laid flat or hung, taken by private people with a phone. It has "
    "never seen bags, worn clothes, studio shots on white, several garments in one picture, or close-ups."
)
LICENCE = (
    "clothing-dataset and clothing-dataset-small by Alexey Grigorev and contributors, CC0 1.0; backbone: "
    "EfficientNet-Lite0 with ImageNet weights, Apache-2.0"
)


def main() -> None:
    """Trains, compresses, checks and stores the model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--run", type=Path, help="where the run is kept; a finished one is not trained again")
    parser.add_argument("--out", type=Path, default=bundle.BUNDLED_DIR)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "labels.csv"
        write_table(options.photos, table)
        place = options.run or Path(folder) / "photo"
        asked = PhotoOptions(data=table, recipe=BEST_PHOTO, seed=options.seed, out=place)
        lesson = use_published_folds(load_photo_training_data(table, asked.columns, print_progress))
        run = Run(place) if Run(place).is_finished else train_photo(asked, photos=lesson, progress=print_progress)
        write_bundle(bundle.open_bundle(run.bundle), lesson, options.out)


def use_published_folds(data: PhotoTrainingData) -> PhotoTrainingData:
    """The same photos in the folds of their published labels and senders, so that figures can be held against others'.

    Two senders share a photo; anybody else's folds take them apart, and so do these.
    """
    with LABELS.open(encoding="utf-8", newline="") as source:
        published = {row["file"]: row["published"] for row in csv.DictReader(source)}
    labels = [published[Path(file).name] for file in data.table.files]
    names = sorted(set(labels) - {""})
    dealt_by = np.array([names.index(name) if name else UNKNOWN_LABEL for name in labels], np.int64)
    return replace(data, stratify_labels=dealt_by, groups=data.table.groups)


def write_table(photos: Path, table: Path) -> None:
    """Our labels with the files' places in this folder."""
    folder = photos / "images" if (photos / "images").is_dir() else photos
    with LABELS.open(encoding="utf-8", newline="") as source, table.open("w", encoding="utf-8", newline="") as target:
        rows = csv.DictReader(source)
        writer = csv.DictWriter(target, ("file", "label", "sender_id"), extrasaction="ignore")
        writer.writeheader()
        writer.writerows({**row, "file": str((folder / row["file"]).absolute())} for row in rows)


def write_bundle(reference: bundle.Bundle, data: PhotoTrainingData, folder: Path) -> None:
    """Stores the bundle under ``folder``/photo as small as it may be."""
    graph, weights = reference.graph.read_bytes(), to_float16_weights(reference.weights.read_bytes())
    facts = {"name": "clothing-dataset", "license": LICENCE, "limitations": LIMITATIONS}
    card = replace(reference.metadata, name="photo", data={**reference.metadata.data, **facts})
    known = data.labeled_indices
    judged, rest = known[::VALIDATION_STRIDE], np.setdiff1d(known, known[::VALIDATION_STRIDE])
    small = bundle.save(
        folder / "photo",
        card,
        quantize_graph(graph, calibration_sample(data.inputs[rest])),
        weights,
        reference.optional_files,
    )
    kinds = "int8"
    if objection := shipping.accuracy_problem(reference, small, data.inputs[judged], data.table.labels[judged]):
        print(f"photo: int8 {objection}; packed weights in its place")
        small, kinds = (
            bundle.save(folder / "photo", card, pack_int8(graph), weights, reference.optional_files),
            "packed weights",
        )
        if objection := shipping.accuracy_problem(reference, small, data.inputs[judged], data.table.labels[judged]):
            raise SystemExit(f"photo: {kinds} {objection}; not shipped")
    size = sum(file.stat().st_size for file in small.path.iterdir())
    if size > MAX_BUNDLE_BYTES:
        raise SystemExit(f"{small.path} has {size:,} bytes, and {MAX_BUNDLE_BYTES:,} are allowed")
    print(f"{small.path}: {kinds}, {size / 1e6:.1f} MB")


def print_progress(task: str, done: float, total: float, note: str = "") -> None:
    """Prints what ends."""
    if done >= total:
        print(task, note, flush=True)


if __name__ == "__main__":
    main()
