from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pytest

from clothier.errors import ModelError
from clothier.taxonomy import FASHION_MNIST_CLASSES
from clothier.training.export.bundle_export import check_parity
from clothier.types import InputSpec, ModelOutput
from tests.synthetic import draw_garments

if TYPE_CHECKING:
    from clothier.types import Images

TEST_IMAGES = draw_garments(60, seed=0).images


@dataclass
class ConstantClassifier:
    """Gives the first class the same logit for every image, except in batches of ``odd_batch_size`` images."""

    logit: float
    odd_batch_size: int = -1
    name: str = "constant"
    classes: tuple[str, ...] = FASHION_MNIST_CLASSES
    input_spec: InputSpec = field(default_factory=InputSpec)

    def run(self, images: Images) -> ModelOutput:
        logits = np.zeros((len(images), 10), np.float32)
        logits[:, 0] = self.logit + (len(images) == self.odd_batch_size)
        return ModelOutput(logits, logits)


def test_equal_outputs_pass() -> None:
    assert check_parity(ConstantClassifier(2.0), ConstantClassifier(2.0), TEST_IMAGES) == 0
    assert 0 < check_parity(ConstantClassifier(2.0), ConstantClassifier(2.0001), TEST_IMAGES) <= 1e-4


@pytest.mark.parametrize(
    "other",
    [
        ConstantClassifier(2.01),
        ConstantClassifier(2.0, odd_batch_size=1),
        ConstantClassifier(2.0, odd_batch_size=7),
        ConstantClassifier(2.0, odd_batch_size=60),
    ],
)
def test_a_difference_at_any_batch_size_is_an_error(other: ConstantClassifier) -> None:
    with pytest.raises(ModelError, match=r"by up to 0\.\d+ in a probability, and 0\.0001 is allowed") as caught:
        check_parity(ConstantClassifier(2.0), other, TEST_IMAGES)
    assert caught.value.exit_code == 4
