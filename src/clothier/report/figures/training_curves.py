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

    from clothier.recipes.schema import HardExampleMining
    from clothier.types import EpochRecord


def loss_curves(history: Sequence[EpochRecord]) -> CaptionedFigure:
    """Training and, where there is any, validation loss by epoch."""
    figure, axes, train, validation = _plot_curves(history, "loss")
    axes.set_ylabel("loss, nats")
    axes.set_ylim(bottom=0)
    is_single = len(history) == 1
    title = f"Training loss falls from {train[0]:.2f} to {train[-1]:.2f}"
    title = f"Training loss is {train[0]:.2f} after one epoch" if is_single else title
    content = f"Loss by epoch. Training ends at {train[-1]:.3f} nats"
    if validation:
        lowest = validation.index(min(validation))
        is_last = lowest == len(validation) - 1
        title = f"Validation loss is lowest in {'the last epoch' if is_last else f'epoch {history[lowest].epoch}'}"
        title += "" if is_last else f" of {len(history)}"
        title = f"Validation loss is {validation[0]:.2f} after one epoch" if is_single else title
        content += f", validation at {validation[-1]:.3f}"
    note = (
        "The training loss includes augmentation and label smoothing, where the recipe has them, so it can lie above "
        "the validation loss."
    )
    return CaptionedFigure(figure, title, content, note)


def accuracy_curves(history: Sequence[EpochRecord], mining: HardExampleMining | None = None) -> CaptionedFigure:
    """Training and, where there is any, validation accuracy by epoch; ``mining`` is the recipe's, if it is known."""
    figure, axes, train, validation = _plot_curves(history, "accuracy")
    axes.set_ylabel("accuracy")
    percent_axis(axes.yaxis)
    title = f"Training accuracy ends at {format_percent(train[-1])}"
    if validation:
        last, highest = format_percent(validation[-1]), format_percent(max(validation))
        best = history[validation.index(max(validation))].epoch
        title = f"Validation accuracy ends at {last}"
        title += "" if highest == last else f"; the best epoch, {best}, has {highest}"
    note = f"Training accuracy is measured on augmented images, before each optimizer step.{_mining_note(mining)}"
    return CaptionedFigure(figure, title, "Accuracy by epoch", note)


def _mining_note(mining: HardExampleMining | None) -> str:
    """Why training accuracy drops where the easy images are skipped."""
    if mining is None:
        return " Where a recipe changes to the hardest images, it drops while the model improves."
    if mining.fraction == 1:
        return ""
    return (
        f" From epoch {mining.start_epoch} on, an epoch has {format_percent(mining.fraction, 0)} of the images, mostly "
        "the hardest, so training accuracy drops while the model improves."
    )


@rc_context(STYLE)
def _plot_curves(history: Sequence[EpochRecord], metric: str) -> tuple[Figure, Axes, list[float], list[float]]:
    """Also returns the values of ``metric``; those of validation are empty unless every epoch has one."""
    figure, axes = new_plot(3.0)
    epochs = [record.epoch for record in history]
    train, validation = ([getattr(one, f"{split}_{metric}") for one in history] for split in ("train", "validation"))
    validation = [] if None in validation else validation
    for values, color, name in ((train, SECONDARY, "training"), (validation, PRIMARY, "validation")):
        if values:
            marker = "o" if len(epochs) <= 12 else None
            axes.plot(epochs, values, color=color, marker=marker, markersize=4, label=name)
    axes.set_xlabel("epoch")
    axes.set_xlim(0.7, max(len(epochs), 2) + 0.3)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
    legend_above(axes)
    return figure, axes, train, validation
