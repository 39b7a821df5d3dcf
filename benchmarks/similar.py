"""How often similar photos are of the same product, class and color, beside two baselines.

The table has the column file, and product, label and color where they are known. Photos that the model was trained on
give figures that are too good; they are counted.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from benchmarks.results import make_parser, write_results
from clothier.catalogue.descriptors import describe, to_unit_length
from clothier.catalogue.index.projection import fit_projection
from clothier.inference import load
from clothier.inference.model import DecodedPhoto
from clothier.types import DEFAULT_MODEL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clothier.types import Floats, Images

COLUMNS = {"product": (1, 10), "label": (10,), "color": (10,)}  # what is compared, and among how many neighbors
PIXELS = 32  # of the side of the images that the plain baseline compares
TOP = 10
BATCH = 32
OURS, EMBEDDING, IMAGENET, PLAIN = "clothier similar", "embedding alone", "EfficientNet-Lite0, ImageNet", "pixels"


def main() -> None:
    """Measures, prints and saves."""
    parser = make_parser("similar", __doc__)
    parser.add_argument("table", type=Path, help="CSV of photos")
    parser.add_argument("--model", default=DEFAULT_MODEL, help="default: %(default)s")
    options = parser.parse_args()
    rows, files = read_table(options.table)
    images, embeddings, known = read_photos(files, options.model)
    vectors = candidates(images, embeddings)
    values = {name: [one[name] for one in rows] for name in COLUMNS if name in rows[0]}
    found = [
        {"name": name, "n": len(rows), "in_training": known, **quality(one, values)} for name, one in vectors.items()
    ]
    for one in found:
        print(one)
    write_results(options.out, "similar", found, options.table.name)


def read_table(path: Path) -> tuple[list[dict[str, str]], list[Path]]:
    """The rows of a table, and the files that they name."""
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    return rows, [path.parent / one["file"] for one in rows]


def read_photos(files: Sequence[Path], name: str) -> tuple[Images, Floats, int]:
    """The model's inputs of N photos, its embeddings, and how many of them it was trained on."""
    model = load(name)
    photos = [model.decode(one) for one in files]
    if failed := [one.file for one in photos if not isinstance(one, DecodedPhoto) or one.model is not model]:
        raise SystemExit(f"{len(failed)} photos cannot be used, such as {failed[0]}")
    images = np.stack([one.image for one in photos if isinstance(one, DecodedPhoto)])
    parts = [model.run(images[start : start + BATCH]).embeddings for start in range(0, len(images), BATCH)]
    return images, np.concatenate(parts), int(model.was_trained_on(images).sum())


def candidates(images: Images, embeddings: Floats) -> dict[str, Floats]:
    """What is compared: each to (N, D) vectors of length 1."""
    descriptors = describe(embeddings, images)
    small = [Image.fromarray(one).resize((PIXELS, PIXELS), Image.Resampling.BOX) for one in images]
    pixels = np.stack([np.asarray(one, np.float32).ravel() for one in small])
    return {
        OURS: fit_projection(descriptors)(descriptors),
        EMBEDDING: to_unit_length(embeddings),
        IMAGENET: to_unit_length(imagenet_features(images)),
        PLAIN: to_unit_length(pixels - pixels.mean(axis=1, keepdims=True)),
    }


def imagenet_features(images: Images) -> Floats:
    """(N, 1280) features of the network that the photo model was trained from."""
    import torch

    from clothier.training.finetune.efficientnet_lite import STAGES, pretrained

    network, parts = pretrained("lite0"), []
    with torch.inference_mode():
        for start in range(0, len(images), BATCH):
            batch = torch.from_numpy(images[start : start + BATCH]).permute(0, 3, 1, 2).float() / 255
            parts.append(network.embed(network.forward_stem(batch, len(STAGES))).numpy())
    return np.concatenate(parts)


def quality(vectors: Floats, values: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Percent of photos whose neighbors share a value: a product among the first 1 and 10, otherwise the mean share."""
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -np.inf)
    nearest = np.argsort(-scores, axis=1, kind="stable")[:, : min(TOP, len(scores) - 1)]
    result = {}
    for name, given in values.items():
        known = np.array(given)
        same = (known[nearest] == known[:, None]) & (known != "")[:, None]
        counted = np.array([one != "" and (known == one).sum() > 1 for one in known])
        for top in COLUMNS[name]:
            share = same[counted, :top].any(axis=1) if name == "product" else same[counted, :top]
            result[f"{name}@{top}"] = float(share.mean())
        result[f"{name}_n"] = int(counted.sum())
    return result


if __name__ == "__main__":
    main()
