"""How much the weights of a photo model help a shop with few labels, on simulated shops.

    python -m benchmarks.simulated_shops PHOTOS CHECKPOINT [--fine-tune]

PHOTOS is a folder of photos with ``labels.csv``. CHECKPOINT is ``checkpoint/last.pt`` of a run of ``clothier train
photo --init imagenet --keep-checkpoint`` on it: it has one network for each fold, which has not seen the photographers
of the fold. A shop is 300 photos by some photographers of one fold, tested on all other photographers of
the fold, so neither these nor the shop's own photos were seen by the network that its training starts from. The classes
are those of ``--label-column``. Writes benchmarks/results/simulated_shops.json.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from benchmarks.results import Row, make_parser, summarize, write_results
from clothier.data.columns import Columns
from clothier.data.photo_table import LABELS_CSV
from clothier.metrics import softmax
from clothier.recipes.presets import BEST_PHOTO
from clothier.training.finetune.data import load_photo_training_data
from clothier.training.finetune.efficientnet_lite import EfficientNetLite, pretrained
from clothier.training.finetune.epochs import init_fine_tune_state, train_epoch
from clothier.training.finetune.features import FrozenFeatureExtractor, fit_linear_probe, predict
from clothier.types import no_progress
from clothier.votes import evaluate_products

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.training.finetune.data import PhotoTrainingData
    from clothier.types import Floats, Int64Array

    Indices = npt.NDArray[np.intp]

SHOP_PHOTOS = 300
SHOPS_PER_FOLD = 3
MAX_FRACTION = 0.5  # of a shop's photos by one photographer
MIN_PHOTOS_PER_CLASS = 5  # as in clothier train photo
OUTSIDE = ("", "Not sure", "Other", "Body", "Skip")  # labels of photos of no class
PRODUCT_PHOTOS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Shop:
    """One simulated shop."""

    fold: int
    classes: tuple[str, ...]
    train: Indices  # rows of its own photos
    test: Indices  # rows of photos by other photographers
    train_labels: Int64Array
    test_labels: Int64Array


def main() -> None:
    """Measures starts from ImageNet's weights and from a photo model's."""
    parser = make_parser("simulated_shops", __doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--label-column", default="label_20")
    parser.add_argument("--fine-tune", action="store_true", help="fine-tune as well; minutes for each shop")
    parser.add_argument("--shops", type=int, default=SHOPS_PER_FOLD, help="of each fold; default: %(default)s")
    options = parser.parse_args()
    torch.set_num_threads(1)
    photos = load_photo_training_data(options.photos / LABELS_CSV, Columns(), no_progress)
    names = read_column(options.photos / LABELS_CSV, options.label_column, photos)
    folds = photos.folds(BEST_PHOTO.folds, 0)
    rows = measure(photos, names, folds, options.checkpoint, options.shops, options.fine_tune)
    arguments = f"PHOTOS CHECKPOINT --shops {options.shops}" + " --fine-tune" * options.fine_tune
    write_results(options.out, "simulated_shops", rows, arguments)


def read_column(table: Path, column: str, photos: PhotoTrainingData) -> npt.NDArray[np.str_]:
    """(N,) the values of a column for the photos."""
    with table.open(encoding="utf-8", newline="") as file:
        values = {row["file"]: row[column] for row in csv.DictReader(file)}
    return np.array([values[Path(name).name] for name in photos.table.files])


def simulate_shop(names: npt.NDArray[np.str_], groups: Int64Array, folds: Int64Array, fold: int, seed: int) -> Shop:
    """Photographers at random until there are 300 photos; classes with fewer than five of these are left out."""
    rng = np.random.default_rng([fold, seed])
    rows = np.flatnonzero((folds == fold) & ~np.isin(names, OUTSIDE))
    members, sizes = np.unique(groups[rows], return_counts=True)
    chosen: list[int] = []
    n_chosen = 0
    for index in rng.permutation(len(members)):
        if n_chosen < SHOP_PHOTOS and sizes[index] <= MAX_FRACTION * SHOP_PHOTOS:
            chosen.append(members[index])
            n_chosen += sizes[index]
    own = np.isin(groups[rows], chosen)
    train, test = rng.permutation(rows[own])[:SHOP_PHOTOS], rows[~own]
    classes, counts = np.unique(names[train], return_counts=True)
    classes = classes[counts >= MIN_PHOTOS_PER_CLASS]
    train, test = train[np.isin(names[train], classes)], test[np.isin(names[test], classes)]
    labels = [np.searchsorted(classes, names[part]).astype(np.int64) for part in (train, test)]
    return Shop(fold, tuple(classes), train, test, *labels)


def measure(
    photos: PhotoTrainingData,
    names: npt.NDArray[np.str_],
    folds: Int64Array,
    checkpoint: Path,
    shops_per_fold: int,
    fine_tune: bool,
) -> list[Row]:
    """One row for each method: accuracies of the shops; then the paired gains."""
    states = torch.load(checkpoint, map_location="cpu", weights_only=True)["training"]["states"]
    found: dict[str, list[float]] = {}
    for fold in range(int(folds.max()) + 1):
        network = EfficientNetLite("lite0", len(states[fold]["best_ema"]["head.bias"]))
        network.load_state_dict(states[fold]["best_ema"])
        shops = [simulate_shop(names, photos.groups, folds, fold, seed) for seed in range(shops_per_fold)]
        for start, initial in {"imagenet": pretrained("lite0"), "photo": network.eval()}.items():
            for method, accuracies in _measure_start(initial, photos, shops, fine_tune).items():
                found.setdefault(f"{start}, {method}", []).extend(accuracies)
    rows = [{"name": name, **summarize(values, "accuracy"), **_mean_and_std(values)} for name, values in found.items()]
    ours = [name.partition(", ")[2] for name in found if name.startswith("photo, ")]
    pairs = [(f"photo, {name}", f"imagenet, {name}") for name in ours if "," not in name]
    pairs += [(name, name.replace(", products", ", their photos")) for name in found if name.endswith(", products")]
    return rows + [_gain_row(f"{first} - {second}", found[first], found[second]) for first, second in pairs]


def _mean_and_std(values: list[float]) -> Row:
    return {"accuracy": float(np.mean(values)), "std": float(np.std(values))}


def _gain_row(name: str, ours: list[float], theirs: list[float]) -> Row:
    """Paired differences of the shops."""
    gains = np.subtract(ours, theirs)
    error = float(gains.std(ddof=1) / np.sqrt(len(gains))) if len(gains) > 1 else 0.0
    return {
        "name": name,
        **summarize(gains.tolist(), "difference of accuracies"),
        "mean": float(gains.mean()),
        "standard_error": error,
    }


def _measure_start(
    initial: EfficientNetLite, photos: PhotoTrainingData, shops: list[Shop], fine_tune: bool
) -> dict[str, list[float]]:
    """Accuracy of each shop's methods, from one network."""
    extractor = FrozenFeatureExtractor(initial, BEST_PHOTO.frozen_stages)
    rows = np.unique(np.concatenate([np.concatenate([shop.train, shop.test]) for shop in shops]))
    outputs = extractor.extract(
        ("features", "embeddings"), len(rows), lambda index: photos.inputs[rows[index]], lambda _: None
    )
    accuracies: dict[str, list[float]] = {}
    for seed, shop in enumerate(shops):
        own, others = (np.searchsorted(rows, part) for part in (shop.train, shop.test))
        embeddings = outputs[1].astype(np.float32)
        probe = fit_linear_probe(embeddings[own], shop.train_labels, len(shop.classes), BEST_PHOTO.probe_c)
        logits = {"logistic regression": probe.logits(embeddings[others])}
        if fine_tune:
            state = init_fine_tune_state(initial, probe, np.arange(len(own)), BEST_PHOTO)
            for epoch in range(BEST_PHOTO.epochs):
                _train_epoch(state, extractor, photos, shop, epoch, seed)
            tested = predict(state.ema, outputs[0].astype(np.float16), others, BEST_PHOTO.frozen_stages)
            logits["fine-tuned"] = tested.logits
        for method, values in logits.items():
            accuracies.setdefault(method, []).append(float((values.argmax(axis=1) == shop.test_labels).mean()))
            products = _evaluate_products(values, shop, photos.groups)
            accuracies.setdefault(f"{method}, products", []).append(products["accuracy"])
            accuracies.setdefault(f"{method}, their photos", []).append(products["photo_accuracy"])
    return accuracies


