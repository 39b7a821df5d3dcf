"""What the reference study printed and claimed, for comparison with our results.

Source: the outputs of its ``Code.ipynb`` and the text of its ``README.md`` and ``Report.pdf``. One run of each model,
10,000 test images.
"""

from __future__ import annotations

from typing import NamedTuple

from clothier.exploration.tsne.map_quality import MapQuality
from clothier.metrics import standard_error

AUTHORS = "Geetesh Challur, Karan Saraswat and Venkat Pitta"
REPOSITORY = "https://github.com/geeteshCh/FashionMNIST_Classification"
ARTICLE = (
    "https://medium.com/@ksaraswat_97923/"
    "fashion-mnist-image-classification-deep-learning-using-dnn-and-cnn-675f786d1b0d"
)

N_TEST = 10_000
CLASSIC_SEEDS = 3
CLASSIC_ACCURACY = {"dnn": 0.8816, "cnn": 0.9017}
"""Means of so many runs of its recipes here, the preset ``classic``: ``benchmarks/results/presets.json``."""

CLAIMED_F1 = 0.90
CLAIMED_CLASSES = ("T-shirt/top", "Pullover", "Dress", "Shirt")
"""The README gives the DNN an F1 above 0.9 in these; its own classification report says otherwise."""


class ReferenceResult(NamedTuple):
    """One model of the study on the test set."""

    accuracy: float  # 0 to 1, from the printed confusion matrix
    claimed_accuracy: str  # as its README states it
    parameters: int
    f1: tuple[float, ...]  # printed, two decimals, in the order of the classes

    @property
    def standard_error(self) -> float:
        """Binomial, of ``accuracy`` over the test images."""
        return standard_error(self.accuracy, N_TEST)


REFERENCE_RESULTS = {
    "dnn": ReferenceResult(0.8850, "89 %", 12_682, (0.83, 0.98, 0.80, 0.89, 0.82, 0.96, 0.70, 0.95, 0.97, 0.96)),
    "cnn": ReferenceResult(0.8970, "90 %", 262_890, (0.85, 0.98, 0.85, 0.90, 0.84, 0.96, 0.73, 0.93, 0.97, 0.95)),
}

REFERENCE_MAP_QUALITY = MapQuality(
    n=5000, knn10=0.691, knn100=0.68, trustworthiness=0.9352753521362374, trustworthiness_n=5000
)
"""Of its t-SNE setting: three dimensions of the first 5,000 raw images, of which it drew the first two. The k-NN
classifier uses 4,000 of them as training images. The study states no quality metric; ``benchmark map`` measures
scikit-learn's t-SNE in this setting."""
