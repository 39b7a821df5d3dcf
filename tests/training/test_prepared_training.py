from __future__ import annotations

from typing import TYPE_CHECKING

from clothier.data.dataset import Dataset
from clothier.recipes import HardExampleMining, PcaMlp, Recipe
from clothier.taxonomy import FASHION_MNIST_CLASSES
from clothier.training.ddp import ProcessGroup
from clothier.training.options import TrainOptions
from clothier.training.prepared_training import prepare, train_network
from clothier.types import no_progress
from tests.synthetic import draw_garments

if TYPE_CHECKING:
    from clothier.runs import Run


def test_the_steps_of_a_result_are_those_that_were_made(run: Run) -> None:
    """Of 90 images, 32 a step, two are full batches; mining leaves 45 images, one batch."""
    mining = HardExampleMining(start_epoch=3, fraction=0.5)
    recipe = Recipe(
        model="dnn",
        preset="fast",
        network=PcaMlp(components=8, hidden=(8,)),
        epochs=4,
        batch_size=32,
        validation=0.25,
        hard_example_mining=mining,
    )
    dataset = Dataset("Drawn", FASHION_MNIST_CLASSES, draw_garments(120, 0), draw_garments(10, 1), {})
    result = train_network(run, prepare(TrainOptions(recipe=recipe), dataset), ProcessGroup(), None, no_progress)
    assert (len(result.records), result.steps) == (4, 2 + 2 + 1 + 1)
