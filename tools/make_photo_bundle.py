"""Trains and saves the bundle ``photo`` of the package, from a folder of photos and our table of their labels.

    python -m tools.make_photo_bundle PHOTOS_FOLDER [--seed 0] [--run FINISHED_RUN]
    python -m tools.make_photo_bundle PHOTOS_FOLDER --weights-from src/clothier/bundles/photo [--out-of-fold RUN]

PHOTOS_FOLDER is a clone of github alexeygrigorev/clothing-dataset (CC0 1.0), or a folder with its photos. Only the
files in ``tools/photo_labels.csv`` are read, from ``images/`` or from the folder itself. The model is trained as
``clothier train photo`` does. The graph is int8 if at least 99 % of the predictions stay the same and less than 0.1
percentage points are lost on a tenth of the photos. Otherwise it is float16 with its largest matrices in int8, with
the same limits. The weights for further training are float16.

The second form trains nothing: it exports the weights of a bundle anew, compresses and checks the graph as above, and
compares it with the bundle's own graph. Card, OOD score and hashes stay. Use it after a change of the graph. The
reference photos of ``shift.npz`` are passed through the new graph. With ``--out-of-fold``, RUN is a finished run of
``clothier train photo`` with the same recipe, and its checkpoint. The graphs of its folds are compressed in the same
way. They say how far photos of unseen photographers are from the training photos, from which ``shift.npz`` is fitted
anew, and what int8 changes for unseen photographers, which the card gets as ``compression``. It is an error if more
than 0.3 points are lost, fewer than 98 % of the predictions stay the same, or the guarantee of the card does not hold.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors.torch import load as load_tensors

from clothier import bundle
from clothier.data.photo_table import UNKNOWN_LABEL
from clothier.inference.loading import open_model
from clothier.recipes.presets import BEST_PHOTO
from clothier.runs import Run
from clothier.selective.ood import fit_ood_scorer
from clothier.selective.shift import reference_rows
from clothier.training.export.bundle_export import export_bundle, open_uncalibrated
from clothier.training.export.float16 import pack_int8, to_float16_weights
from clothier.training.export.int8 import calibration_sample, quantize_graph
from clothier.training.finetune.data import load_photo_training_data
from clothier.training.options import IMAGENET, PhotoOptions
from clothier.workflows.train import train
from tools.compression_check import accuracy_problem, save_first_valid
from tools.photo_folds import fit_shift, load_folds, load_network, measure_compression

if TYPE_CHECKING:
    from clothier.training.finetune.data import PhotoTrainingData
    from clothier.types import Images

LABELS = Path(__file__).with_name("photo_labels.csv")
VALIDATION_STRIDE = 10  # every tenth labeled photo checks the compressed graph; the others calibrate it
MAX_BUNDLE_BYTES = 12_000_000  # of the whole bundle
LIMITATIONS = (
    "The training photos show single garments, laid flat or hung, taken by private people with a phone. They do not "
    "include bags, worn clothes, studio photos on white, several garments in one image, or close-ups."
)
LICENSE = (
    "clothing-dataset and clothing-dataset-small by Alexey Grigorev and contributors, CC0 1.0; backbone: "
    "EfficientNet-Lite0 with ImageNet weights, Apache-2.0"
)


def main() -> None:
    """Trains, compresses, checks and saves the model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--run", type=Path, help="keep the run here; a finished run is not trained again")
    parser.add_argument("--out", type=Path, default=bundle.BUNDLED_DIR)
    parser.add_argument("--weights-from", type=Path, metavar="BUNDLE", help="train nothing; export these weights")
    parser.add_argument("--out-of-fold", type=Path, metavar="RUN", help="fit and measure on its folds")
    options = parser.parse_args()
    if options.out_of_fold and not options.weights_from:
        parser.error("--out-of-fold needs --weights-from")
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "labels.csv"
        write_table(options.photos, table)
        run_folder = options.run or Path(folder) / "photo"
        train_options = PhotoOptions(data=table, recipe=BEST_PHOTO, seed=options.seed, out=run_folder, init=IMAGENET)
        data = use_published_folds(load_photo_training_data(table, train_options.columns, print_progress))
        if options.weights_from:
            export_again(bundle.open_bundle(options.weights_from), data, options.out_of_fold, options.out)
            return
        finished = Run(run_folder).is_finished
        run = Run(run_folder) if finished else train(train_options, dataset=data, progress=print_progress)
        refresh_reference(write_bundle(bundle.open_bundle(run.bundle), data, options.out), data)


def use_published_folds(data: PhotoTrainingData) -> PhotoTrainingData:
    """The same photos, with folds by the published labels and senders, so that metrics are comparable with others.

    Two senders share one photo and are still treated as two groups, as in the published data.
    """
    with LABELS.open(encoding="utf-8", newline="") as source:
        published = {row["file"]: row["published"] for row in csv.DictReader(source)}
    labels = [published[Path(file).name] for file in data.table.files]
    names = sorted(set(labels) - {""})
    stratify_labels = np.array([names.index(name) if name else UNKNOWN_LABEL for name in labels], np.int64)
    return replace(data, stratify_labels=stratify_labels, groups=data.table.groups)


