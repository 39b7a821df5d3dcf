"""``clothier tag`` against a plain loop over the photos, and against its own parts: ``make benchmark-tagging``."""

from __future__ import annotations

import statistics
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load as load_weights

from benchmarks.eager import torch_threads
from benchmarks.results import BenchmarkResult, run_benchmark, summarize
from benchmarks.timing import run_process, time_interleaved
from clothier import bundle, system
from clothier.inference import load
from clothier.inference.session import OnnxClassifier
from clothier.training.export.bundle_export import to_onnx
from clothier.training.finetune.efficientnet_lite import EfficientNetLite
from clothier.types import DEFAULT_MODEL, no_progress
from clothier.workflows.tag import tag
from tools.draw_examples import GARMENTS, draw_photo

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.timing import Timings
    from clothier.inference import Model
    from clothier.types import Floats, Progress

ROUNDS = 5
DRAWINGS, QUALITIES = 30, range(80, 95)  # 450 different files of 480x600 pixels
FIRST_PHOTOS = 8  # of a whole process, from its start to its output
LOOP_BATCHES = (1, 32)
TAG, DECODE, INFERENCE, UNCHANGED = "clothier tag", "decoding alone", "inference alone", "clothier tag, unchanged"
INT8, FLOAT32 = "the network alone, int8", "the network alone, float32"
STARTUP = f"clothier tag, whole process, {FIRST_PHOTOS} photos"


@dataclass(slots=True)
class Tagging:
    """What is timed.

    Attributes:
        photos: files.
        folder: of the photos.
        out: folder for outputs, one for each round.
        model: the bundled model.
        network: the same model in PyTorch.
        classifiers: the graph of the bundle, and the same in float32.
    """

    photos: Sequence[Path]
    folder: Path
    out: Path
    model: Model
    network: EfficientNetLite
    classifiers: Mapping[str, OnnxClassifier]

    def tag(self, round_index: int) -> None:
        """A new output and a new store; loading the model is included."""
        target = self.out / f"{round_index}.parquet"
        for old in self.out.glob(f"{target.name}*"):
            old.unlink()
        tag(self.folder, target)

    def tag_unchanged(self, round_index: int) -> None:
        """The same command again."""
        tag(self.folder, self.out / f"{round_index}.parquet")

    def decode(self, _: int) -> None:
        """All photos, on all cores."""
        system.parallel_map(self.model.decode, self.photos)

    def infer(self, _: int) -> None:
        """As many images, in batches as ``clothier tag`` makes them."""
        images = np.zeros((128, *self.model.input_spec.shape), np.uint8)
        for start in range(0, len(self.photos), len(images)):
            self.model.predict_images(images[: len(self.photos) - start])

    def run_network(self, variant: str, _: int) -> None:
        """As many images, without OOD scores and shift features."""
        self.classifiers[variant].run(np.zeros((len(self.photos), *self.model.input_spec.shape), np.uint8))

    def loop(self, batch: int, _: int) -> None:
        """As one would write it: open, crop, resize and stack with Pillow, then eager PyTorch in float32."""
        for start in range(0, len(self.photos), batch):
            images = torch.from_numpy(np.stack([_load(one) for one in self.photos[start : start + batch]]))
            with torch.no_grad():
                self.network(images.permute(0, 3, 1, 2)).softmax(1)


