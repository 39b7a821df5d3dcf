"""Loss and accuracy curves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from clothier.recipes.schema import HardExampleMining
from clothier.report.figures import training_curves

if TYPE_CHECKING:
    from clothier.types import EpochRecord


def test_curves_draw_the_history(history: list[EpochRecord]) -> None:
    loss, accuracy = training_curves.loss_curves(history), training_curves.accuracy_curves(history)
    assert [list(line.get_ydata()) for line in loss.figure.axes[0].lines] == [
        [record.train_loss for record in history],
        [record.validation_loss for record in history],
    ]
    assert list(accuracy.figure.axes[0].lines[1].get_xdata()) == [1, 2, 3, 4]
    assert loss.title == "Validation loss is lowest in epoch 3 of 4"
    assert accuracy.title == "Validation accuracy ends at 80.0\N{NO-BREAK SPACE}%"


def test_a_single_epoch_has_neither_a_fall_nor_a_best_epoch(history: list[EpochRecord]) -> None:
    assert training_curves.loss_curves(history[:1]).title == "Validation loss is 1.21 after one epoch"
    blind = replace(history[0], validation_loss=None, validation_accuracy=None)
    assert training_curves.loss_curves([blind]).title == "Training loss is 1.00 after one epoch"


def test_the_note_says_from_which_epoch_on_the_easy_images_are_skipped(history: list[EpochRecord]) -> None:
    notes = [
        training_curves.accuracy_curves(history, mining).note.replace("\N{NO-BREAK SPACE}", " ")
        for mining in (HardExampleMining(start_epoch=3, fraction=0.3), HardExampleMining(), None)
    ]
    assert "From epoch 3 on, an epoch has 30 % of the images, mostly the hardest" in notes[0]
    assert notes[1].endswith("before each optimizer step.")
    assert notes[2].endswith("Where a recipe changes to the hardest images, it drops while the model improves.")


def test_an_earlier_best_epoch_is_in_the_title(history: list[EpochRecord]) -> None:
    better = [history[0], replace(history[1], validation_accuracy=0.95), *history[2:]]
    assert "; the best epoch, 2, has 95.0" in training_curves.accuracy_curves(better).title


def test_a_best_epoch_with_the_same_rounded_accuracy_is_not_in_the_title(history: list[EpochRecord]) -> None:
    tied = [replace(record, validation_accuracy=0.9212 - 0.0001 * place) for place, record in enumerate(history)]
    assert training_curves.accuracy_curves(tied).title == "Validation accuracy ends at 92.1\N{NO-BREAK SPACE}%"


def test_curves_without_validation_have_one_line(history: list[EpochRecord]) -> None:
    blind = [replace(record, validation_loss=None, validation_accuracy=None) for record in history]
    assert len(training_curves.loss_curves(blind).figure.axes[0].lines) == 1
    assert training_curves.loss_curves(blind).title == "Training loss falls from 1.00 to 0.25"
    assert training_curves.accuracy_curves(blind[:1]).title == "Training accuracy ends at 82.0\N{NO-BREAK SPACE}%"