def write_table(photos: Path, table: Path) -> None:
    """Writes our labels with the paths of the files in ``photos``."""
    folder = photos / "images" if (photos / "images").is_dir() else photos
    with LABELS.open(encoding="utf-8", newline="") as source, table.open("w", encoding="utf-8", newline="") as target:
        rows = csv.DictReader(source)
        writer = csv.DictWriter(target, ("file", "label", "sender_id"), extrasaction="ignore")
        writer.writeheader()
        writer.writerows({**row, "file": str((folder / row["file"]).absolute())} for row in rows)


def export_again(present: bundle.Bundle, data: PhotoTrainingData, run: Path | None, folder: Path) -> None:
    """Exports the weights of ``present``, compressed, as ``folder``/photo, and compares the graphs.

    Raises:
        SystemExit: the predictions of the graphs differ.
    """
    network = load_network(load_tensors(present.weights.read_bytes()))
    with tempfile.TemporaryDirectory() as temporary:
        old = bundle.save(Path(temporary) / "old", present.metadata, present.graph.read_bytes(), b"")
        images = data.inputs[data.labeled_indices]
        exported = export_bundle(Path(temporary) / "new", present.metadata, network, images, present.optional_files)
        saved, checked = write_bundle(exported, data, folder), data.labeled_indices[::VALIDATION_STRIDE]
        if reason := accuracy_problem(old, saved, data.inputs[checked], data.table.labels[checked]):
            raise SystemExit(f"{saved.path} differs from {present.path}: {reason}")
    if run:
        measure_on_folds(saved, data, run)
    else:
        refresh_reference(saved, data)


def measure_on_folds(saved: bundle.Bundle, data: PhotoTrainingData, run: Path) -> None:
    """Adds to a compressed bundle its OOD scorer, its shift detector, and what the folds of ``run`` say of it."""
    card, labels = saved.metadata, data.table.labels
    folds = load_folds(run, data, card, compress, print_progress)
    measured = measure_compression(folds, data, card)
    print(json.dumps(measured, indent=2))
    output = open_uncalibrated(saved).run(data.inputs)
    files = {
        **saved.optional_files,
        bundle.OOD_FILE: fit_ood_scorer(output.embeddings, labels).to_bytes(),
        bundle.SHIFT_FILE: fit_shift(folds, output, data).to_bytes(),
    }
    card = replace(card, metrics={**card.metrics, "compression": measured})
    check_size(bundle.save(saved.path, card, saved.graph.read_bytes(), saved.weights.read_bytes(), files))


def compress(graph: bytes, images: Images) -> bytes:
    """The int8 graph, calibrated on a sample of the images.

    Weights have eight bits: with seven, a thirtieth of the predictions for unseen photographers change (docs/log.md).
    """
    return quantize_graph(graph, calibration_sample(images), weight_bits=8)


def write_bundle(reference: bundle.Bundle, data: PhotoTrainingData, folder: Path) -> bundle.Bundle:
    """Saves the compressed bundle as ``folder``/photo."""
    graph, weights = reference.graph.read_bytes(), to_float16_weights(reference.weights.read_bytes())
    facts = {"name": "clothing-dataset", "license": LICENSE, "limitations": LIMITATIONS}
    metadata = replace(reference.metadata, name="photo", data={**reference.metadata.data, **facts})
    checked = data.labeled_indices[::VALIDATION_STRIDE]
    others = np.setdiff1d(data.labeled_indices, checked)

    def problem(_: str, compressed: bundle.Bundle) -> str | None:
        return accuracy_problem(reference, compressed, data.inputs[checked], data.table.labels[checked])

    graphs = {
        "int8": lambda: compress(graph, data.inputs[others]),
        "float16 with packed int8 weights": lambda: pack_int8(graph),
    }
    saved = save_first_valid(folder / "photo", metadata, graphs, weights, reference.optional_files, problem)
    check_size(saved)
    return saved


def check_size(saved: bundle.Bundle) -> None:
    """Raises SystemExit if the bundle is too large."""
    size = sum(file.stat().st_size for file in saved.path.iterdir())
    if size > MAX_BUNDLE_BYTES:
        raise SystemExit(f"{saved.path} has {size:,} bytes; the limit is {MAX_BUNDLE_BYTES:,}")
    print(f"{saved.path}: {size / 1e6:.1f} MB")


def refresh_reference(saved: bundle.Bundle, data: PhotoTrainingData) -> bundle.Bundle:
    """Passes the reference photos of the shift detector through the compressed graph, whose features are rounded.

    Raises:
        SystemExit: ``data`` has other photos.
    """
    model = open_model(saved)
    if model.shift_detector is None:
        return saved
    labeled = data.labeled_indices
    rows = labeled[reference_rows(data.groups[labeled])]
    if len(rows) != len(model.shift_detector.reference):
        raise SystemExit(f"shift.npz has {len(model.shift_detector.reference)} photos, the folder has {len(rows)}")
    output = model.run(data.inputs[rows])
    if output.early_features is None:
        raise SystemExit(f"the graph of {saved.path} has no early features")
    detector = model.shift_detector.with_features(output.early_features, output.embeddings)
    files = {**saved.optional_files, bundle.SHIFT_FILE: detector.to_bytes()}
    return bundle.save(saved.path, saved.metadata, saved.graph.read_bytes(), saved.weights.read_bytes(), files)


def print_progress(task: str, done: float, total: float, note: str = "") -> None:
    """Prints finished tasks."""
    if done >= total:
        print(task, note, flush=True)


if __name__ == "__main__":
    main()
