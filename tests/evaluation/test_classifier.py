"""Metrics and logits of a classifier in one pass."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from clothier import metrics
from clothier.data.dataset import Dataset, LabeledImages
from clothier.errors import UsageError
from clothier.evaluation.classifier import evaluate_classifier, require_same_classes
from clothier.recipes import Augment
from tests.fakes import table_classifier

CLASSES = ("Bag", "Coat", "Shirt")


def test_metrics_are_those_of_the_logits() -> None:
    data = LabeledImages(np.array([0, 1, 2], np.uint8).repeat(784).reshape(3, 28, 28), np.array([0, 2, 1]))
    classifier = table_classifier([(0.7, 0.2, 0.1), (0.2, 0.2, 0.6), (0.5, 0.3, 0.2)], CLASSES)
    evaluation, logits = evaluate_classifier(classifier, data)
    assert evaluation == metrics.evaluate_logits(logits, data.labels, CLASSES)
    assert evaluation.accuracy == 2 / 3
    np.testing.assert_array_equal(logits, classifier.run(data.images).logits)


def test_known_logits_are_not_computed_again() -> None:
    data = LabeledImages(np.zeros((2, 28, 28), np.uint8), np.array([0, 1]))
    classifier = table_classifier([(0.7, 0.2, 0.1)], CLASSES)
    known = np.eye(3, dtype=np.float32)[:2]
    evaluation, logits = evaluate_classifier(classifier, data, logits=known)
    assert (evaluation.accuracy, logits is known, classifier.batches) == (1, True, [])


def test_accuracy_with_test_time_augmentation() -> None:
    data = LabeledImages(np.zeros((3, 28, 28), np.uint8), np.array([0, 2, 1]))
    classifier = table_classifier([(0.7, 0.2, 0.1)], CLASSES)  # the same for every black image, flipped or not
    plain, _ = evaluate_classifier(classifier, data)
    for augment, expected in ((Augment(), None), (Augment(cutout=4), None), (Augment(flip=True), 1 / 3)):
        assert evaluate_classifier(classifier, data, augment)[0] == replace(plain, accuracy_tta=expected)


def test_letter_case_of_classes_does_not_matter_but_their_order_does() -> None:
    images = LabeledImages(np.zeros((3, 28, 28), np.uint8), np.array([0, 2, 1]))
    classifier = table_classifier([(0.7, 0.2, 0.1)], CLASSES)
    require_same_classes([classifier], Dataset("Lower", ("bag", "COAT", "Shirt"), images, images, {}))
    with pytest.raises(UsageError, match="fake has the classes Bag, Coat, Shirt, but Other has Coat, Bag, Shirt"):
        require_same_classes([classifier], Dataset("Other", ("Coat", "Bag", "Shirt"), images, images, {}))
