"""Writes the properties of bundled models (classes, input, temperature ...) into their ONNX graphs, from their cards.

    python -m tools.describe_bundles [NAME ...]

Nothing is trained, weights and the rest of each graph stay as they are, and the outputs are compared bit by bit.
``tools.make_bundles`` and ``tools.make_photo_bundle`` write the properties of the models that they make.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from clothier import bundle
from clothier.inference.session import OnnxClassifier

N = 8  # random images whose outputs are compared


def main() -> None:
    """Describes the bundles that are named; all without a name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=bundle.bundled(), metavar="NAME")
    parser.add_argument("--out", type=Path, default=bundle.BUNDLED_DIR, help=argparse.SUPPRESS)
    options = parser.parse_args()
    for name in options.names:
        describe(bundle.resolve(name), options.out / name)


def describe(present: bundle.Bundle, path: Path) -> bundle.Bundle:
    """Saves a bundle as ``path`` with its properties in its graph.

    Raises:
        SystemExit: an output would change; nothing is written.
    """
    graph = bundle.described(present.graph.read_bytes(), present.metadata)
    rest = present.weights.read_bytes(), present.optional_files
    with tempfile.TemporaryDirectory() as folder:
        before = outputs(present)
        if outputs(bundle.save(Path(folder) / present.path.name, present.metadata, graph, *rest)) != before:
            raise SystemExit(f"the outputs of {present.path} would change")
    print(f"{path}: {len(graph):,} bytes")
    return bundle.save(path, present.metadata, graph, *rest)


def outputs(opened: bundle.Bundle) -> tuple[bytes, ...]:
    """Everything that the graph computes for some random images."""
    images = np.random.default_rng(0).integers(0, 256, (N, *opened.metadata.input_spec.shape), np.uint8)
    found = OnnxClassifier(opened, threads=1).run(images)
    values = (found.logits, found.embeddings, found.early_features)
    return tuple(one.tobytes() for one in values if one is not None)


if __name__ == "__main__":
    main()
