"""What teachers said, each in a file of its own, and what they say together.

``soft_targets.npz`` holds a teacher's answers to every view of the pictures to learn from, to the validation pictures and to
the test pictures.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from clothier import atomic, metrics
from clothier.errors import ModelError
from clothier.inference.tta import predict_tta
from clothier.training.device import select_device
from clothier.training.distillation.soft_targets import compute_soft_targets, soft_targets_from
from clothier.training.networks import count_parameters
from clothier.training.torch_classifier import TorchClassifier

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from clothier.data.dataset import Dataset, LabeledImages
    from clothier.recipes import Augment, Recipe
    from clothier.training.distillation.soft_targets import SoftTargets
    from clothier.training.prepared_training import PreparedTraining, TrainResult

SOFT_TARGETS_FILE = "soft_targets.npz"  # in a teacher's folder; where it stands, the teacher is done
TEACHER_METRICS = ("accuracy", "accuracy_tta", "ece")  # told of each teacher by itself, without a temperature
DIGEST_LENGTH = 16  # of a digest, hexadecimal: enough to tell teachers apart


@dataclass(frozen=True, slots=True)
class TeacherEnsemble:
    """Teachers that have answered.

    Attributes:
        soft_targets: the mean of what they say of the pictures to learn from.
        metrics: what they are together, and how good: ``metrics["teachers"]`` of their student.
    """

    soft_targets: SoftTargets
    metrics: Mapping[str, Any]


def save_soft_targets(
    folder: Path, result: TrainResult, prepared: PreparedTraining, dataset: Dataset, student_augment: Augment
) -> None:
    """Asks a teacher everything that its students will want to know, once.

    Args:
        folder: where its answers go.
        result: the teacher.
        prepared: what it learnt from and was chosen by.
        dataset: both parts.
        student_augment: how its students vary the pictures.
    """
    images = prepared.train_set.images
    shares = compute_soft_targets(
        result.network, images, student_augment, dataset.classes, select_device(result.recipe.precision)
    )
    exact = TorchClassifier(result.network.cpu(), dataset.classes)
    parts = {"test": dataset.test} | ({"validation": prepared.validation} if prepared.validation else {})
    said = {name: metrics.softmax(exact.run(part.images).logits) for name, part in parts.items()}
    tta = {f"{name}_tta": predict_tta(exact, part.images, result.recipe.augment) for name, part in parts.items()}
    facts = {"parameters": np.array(count_parameters(result.network)), "seconds": np.array(result.seconds)}
    columns: dict[str, Any] = {"probabilities": shares, **facts, **said, **tta}
    content = io.BytesIO()
    np.savez(content, **columns)
    atomic.write_bytes(folder / SOFT_TARGETS_FILE, content.getvalue())


def mean_soft_targets(folders: Sequence[Path], student_augment: Augment) -> SoftTargets:
    """What the teachers in ``folders`` say of the pictures to learn from, as one.

    Raises:
        ModelError: one's answers are missing or damaged.
    """
    first, *others = (_read_soft_targets(folder)["probabilities"].astype(np.float32) for folder in folders)
    return soft_targets_from((sum(others, first) / len(folders)).astype(np.float16), student_augment)


def load_teacher_ensemble(
    folders: Sequence[Path], student: Recipe, epochs: int, validation: LabeledImages | None, dataset: Dataset
) -> TeacherEnsemble:
    """The teachers in ``folders``: as one, and how good they are.

    Args:
        folders: one a teacher, the first generation first.
        student: who learns from them.
        epochs: of each.
        validation: the pictures that all of them kept out, if any.
        dataset: both parts.

    Raises:
        ModelError: one's answers are missing or damaged.
    """
    said: dict[str, npt.NDArray[np.float64]] = {}
    parts = {"test": dataset.test} | ({"validation": validation} if validation else {})
    each: dict[str, list[dict[str, Any]]] = {name: [] for name in parts}
    parameters, seconds, digest = 0, 0.0, hashlib.sha256()
    for folder in folders:
        content = _read_soft_targets(folder)
        for name in (*parts, *(f"{part}_tta" for part in parts)):
            said[name] = said.get(name, 0.0) + content[name] / len(folders)
        parameters += int(content["parameters"])
        seconds += float(content["seconds"])
        digest.update(content["test"].tobytes())
        for name, part in parts.items():
            each[name].append(_evaluate_probs(content, name, part, dataset))
    figures = {
        "n": len(folders),
        "preset": student.distill.preset,
        "generations": student.distill.generations,
        "parameters": parameters,
        "epochs": epochs,
        "core_seconds": seconds,
        "digest": digest.hexdigest()[:DIGEST_LENGTH],
        "validation": None,
        **{name: _evaluate_probs(said, name, part, dataset) for name, part in parts.items()},
        "each": {
            part: [{name: one[name] for name in TEACHER_METRICS} for one in found] for part, found in each.items()
        },
    }
    return TeacherEnsemble(mean_soft_targets(folders, student.augment), figures)


def _evaluate_probs(
    probs: dict[str, npt.NDArray[np.float64]], name: str, part: LabeledImages, dataset: Dataset
) -> dict[str, Any]:
    """A teacher's or an ensemble's figures: of its probabilities, and with test-time augmentation besides."""
    tiny = np.finfo(np.float64).tiny
    found = metrics.evaluate_logits(np.log(probs[name] + tiny), part.labels, dataset.classes)
    augmented = probs[f"{name}_tta"].argmax(axis=1) == part.labels
    return replace(found, accuracy_tta=float(augmented.mean())).to_json()


def _read_soft_targets(folder: Path) -> dict[str, npt.NDArray[Any]]:
    path = folder / SOFT_TARGETS_FILE
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as content:
            return dict(content)
    except (OSError, ValueError, BadZipFile) as error:
        raise ModelError(f"{path} is damaged: {error}. Remove it, and the teacher answers anew.") from error
