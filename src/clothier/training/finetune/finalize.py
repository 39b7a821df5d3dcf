"""From a fine-tuned network to what people use and read: bundle, metrics, audit, card and report of a photo run."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier import atomic, bundle, metrics
from clothier.data.perceptual_hash import difference_hashes, to_bytes
from clothier.exploration.audit.findings import COLUMNS, Finding, unreadable
from clothier.exploration.audit.label_issues import label_issues
from clothier.inference.session import OnnxClassifier
from clothier.metrics import softmax
from clothier.selective.ood import FEWEST, fit_novelty
from clothier.training.export import graph
from clothier.training.finalize import check_parity
from clothier.training.finetune.cross_validation import fold_figures, logits_in, mean_of, out_of_fold
from clothier.training.finetune.data import VIEW, reworded
from clothier.training.finetune.epochs import best_epoch
from clothier.training.finetune.report import drawings, write_report
from clothier.training.networks import count_parameters
from clothier.training.torch_classifier import TorchClassifier

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from clothier.recipes.photo import PhotoRecipe
    from clothier.runs import Run
    from clothier.training.finetune.cross_validation import OutOfFold
    from clothier.training.finetune.data import Lesson
    from clothier.training.finetune.efficientnet_lite import EfficientNetLite0
    from clothier.types import EpochRecord, Evaluation, Floats, Outputs, Progress

    Rows = npt.NDArray[np.intp]

UNSEEN = (
    "It knows garments as its photos show them. Whatever they lack - another way of laying, hanging or wearing, "
    "another ground, another kind of thing - it has never seen."
)


@dataclass(frozen=True, slots=True, eq=False)
class Taught:
    """What training hands over.

    Attributes:
        network: the final one, which learnt from all labelled photos.
        recipe: how.
        seed: likewise.
        folds: places learnt from and tested on.
        outputs: of each fold's network, over all N photos.
        final: of the final network.
        before: (N, K) out-of-fold logits of frozen features with logistic regression.
        strength: its C, the best of four on the same folds.
        records: one an epoch.
        seconds: from the files to the final weights.
    """

    network: EfficientNetLite0
    recipe: PhotoRecipe
    seed: int
    folds: tuple[tuple[Rows, Rows], ...]
    outputs: tuple[Outputs, ...]
    final: Outputs
    before: Floats
    strength: float
    records: tuple[EpochRecord, ...]
    seconds: float


def deliver_photo(run: Run, taught: Taught, lesson: Lesson, progress: Progress) -> None:
    """Writes everything of a run that comes after training; ``metrics.json`` last, which marks it finished.

    Raises:
        ModelError: the exported graph does not answer as the network does.
        StorageError: the disk refused.
    """
    progress("measure photo", 0, 3, "photographers kept out")
    found = out_of_fold(lesson, taught.folds, taught.outputs)
    evaluation = found.evaluation()
    card = found.certified(_card(taught, lesson), "photographer" if lesson.table.has_groups else "photo")
    measured = _metrics(taught, lesson, found, evaluation, card)
    progress("measure photo", 1, 3, "export")
    save_bundle(run, replace(card, figures=_figures(measured)), taught, lesson)
    progress("measure photo", 2, 3, "report")
    _write_audit(run, lesson, found)
    _write_answers(run, lesson, found)
    write_report(run, taught.recipe, taught.records, drawings(taught.records, found, card), measured)
    atomic.write_json(run.path / "metrics.json", measured)
    progress("measure photo", 3, 3, f"photographers kept out: {100 * evaluation.accuracy:.2f} %")


def save_bundle(run: Run, card: bundle.Card, taught: Taught, lesson: Lesson) -> None:
    """Exports the final network, and opens it as a user would."""
    exported, weights = graph.to_onnx(taught.network, VIEW), graph.to_safetensors(taught.network)
    known = lesson.known
    extras = {bundle.LEARNT: to_bytes(difference_hashes(lesson.views[known]))}
    if len(known) >= FEWEST:
        bank = fit_novelty(taught.final.embeddings[known], lesson.table.labels[known])
        extras[bundle.NOVELTY] = bank.to_bytes()
    classifier = OnnxClassifier(bundle.save(run.bundle, replace(card, calibration={}), exported, weights, extras))
    check_parity(TorchClassifier(taught.network, card.classes, view=VIEW), classifier, lesson.views[known[:256]])
    bundle.save(run.bundle, card, exported, weights, extras)


def _card(taught: Taught, lesson: Lesson) -> bundle.Card:
    recipe = taught.recipe
    return bundle.Card(
        name=f"photo-{recipe.preset}",
        model="photo",
        preset=recipe.preset,
        classes=lesson.table.classes,
        view=VIEW,
        recipe={**recipe.to_json(), "seed": taught.seed},
        parameters=count_parameters(taught.network.requires_grad_(True)),
        data={"name": lesson.table.name, "digest": lesson.digest, "photos": len(lesson.known), "unseen": UNSEEN},
        clothier=version("clothier"),
    )


def _metrics(
    taught: Taught, lesson: Lesson, found: OutOfFold, evaluation: Evaluation, card: bundle.Card
) -> dict[str, Any]:
    return {
        "model": "photo",
        "preset": taught.recipe.preset,
        "classes": list(card.classes),
        "parameters": card.parameters,
        "seed": taught.seed,
        "train_seconds": taught.seconds,
        "epochs": len(taught.records),
        "data": {"name": lesson.table.name, "digest": lesson.digest, "unseen": UNSEEN, **lesson.audit()},
        "validation": {**evaluation.to_json(), **found.selective(card), "promise": card.thresholds.get("promise")},
        "test": None,
        "protocol": protocol(taught, lesson),
        "before_and_after": _before_and_after(taught, lesson, found),
        "label_issues": len(_doubted(found).issues),
    }


def protocol(taught: Taught, lesson: Lesson) -> str:
    """How the figures came about, in sentences."""
    grouped = (
        "split by the table's groups (who took the photo)"
        if lesson.table.has_groups
        else "split at random, for the table has no groups: photos of one person may stand on both sides"
    )
    return (
        f"{len(taught.folds)} folds of {len(lesson.known):,} labelled photos, {grouped}: StratifiedGroupKFold, "
        f"shuffled, random_state {taught.seed}. Each photo is answered by the network that did not learn from its "
        "fold; accuracy, recall and calibration are over all these answers, with each fold's temperature fitted on "
        f"the others. The thresholds are fitted on the same answers. {_ended(taught)}The shipped network learnt from "
        "all labelled photos in the same way; it was not measured itself."
    )


def _ended(taught: Taught) -> str:
    """Which epoch was kept, in a sentence, where there was a choice."""
    if len(taught.records) < 2:
        return ""
    return (
        f"Of {len(taught.records)} epochs the one with the lowest loss on these answers was kept, number "
        f"{best_epoch(taught.records)}, which makes the figures a little kind. "
    )


def _before_and_after(taught: Taught, lesson: Lesson, found: OutOfFold) -> dict[str, Any]:
    """Frozen features with logistic regression, and this model: means over the same folds, and the paired test."""
    classes, words = lesson.table.classes, found.classes
    before = logits_in(taught.before, classes, words)
    labels = reworded(lesson.table.labels, classes, words)
    first = mean_of(fold_figures(before, labels, taught.folds))
    second = mean_of(found.by_fold())
    known = found.known
    paired = metrics.mcnemar(
        found.logits[known].argmax(axis=1) == labels[known], before[known].argmax(axis=1) == labels[known]
    )
    gain = {name: second[name] - first[name] for name in ("accuracy", "macro_recall")}
    return {
        "before": {"name": f"frozen features, logistic regression (C = {taught.strength:g})", **first},
        "after": {"name": f"photo {taught.recipe.preset}", **second},
        "gain": gain,
        "paired": paired.to_json(),
    }


def _figures(measured: dict[str, Any]) -> dict[str, Any]:
    """What of the metrics stands in the card."""
    return {name: measured[name] for name in ("protocol", "validation", "before_and_after")}


def _doubted(found: OutOfFold) -> Any:
    known = found.known
    return label_issues(found.labels[known], softmax(found.tempered[known]))


def _write_audit(run: Run, lesson: Lesson, found: OutOfFold) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(finding.to_json() for finding in _findings(lesson, found))
    atomic.write_text(run.path / "audit.csv", text.getvalue())


def _write_answers(run: Run, lesson: Lesson, found: OutOfFold) -> None:
    """Keeps the out-of-fold answers, from which thresholds can be fitted anew."""
    file = io.BytesIO()
    np.savez_compressed(file, **found.arrays(lesson.table.files))  # type: ignore[arg-type]  # numpy's stubs
    atomic.write_bytes(run.path / "out_of_fold.npz", file.getvalue())


def _findings(lesson: Lesson, found: OutOfFold) -> Iterator[Finding]:
    files, names = lesson.table.files, [*found.classes, ""]
    yield from unreadable(lesson.table.failures)
    for kind, groups in (("exact-duplicate", lesson.duplicates.exact), ("near-duplicate", lesson.duplicates.near)):
        for first, *copies in groups:
            for copy in copies:
                yield Finding(
                    kind="exact-duplicate" if kind == "exact-duplicate" else "near-duplicate",
                    file=files[copy],
                    class_name=names[found.labels[copy]],
                    suspicion="the same picture" if kind == "exact-duplicate" else "nearly the same picture",
                    other=files[first],
                )
    issues, known = _doubted(found), found.known
    for place in issues.issues.tolist():
        label, suggested = names[found.labels[known[place]]], names[issues.suggested[place]]
        yield Finding(
            kind="label",
            file=files[known[place]],
            class_name=label,
            score=round(-float(issues.margin[place]), 6),
            suspicion=f"labelled {label}, looks like {suggested}",
            suggested=suggested,
        )
