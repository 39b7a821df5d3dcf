"""The bundled Fashion-MNIST models reach the accuracy in their cards."""

from __future__ import annotations

import pytest

from clothier.bundle import resolve
from clothier.data.sources import load_fashion_mnist
from clothier.evaluation.classifier import evaluate_classifier
from clothier.inference import load

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", ["fashion-dnn", "fashion-cnn"])
def test_test_accuracy_is_that_of_the_card(name: str) -> None:
    evaluation, _ = evaluate_classifier(load(name), load_fashion_mnist().test)
    expected = resolve(name).metadata.metrics["test"]["accuracy"]
    assert evaluation.accuracy == pytest.approx(expected, abs=0.0005)  # rounding differs between processors
