"""A classifier without a model, for tests of what is done with its output."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from clothier.types import InputSpec, ModelOutput

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from clothier.types import Images


@dataclass
class FakeClassifier:
    """A ``Classifier`` whose logits and embeddings are ``logits_of(images)``.

    Attributes:
        logits_of: (N, H, W) images to (N, K) logits.
        batches: the number of images of each pass so far.
    """

    logits_of: Callable[[Images], npt.ArrayLike]
    classes: tuple[str, ...]
    name: str = "fake"
    input_spec: InputSpec = field(default_factory=InputSpec)
    batches: list[int] = field(default_factory=list)

    def run(self, images: Images) -> ModelOutput:
        self.batches.append(len(images))
        logits = np.asarray(self.logits_of(images), np.float32)
        return ModelOutput(logits, logits)


def table_classifier(probabilities: list[tuple[float, ...]], classes: tuple[str, ...]) -> FakeClassifier:
    """A classifier that returns row ``images[n, 0, 0]`` of ``probabilities`` for image n."""
    logits = np.log(np.array(probabilities))
    return FakeClassifier(lambda images: logits[images[:, 0, 0]], classes)