def _train_epoch(
    state: Any, extractor: FrozenFeatureExtractor, photos: PhotoTrainingData, shop: Shop, epoch: int, seed: int
) -> None:
    """One epoch of the recipe ``best`` on a shop's photos."""
    images = photos.images[shop.train]
    features = extractor.extract_augmented(images, BEST_PHOTO.augment, seed, epoch, lambda _: None)
    span = (epoch / BEST_PHOTO.epochs, (epoch + 1) / BEST_PHOTO.epochs)
    train_epoch(state, features, shop.train_labels, BEST_PHOTO, span, np.random.default_rng([seed, epoch]))


def _evaluate_products(logits: Floats, shop: Shop, groups: Int64Array) -> Row:
    """Accuracy on simulated products: three test photos of one class by one photographer.

    The photos of a real product show one garment and agree more in their errors, so the gain is optimistic.
    """
    products = simulated_products(groups[shop.test], shop.test_labels)
    used = products >= 0
    return evaluate_products(softmax(logits[used]), shop.test_labels[used], products[used])


def simulated_products(groups: Int64Array, labels: Int64Array) -> Int64Array:
    """(N,) numbers of products: three photos of one group and one class each; -1 for photos that are left over."""
    products = np.full(len(groups), -1)
    count = 0
    for group, label in sorted(set(zip(groups.tolist(), labels.tolist(), strict=True))):
        rows = np.flatnonzero((groups == group) & (labels == label))
        for start in range(0, len(rows) - PRODUCT_PHOTOS + 1, PRODUCT_PHOTOS):
            products[rows[start : start + PRODUCT_PHOTOS]] = count
            count += 1
    return products


if __name__ == "__main__":
    main()
