"""What a model must not be trusted with. The page and the model card state it first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from clothier.report.formatting import format_percent
from clothier.taxonomy import UPPER_BODY_CLASSES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FASHION_MNIST_NAME = "Fashion-MNIST"


class Limitation(NamedTuple):
    """A short name and one or two sentences."""

    name: str
    text: str


FASHION_MNIST_LIMITATIONS = (
    Limitation(
        "Photos need the published preprocessing",
        "The models were trained on 28x28 gray images that the publisher trimmed, resized, sharpened, centered and "
        "inverted (arXiv 1708.07747, section 2). A photo without the same preprocessing is likely to be classified "
        "wrongly, with high confidence.",
    ),
    Limitation(
        "White garments and shoes facing right are missing",
        "The data set excludes them by design, so no metric here covers them.",
    ),
    Limitation(
        "Some labels are wrong",
        "At least 64 training images are mislabeled or badly cropped (arXiv 1912.05283). A model is trained on these "
        "errors too.",
    ),
)
"""Facts about the data set; they apply to every model trained on it."""

NO_REJECT_OPTION = Limitation(
    "There is no “none of these” class",
    "The model assigns one of its classes to every image, whatever it shows.",
)
GUARANTEE_SCOPE = Limitation(
    "The guarantee is for photos like these that show one of the classes",
    "It is proven for the networks of the cross-validation; the final network was not measured. For your own catalogue "
    "nothing is proven until you run clothier calibrate on some of its photos.",
)
SINGLE_RUN = "One run, one seed"
ERROR_SCOPE = "The standard error covers the sampling of test images, not the randomness of training."
FASHION_MNIST_SEEDS = "Another seed may change the accuracy by a few tenths of a percentage point."
OTHER_SEEDS = "Another seed changes the accuracy, too: the more, the fewer images there are."


def limitations(dataset_name: str, evaluations: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Limitation]:
    """The limitations of a data set and of the models trained on it: pairs of a name and its ``metrics.json``."""
    known = list(FASHION_MNIST_LIMITATIONS) if dataset_name == FASHION_MNIST_NAME else []
    if not evaluations:
        return known
    weaknesses = [_weakest_class(name, evaluation) for name, evaluation in evaluations if evaluation["accuracy"] < 1]
    can_abstain = all("coverage" in evaluation for _, evaluation in evaluations)
    seeds = FASHION_MNIST_SEEDS if dataset_name == FASHION_MNIST_NAME else OTHER_SEEDS
    single_run = Limitation(SINGLE_RUN, f"{ERROR_SCOPE} {seeds}")
    return [*known, *weaknesses, GUARANTEE_SCOPE if can_abstain else NO_REJECT_OPTION, single_run]


def error_fraction_within(evaluation: Mapping[str, Any], classes: Sequence[str]) -> float:
    """Fraction of all errors whose true and predicted class are both in ``classes``; 0 without errors."""
    wrong = np.array(evaluation["confusion"])
    np.fill_diagonal(wrong, 0)
    inside = [score["class"] in classes for score in evaluation["per_class"]]
    return float(wrong[np.ix_(inside, inside)].sum() / max(wrong.sum(), 1))


def _weakest_class(name: str, evaluation: Mapping[str, Any]) -> Limitation:
    """The class with the lowest recall, and the errors among upper-body garments where the classes have them."""
    scores = [score for score in evaluation["per_class"] if score["n"]]
    worst = min(scores, key=lambda score: score["recall"])
    text = f"Recall is {format_percent(worst['recall'], 0)} on {worst['class']}, its weakest class."
    if set(UPPER_BODY_CLASSES) <= {score["class"] for score in scores}:
        fraction = format_percent(error_fraction_within(evaluation, UPPER_BODY_CLASSES), 0)
        names = f"{', '.join(UPPER_BODY_CLASSES[:-1])} and {UPPER_BODY_CLASSES[-1]}"
        text += f" {fraction} of its errors are among {names}."
    return Limitation(f"{name}: weakest at {worst['class']}", text)
