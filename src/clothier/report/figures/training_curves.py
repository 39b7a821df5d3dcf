"""Loss and accuracy curves of a training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib import rc_context
from matplotlib.ticker import MaxNLocator

from clothier.report.captioned_figure import CaptionedFigure
from clothier.report.formatting import format_percent
from clothier.report.style import PRIMARY, SECONDARY, STYLE, legend_above, new_plot, percent_axis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from clothier.types import EpochRecord


def loss_curves(history: Sequence[EpochRecord]) -> CaptionedFigure:
    """Training and, where there is any, validation loss by epoch."""
    train, validation = [e.train_loss for e in history], _complete_or_empty([e.validation_loss for e in history])
    figure, axes = _plot_curves(history, train, validation)
    axes.set_ylabel("loss, nats")
    axes.set_ylim(bottom=0)
    title = f"Training loss falls from {train[0]:.2f} to {train[-1]:.2f}"
    content = f"Loss by epoch. Training ends at {train[-1]:.3f} nats"
    if validation:
        content += f", validation at {validation[-1]:.3f}"
        lowest = min(range(len(validation)), key=validation.__getitem__)
        is_last = lowest == len(validation) - 1
        epoch = "the last epoch" if is_last else f"epoch {history[lowest].epoch} of {len(history)}"
        title = f"Validation loss is lowest in {epoch}"
    note = "The training loss includes augmentation and label smoothing, where the recipe has them."
    return CaptionedFigure(figure, title, content, note)


def accuracy_curves(history: Sequence[EpochRecord]) -> CaptionedFigure:
    """Training and, where there is any, validation accuracy by epoch."""
    train = [e.train_accuracy for e in history]
    validation = _complete_or_empty([e.validation_accuracy for e in history])
    figure, axes = _plot_curves(history, train, validation)
    axes.set_ylabel("accuracy")
    percent_axis(axes.yaxis)
    title = f"Training accuracy ends at {format_percent(train[-1])}"
    if validation:
        best = max(range(len(validation)), key=validation.__getitem__)
        last, highest = format_percent(validation[-1]), format_percent(validation[best])
        title = f"Validation accuracy ends at {last}"
        title += "" if highest == last else f"; the best epoch, {history[best].epoch}, has {highest}"
    note = "Training accuracy is measured on augmented images, before each optimizer step."
    return CaptionedFigure(figure, title, "Accuracy by epoch", note)


def _complete_or_empty(values: Sequence[float | None]) -> list[float]:
    """All values if every epoch has one, else an empty list: a recipe has validation images or it does not."""
    known = [value for value in values if value is not None]
    return known if len(known) == len(values) else []


@rc_context(STYLE)
def _plot_curves(
    history: Sequence[EpochRecord], train: Sequence[float], validation: Sequence[float]
) -> tuple[Figure, Axes]:
    figure, axes = new_plot(3.0)
    epochs = [record.epoch for record in history]
    marker = "o" if len(epochs) <= 12 else None
    for values, color, name in ((train, SECONDARY, "training"), (validation, PRIMARY, "validation")):
        if values:
            axes.plot(epochs, values, color=color, marker=marker, markersize=4, label=name)
    axes.set_xlabel("epoch")
    axes.set_xlim(0.7, max(len(epochs), 2) + 0.3)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
    legend_above(axes)
    return figure, axes
