"""What a model must not be trusted with. The page and the model card both say it first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier.report.formatting import format_percent
from clothier.taxonomy import UPPER_BODY_CLASSES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FASHION_MNIST_NAME = "Fashion-MNIST"


@dataclass(frozen=True, slots=True)
class Limitation:
    """One limit: a few words, and the sentence or two behind them."""

    name: str
    text: str


FASHION_MNIST_LIMITATIONS = (
    Limitation(
        "Photos need the published pipeline",
        "The models know 28x28 grey pictures that the publisher trimmed, shrank, sharpened, centred and negated "
        "(arXiv 1708.07747, section 2). A photo that did not go through the same steps is likely to be named wrong, "
        "and confidently so.",
    ),
    Limitation(
        "White garments and shoes facing right are missing",
        "The data leave them out by design, so no figure here says anything about them.",
    ),
    Limitation(
        "The labels are not all right",
        "At least 64 training images are mislabelled or badly cropped (arXiv 1912.05283), and a model learns "
        "from them too.",
    ),
)
"""Facts about the data set; any model trained on it inherits them."""

NO_REJECT_OPTION = Limitation(
    "There is no “none of these”",
    "Whatever the picture shows, the answer is one of the classes.",
)
GUARANTEE_SCOPE = Limitation(
    "What it promises, it promises of such photos",
    "Which tags may stand without a person was found on these photos; of another catalogue's nothing is proven until "
    "clothier calibrate has seen some.",
)
SINGLE_RUN = Limitation(
    "One run, one seed",
    "The standard error covers the choice of test images, not the luck of training. Another seed may move the "
    "accuracy by a few tenths of a point.",
)
"""What holds for every model that is trained once."""


def limitations(dataset_name: str, evaluations: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Limitation]:
    """The limits of ``evaluations``, pairs of a name and an evaluation as ``metrics.json`` holds it; of the data without."""
    known = list(FASHION_MNIST_LIMITATIONS) if dataset_name == FASHION_MNIST_NAME else []
    if not evaluations:
        return known
    weaknesses = [_weakest_class(name, evaluation) for name, evaluation in evaluations]
    abstain = all("coverage" in evaluation for _, evaluation in evaluations)
    return [*known, *filter(None, weaknesses), GUARANTEE_SCOPE if abstain else NO_REJECT_OPTION, SINGLE_RUN]


def error_fraction_within(evaluation: Mapping[str, Any], classes: Sequence[str]) -> float:
    """Share of all errors whose true and answered class both belong to ``classes``; 0 without errors."""
    wrong = np.array(evaluation["confusion"])
    np.fill_diagonal(wrong, 0)
    inside = [score["class"] in classes for score in evaluation["per_class"]]
    return float(wrong[np.ix_(inside, inside)].sum() / max(wrong.sum(), 1))


def _weakest_class(name: str, evaluation: Mapping[str, Any]) -> Limitation | None:
    """Where a model errs most: among tops when the classes are Fashion-MNIST's, else in its worst class."""
    if evaluation["accuracy"] == 1:
        return None
    scores = evaluation["per_class"]
    worst = min(scores, key=lambda score: score["recall"])
    text = f"It finds {format_percent(worst['recall'], 0)} of the images of {worst['class']}, its weakest class."
    if set(UPPER_BODY_CLASSES) <= {score["class"] for score in scores}:
        share = format_percent(error_fraction_within(evaluation, UPPER_BODY_CLASSES), 0)
        text += f" {share} of its errors fall among {', '.join(UPPER_BODY_CLASSES[:-1])} and {UPPER_BODY_CLASSES[-1]}."
    return Limitation(f"{name}: weakest at {worst['class']}", text)
