"""What a model must not be trusted with. The page and the model card both say it first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier.report.formatting import percent
from clothier.taxonomy import UPPER_BODY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FASHION_MNIST = "Fashion-MNIST"


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit: a few words, and the sentence or two behind them."""

    name: str
    text: str


OF_FASHION_MNIST = (
    Limit(
        "Photos need the published pipeline",
        "The models know 28x28 grey pictures that the publisher trimmed, shrank, sharpened, centred and negated "
        "(arXiv 1708.07747, section 2). A photo that did not go through the same steps is likely to be named wrong, "
        "and confidently so.",
    ),
    Limit(
        "White garments and shoes facing right are missing",
        "The data leave them out by design, so no figure here says anything about them.",
    ),
    Limit(
        "The labels are not all right",
        "At least 64 training images are mislabelled or badly cropped (arXiv 1912.05283), and a model learns "
        "from them too.",
    ),
)
"""Facts about the data set; any model trained on it inherits them."""

ALWAYS_ANSWERS = Limit(
    "There is no “none of these”",
    "Whatever the picture shows, the answer is one of the classes.",
)
PROMISES = Limit(
    "What it promises, it promises of such photos",
    "Which tags may stand without a person was found on these photos; of another catalogue's nothing is proven until "
    "clothier calibrate has seen some.",
)
ONE_RUN = Limit(
    "One run, one seed",
    "The standard error covers the choice of test images, not the luck of training. Another seed may move the "
    "accuracy by a few tenths of a point.",
)
"""What holds for every model that is trained once."""


def limits(dataset: str, models: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Limit]:
    """The limits of ``models``, pairs of a name and an evaluation as ``metrics.json`` holds it; of the data without."""
    known = list(OF_FASHION_MNIST) if dataset == FASHION_MNIST else []
    if not models:
        return known
    weaknesses = [_weakness(name, evaluation) for name, evaluation in models]
    abstain = all("coverage" in evaluation for _, evaluation in models)
    return [*known, *filter(None, weaknesses), PROMISES if abstain else ALWAYS_ANSWERS, ONE_RUN]


def errors_among(evaluation: Mapping[str, Any], group: Sequence[str]) -> float:
    """Share of all errors whose true and answered class both belong to ``group``; 0 without errors."""
    wrong = np.array(evaluation["confusion"])
    np.fill_diagonal(wrong, 0)
    inside = [score["class"] in group for score in evaluation["per_class"]]
    return float(wrong[np.ix_(inside, inside)].sum() / max(wrong.sum(), 1))


def _weakness(name: str, evaluation: Mapping[str, Any]) -> Limit | None:
    """Where a model errs most: among tops when the classes are Fashion-MNIST's, else in its worst class."""
    if evaluation["accuracy"] == 1:
        return None
    scores = evaluation["per_class"]
    worst = min(scores, key=lambda score: score["recall"])
    text = f"It finds {percent(worst['recall'], 0)} of the images of {worst['class']}, its weakest class."
    if set(UPPER_BODY) <= {score["class"] for score in scores}:
        share = percent(errors_among(evaluation, UPPER_BODY), 0)
        text += f" {share} of its errors fall among {', '.join(UPPER_BODY[:-1])} and {UPPER_BODY[-1]}."
    return Limit(f"{name}: weakest at {worst['class']}", text)
