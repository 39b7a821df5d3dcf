"""The teachers' probabilities for a training set, computed once for every augmented view that a student may see.

Running the teachers at every training step would cost far more. Shifts by at most one pixel and flips give 18 views of
an image, so a table of all of them is small, and a student looks its targets up.

``soft_targets.npz`` in a teacher's folder holds this table and its probabilities for the validation and the test
images. A teacher that has the file is finished.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from clothier import atomic, metrics
from clothier.errors import ModelError
from clothier.inference.tta import predict_tta
from clothier.training import augment
from clothier.training.device import select_device
from clothier.training.networks import count_parameters
from clothier.training.torch_classifier import TorchClassifier
from clothier.untrusted import DAMAGED_ARRAYS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt
    from torch import nn

    from clothier.data.dataset import Dataset, LabeledImages
    from clothier.recipes import Augment, Recipe
    from clothier.training.device import Device
    from clothier.training.prepared_training import PreparedTraining, TrainResult
    from clothier.types import Images

    Arrays = dict[str, npt.NDArray[Any]]

SOFT_TARGETS_FILE = "soft_targets.npz"
TABLE = "probabilities"  # its array for the training images, hundreds of megabytes
TEACHER_METRICS = ("accuracy", "accuracy_tta", "ece")  # reported of each teacher alone, without a temperature
DIGEST_LENGTH = 16  # hexadecimal digits


@dataclass(frozen=True, slots=True)
class SoftTargets:
    """A table of class probabilities.

    Attributes:
        probabilities: (V, N, K) float16, for each view of each training image, in the order of
            :func:`augmented_views`.
        max_shift: largest shift of a view, pixels.
    """

    probabilities: torch.Tensor
    max_shift: int

    def lookup(self, indices: torch.Tensor, flips: torch.Tensor | None, offsets: torch.Tensor | None) -> torch.Tensor:
        """The probabilities for augmented images, (n, K) float32.

        Args:
            indices: (n,) int64, of the images in the training set.
            flips: (n,) bool, which are flipped; None for none.
            offsets: (2, n) int64, from :func:`augment.random_offsets`; None for no shifts.
        """
        side, table = 2 * self.max_shift + 1, self.probabilities
        view = torch.zeros_like(indices) if offsets is None else offsets[0] * side + offsets[1]
        if flips is not None:
            view = view + side * side * flips
        return table[view.to(table.device), indices.to(table.device)].float().to(indices.device)


def augmented_views(images: torch.Tensor, augmentation: Augment) -> Iterator[torch.Tensor]:
    """Every shifted and flipped view of (N, H, W) images by ``augmentation``, in the table's order: V times (N, H, W).

    Cutout and mixing are left out: a teacher's output for an image with its middle removed teaches nothing.
    """
    side = 2 * augmentation.shift + 1
    for flip in range(1 + augmentation.flip):
        flipped = images.flip(-1) if flip else images
        for place in range(side * side):
            down, right = divmod(place, side)
            offsets = torch.tensor([[down], [right]], device=images.device).expand(2, len(images))
            yield augment.translate(flipped, offsets, augmentation.shift) if augmentation.shift else flipped


def compute_soft_targets(
    network: nn.Module, images: Images, augmentation: Augment, classes: tuple[str, ...], device: Device
) -> npt.NDArray[np.float16]:
    """A teacher's probabilities (V, N, K) for every view of (N, H, W) images by the student's ``augmentation``."""
    teacher = TorchClassifier(network.to(device.torch_device), classes, device=device)
    views = augmented_views(torch.as_tensor(images), augmentation)
    return np.stack([metrics.softmax(teacher.run(view.numpy()).logits).astype(np.float16) for view in views])


def save_soft_targets(
    folder: Path, result: TrainResult, prepared: PreparedTraining, dataset: Dataset, student_augment: Augment
) -> None:
    """Computes everything that the students need from a teacher and saves it in the teacher's run folder."""
    device, images = select_device(result.recipe.precision), prepared.train_set.images
    arrays: Arrays = {
        TABLE: compute_soft_targets(result.network, images, student_augment, dataset.classes, device),
        "parameters": np.array(count_parameters(result.network)),
        "seconds": np.array(result.seconds),
    }
    exact = TorchClassifier(result.network.cpu(), dataset.classes)
    for name, part in _parts(prepared.validation, dataset).items():
        logits = exact.run(part.images).logits
        arrays[name] = metrics.softmax(logits)
        arrays[f"{name}_tta"] = predict_tta(exact, part.images, result.recipe.augment, logits)
    content = io.BytesIO()
    np.savez(content, **arrays)  # type: ignore[arg-type]  # numpy's stubs
    atomic.write_bytes(folder / SOFT_TARGETS_FILE, content.getvalue())


