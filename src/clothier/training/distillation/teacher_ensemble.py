"""The outputs of trained teachers, each in a file, and the mean of them.

``soft_targets.npz`` in a teacher's folder holds its probabilities for every augmented view of the training images, and
for the validation and the test images. A teacher that has the file is finished.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np
import torch

from clothier import atomic, metrics
from clothier.errors import ModelError
from clothier.inference.tta import predict_tta
from clothier.training.device import select_device
from clothier.training.distillation.soft_targets import SoftTargets, compute_soft_targets
from clothier.training.networks import count_parameters
from clothier.training.torch_classifier import TorchClassifier

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from clothier.data.dataset import Dataset, LabeledImages
    from clothier.recipes import Augment, Recipe
    from clothier.training.prepared_training import PreparedTraining, TrainResult

    Arrays = dict[str, npt.NDArray[Any]]

SOFT_TARGETS_FILE = "soft_targets.npz"
TEACHER_METRICS = ("accuracy", "accuracy_tta", "ece")  # reported of each teacher alone, without a temperature
DIGEST_LENGTH = 16  # hexadecimal digits


def save_soft_targets(
    folder: Path, result: TrainResult, prepared: PreparedTraining, dataset: Dataset, student_augment: Augment
) -> None:
    """Computes and saves everything that the students need from a teacher.

    Args:
        folder: the teacher's run folder.
        result: the teacher.
        prepared: its training and validation images.
        dataset: both parts.
        student_augment: the augmentation of its students.
    """
    table = compute_soft_targets(
        result.network,
        prepared.train_set.images,
        student_augment,
        dataset.classes,
        select_device(result.recipe.precision),
    )
    exact = TorchClassifier(result.network.cpu(), dataset.classes)
    arrays: Arrays = {
        "probabilities": table,
        "parameters": np.array(count_parameters(result.network)),
        "seconds": np.array(result.seconds),
    }
    for name, part in _parts(prepared.validation, dataset).items():
        logits = exact.run(part.images).logits
        arrays[name] = metrics.softmax(logits)
        arrays[f"{name}_tta"] = predict_tta(exact, part.images, result.recipe.augment, logits)
    content = io.BytesIO()
    np.savez(content, **arrays)  # type: ignore[arg-type]  # numpy's stubs
    atomic.write_bytes(folder / SOFT_TARGETS_FILE, content.getvalue())


def mean_soft_targets(folders: Sequence[Path], student_augment: Augment) -> SoftTargets:
    """The mean of the teachers' probabilities for the training images.

    Raises:
        ModelError: a teacher's file is missing or damaged.
    """
    return _mean_table((_read(folder) for folder in folders), len(folders), student_augment)


def load_teacher_ensemble(
    folders: Sequence[Path], student: Recipe, epochs: int, validation: LabeledImages | None, dataset: Dataset
) -> tuple[SoftTargets, dict[str, Any]]:
    """The mean of the teachers' probabilities, and ``metrics["teachers"]`` of their student.

    Args:
        folders: of the teachers, the first generation first.
        student: the student's recipe.
        epochs: of each teacher.
        validation: the validation images, if there are any.
        dataset: both parts.

    Raises:
        ModelError: a teacher's file is missing or damaged.
    """
    parts = _parts(validation, dataset)
    teachers: list[Arrays] = []

    def read_and_keep_small_arrays() -> Iterator[Arrays]:
        for folder in folders:
            arrays = _read(folder)
            teachers.append({name: values for name, values in arrays.items() if name != "probabilities"})
            yield arrays

    soft_targets = _mean_table(read_and_keep_small_arrays(), len(folders), student.augment)
    names = [*parts, *(f"{part}_tta" for part in parts)]
    ensemble = {name: sum(teacher[name] / len(folders) for teacher in teachers) for name in names}
    digest = hashlib.sha256(b"".join(teacher["test"].tobytes() for teacher in teachers))
    each = {
        name: [
            {metric: found[metric] for metric in TEACHER_METRICS}
            for found in (_evaluate(teacher, name, part, dataset) for teacher in teachers)
        ]
        for name, part in parts.items()
    }
    found = {
        "n": len(folders),
        "preset": student.distill.preset,
        "generations": student.distill.generations,
        "parameters": sum(int(teacher["parameters"]) for teacher in teachers),
        "epochs": epochs,
        "core_seconds": sum(float(teacher["seconds"]) for teacher in teachers),
        "digest": digest.hexdigest()[:DIGEST_LENGTH],
        "validation": None,
        **{name: _evaluate(ensemble, name, part, dataset) for name, part in parts.items()},
        "each": each,
    }
    return soft_targets, found


def _parts(validation: LabeledImages | None, dataset: Dataset) -> dict[str, LabeledImages]:
    return {"test": dataset.test} | ({"validation": validation} if validation else {})


def _mean_table(teachers: Iterator[Arrays], count: int, student_augment: Augment) -> SoftTargets:
    """The mean of the teachers' tables, summed in float32 one by one: each can be hundreds of megabytes."""
    total = next(teachers)["probabilities"].astype(np.float32)
    for teacher in teachers:
        total += teacher["probabilities"].astype(np.float32)
    return SoftTargets(torch.from_numpy((total / count).astype(np.float16)), student_augment.shift)


def _evaluate(arrays: Mapping[str, Any], name: str, part: LabeledImages, dataset: Dataset) -> dict[str, Any]:
    """Metrics of probabilities, with the accuracy of test-time augmentation."""
    correct_tta = arrays[f"{name}_tta"].argmax(axis=1) == part.labels
    found = metrics.evaluate_probabilities(arrays[name], part.labels, dataset.classes)
    return replace(found, accuracy_tta=float(correct_tta.mean())).to_json()


def _read(folder: Path) -> Arrays:
    path = folder / SOFT_TARGETS_FILE
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as content:
            return dict(content)
    except (OSError, ValueError, BadZipFile) as error:
        raise ModelError(f"{path} is damaged: {error}. Remove it and resume the run; it is computed again.") from error