def benchmark_tagging(*, rounds: int = ROUNDS, progress: Progress = no_progress) -> BenchmarkResult:
    """Times tagging, a plain loop, and decoding and inference alone, interleaved; each has every core.

    ``tagging/loop`` is our photos per second over those of the better plain loop (batches of 1 or 32 photos);
    ``tagging/bound`` is ours over 1 / (1/decode + 1/inference); ``network int8/float32`` is of the photos per second of
    the bundle's graph and of the same graph in float32.

    Args:
        rounds: number of rounds.
        progress: called for every variant of every round.
    """
    with tempfile.TemporaryDirectory() as name, torch_threads(system.available_cores()):
        root = Path(name)
        photos, network = draw_photos(root / "photos"), _network()
        timed = Tagging(photos, root / "photos", root, load(), network, _classifiers(network, root))
        variants: dict[str, Callable[[int], None]] = {
            TAG: timed.tag,
            UNCHANGED: timed.tag_unchanged,
            DECODE: timed.decode,
            INFERENCE: timed.infer,
            INT8: partial(timed.run_network, INT8),
            FLOAT32: partial(timed.run_network, FLOAT32),
        }
        variants |= {_loop_name(batch): partial(timed.loop, batch) for batch in LOOP_BATCHES}
        timings = time_interleaved(variants, rounds, warm_up=True, task="tagging", progress=progress)
        startup = [_startup(photos, root, index) for index in range(rounds)]
    rows = [
        {"name": one, **summarize([len(photos) / s for s in timings.seconds[one]], "photos/s"), "accuracy": None}
        for one in variants
    ]
    rows.append({"name": STARTUP, **summarize(startup, "s"), "accuracy": None})
    return BenchmarkResult("tagging", rows, _ratios(timings))


def _ratios(timings: Timings) -> dict[str, float]:
    loop = min((_loop_name(batch) for batch in LOOP_BATCHES), key=lambda one: statistics.median(timings.seconds[one]))
    parts = zip(timings.seconds[DECODE], timings.seconds[INFERENCE], timings.seconds[TAG], strict=True)
    bound = statistics.median((decode + inference) / ours for decode, inference, ours in parts)
    ratios = {"tagging/loop": timings.ratio(loop, TAG), "tagging/bound": bound}
    return ratios | {"network int8/float32": timings.ratio(FLOAT32, INT8)}


def _loop_name(batch: int) -> str:
    return f"plain loop, {'1 photo' if batch == 1 else f'{batch} photos'} at a time"


def _network() -> EfficientNetLite:
    """The bundled model in float32, as PyTorch runs it."""
    opened = bundle.resolve(DEFAULT_MODEL)
    network = EfficientNetLite("lite0", len(opened.metadata.classes))
    weights = load_weights(opened.weights.read_bytes())
    network.load_state_dict({name: one.float() if one.is_floating_point() else one for name, one in weights.items()})
    return network.eval()


def _classifiers(network: EfficientNetLite, folder: Path) -> dict[str, OnnxClassifier]:
    """The graph that is bundled, and the network's own."""
    opened = bundle.resolve(DEFAULT_MODEL)
    graph = to_onnx(network, opened.metadata.input_spec)
    float32 = bundle.save(folder / "float32", opened.metadata, graph, b"")
    return {INT8: OnnxClassifier(opened), FLOAT32: OnnxClassifier(float32)}


def _load(path: Path) -> Floats:
    """(224, 224, 3), 0 to 1."""
    image = Image.open(path).convert("RGB")
    side, (width, height) = min(image.size), image.size
    left, top = (width - side) // 2, (height - side) // 2
    square = image.crop((left, top, left + side, top + side)).resize((224, 224), Image.Resampling.BICUBIC)
    return np.asarray(square, np.float32) / np.float32(255)


def draw_photos(folder: Path) -> list[Path]:
    """Drawings of garments, each as several JPEG files."""
    folder.mkdir()
    files = []
    for number in range(DRAWINGS):
        garment, color, floor, _ = list(GARMENTS.values())[number % len(GARMENTS)]
        photo = draw_photo(garment, color, floor, number)
        for quality in QUALITIES:
            content = BytesIO()
            photo.save(content, "JPEG", quality=quality)
            files.append(folder / f"{number:02}-{quality}.jpg")
            files[-1].write_bytes(content.getvalue())
    return files


def _startup(photos: Sequence[Path], root: Path, index: int) -> float:
    """Seconds of a process that tags a few photos: Python's start, imports, model, store and output included."""
    few = root / f"few-{index}"
    few.mkdir()
    for photo in photos[:FIRST_PHOTOS]:
        (few / photo.name).write_bytes(photo.read_bytes())
    command = [sys.executable, "-m", "clothier", "tag", str(few), "-o", str(root / f"few-{index}.csv")]
    return run_process(command)[0]


if __name__ == "__main__":
    run_benchmark("tagging", benchmark_tagging, __doc__)