def mean_soft_targets(folders: Sequence[Path], student_augment: Augment, n_images: int, n_classes: int) -> SoftTargets:
    """The mean of the teachers' tables, summed in float32 one by one; a ModelError if one is missing or damaged."""
    n_views = (1 + student_augment.flip) * (2 * student_augment.shift + 1) ** 2
    total = np.zeros((n_views, n_images, n_classes), np.float32)
    for folder in folders:
        total += _read(folder, {TABLE: total.shape})[TABLE]
    return SoftTargets(torch.from_numpy((total / len(folders)).astype(np.float16)), student_augment.shift)


def teacher_metrics(
    folders: Sequence[Path], student: Recipe, epochs: int, validation: LabeledImages | None, dataset: Dataset
) -> dict[str, Any]:
    """``metrics["teachers"]`` of a student: of its teachers' mean probabilities, and of each teacher alone."""
    parts = _parts(validation, dataset)
    names = [*parts, *(f"{part}_tta" for part in parts)]
    shapes = {name: (len(parts[name.removesuffix("_tta")]), len(dataset.classes)) for name in names}
    teachers = [_read(folder, {**shapes, "parameters": (), "seconds": ()}) for folder in folders]
    mean = {name: sum(teacher[name] / len(folders) for teacher in teachers) for name in names}
    digest = hashlib.sha256(b"".join(teacher["test"].tobytes() for teacher in teachers))
    return {
        "n": len(folders),
        "preset": student.distill.preset,
        "generations": student.distill.generations,
        "parameters": sum(int(teacher["parameters"]) for teacher in teachers),
        "epochs": epochs,
        "core_seconds": sum(float(teacher["seconds"]) for teacher in teachers),
        "digest": digest.hexdigest()[:DIGEST_LENGTH],
        "validation": None,
        **{name: _evaluate(mean, name, part, dataset) for name, part in parts.items()},
        "each": {name: [_evaluate_alone(one, name, part, dataset) for one in teachers] for name, part in parts.items()},
    }


def _parts(validation: LabeledImages | None, dataset: Dataset) -> dict[str, LabeledImages]:
    return {"test": dataset.test} | ({"validation": validation} if validation else {})


def _evaluate(arrays: Mapping[str, Any], name: str, part: LabeledImages, dataset: Dataset) -> dict[str, Any]:
    """Metrics of probabilities, with the accuracy of test-time augmentation."""
    correct_tta = arrays[f"{name}_tta"].argmax(axis=1) == part.labels
    found = metrics.evaluate_probabilities(arrays[name], part.labels, dataset.classes)
    return replace(found, accuracy_tta=float(correct_tta.mean())).to_json()


def _evaluate_alone(teacher: Arrays, name: str, part: LabeledImages, dataset: Dataset) -> dict[str, Any]:
    found = _evaluate(teacher, name, part, dataset)
    return {metric: found[metric] for metric in TEACHER_METRICS}


def _read(folder: Path, shapes: Mapping[str, tuple[int, ...]]) -> Arrays:
    """Some arrays of a teacher's file, which must have these shapes."""
    path = folder / SOFT_TARGETS_FILE
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
            arrays = {name: content[name] for name in shapes}
        damage = next((name for name, array in arrays.items() if not _is_valid(array, shapes[name])), "")
    except DAMAGED_ARRAYS as error:
        damage = str(error)
    if damage:
        raise ModelError(f"{path} is damaged: {damage}. Remove it and resume the run; it is computed again.")
    return arrays


def _is_valid(array: npt.NDArray[Any], shape: tuple[int, ...]) -> bool:
    return array.shape == shape and array.dtype.kind in "fiu" and bool(np.isfinite(array).all())
