"""The use case of ``clothier train``: data and a recipe in, a run folder out; stoppable and resumable anywhere."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clothier import recipes
from clothier.data.sources import open_dataset
from clothier.data.splits import stratified_split
from clothier.errors import DataError, Interrupted, ModelError, UsageError
from clothier.learning import checkpoint
from clothier.learning.device import choose
from clothier.learning.distributed import Team, team
from clothier.learning.engine import begin, fit
from clothier.learning.networks import build
from clothier.records import silent
from clothier.runs import Run, new_run, read_json
from clothier.workflows.deliver import Trained, deliver

if TYPE_CHECKING:
    from clothier.data.dataset import Dataset, Labelled
    from clothier.learning.engine import Training
    from clothier.learning.networks import AnyNetwork
    from clothier.records import EpochRecord, Progress

RUNS = Path("runs")


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """What is asked for.

    Attributes:
        recipe: every number of the training.
        data: a folder, as ``--data`` means it; None for Fashion-MNIST.
        any_idx: take a foreign IDX data set as it is.
        out: the run folder; None for ``runs/MODEL-PRESET``. Numbered when taken.
        seed: of weights, order, augmentation and dropout.
        time_limit: seconds; the schedule hastens to end by then.
    """

    recipe: recipes.Recipe
    data: Path | None = None
    any_idx: bool = False
    out: Path | None = None
    seed: int = 0
    time_limit: float | None = None

    def to_json(self) -> dict[str, Any]:
        """What ``config.json`` holds of it; where the run lies is no part of what it does."""
        return {
            "format": 1,
            "recipe": self.recipe.to_json(),
            "data": None if self.data is None else str(self.data.absolute()),
            "any_idx": self.any_idx,
            "seed": self.seed,
            "time_limit": self.time_limit,
        }


def options_from_config(path: Path) -> TrainOptions:
    """The options that a run's ``config.json`` holds.

    Raises:
        ModelError: the file is missing or damaged.
        UsageError: a field of its recipe is unknown, or of another type.
    """
    config = read_json(path)
    try:
        return TrainOptions(
            recipe=recipes.from_json(config["recipe"]),
            data=None if config["data"] is None else Path(config["data"]),
            any_idx=config["any_idx"],
            seed=config["seed"],
            time_limit=config["time_limit"],
        )
    except KeyError as error:
        raise ModelError(f"{path} is no configuration of a run: it lacks {error}. Give a run's config.json.") from error


def train(
    options: TrainOptions,
    *,
    dataset: Dataset | None = None,
    network: AnyNetwork | None = None,
    progress: Progress = silent,
) -> Run:
    """Trains a model from its first step to its report.

    Args:
        options: what is asked for.
        dataset: what ``options.data`` means, if it is in memory already.
        network: a network of the user's own in place of the recipe's: (N, 1, H, W) float32 pictures in [0, 1] to
            (N, K) logits. Where it has ``features`` and ``head``, what lies between them becomes the embedding.
        progress: told of every epoch.

    Raises:
        Interrupted: Ctrl-C; the run can be resumed.
        ClothierError: the data, the recipe or the disk; see each.
    """
    dataset = dataset or open_dataset(options.data, any_idx=options.any_idx, progress=progress)
    with team() as members:
        run = members.agree(_begin_run(options, dataset, network) if members.leads else None)
        if run is None:
            raise RuntimeError("the leading process began no run")
        trained = _learn(run, options, dataset, network, members, progress)
    if members.leads:
        deliver(run, trained, dataset, progress)
    return run


def resume(
    path: Path,
    *,
    expected: TrainOptions | None = None,
    dataset: Dataset | None = None,
    network: AnyNetwork | None = None,
    progress: Progress = silent,
) -> Run:
    """Goes on with a run exactly where its last whole epoch ended; one that has ended is left as it is.

    Args:
        path: the run folder.
        expected: options that must be the run's own.
        dataset: what the run's data are, if they are in memory already.
        network: the user's own network, if the run was begun with one.
        progress: told of every epoch.

    Raises:
        UsageError: the run was begun with other options.
        DataError: the data are not those that the run was begun on.
        ModelError: there is no run, or its checkpoint is damaged.
    """
    run = Run(path)
    options = options_from_config(path / "config.json")
    _require_same(options, expected, run)
    if run.is_finished:
        return run
    _require_network(run, network)
    dataset = dataset or open_dataset(options.data, any_idx=options.any_idx, progress=progress)
    if dataset.digest != run.config["data_digest"]:
        raise DataError(
            f"the data have changed since {path} was begun: their digest is {dataset.digest}, the run says "
            f"{run.config['data_digest']}. Bring the old data back, or train anew."
        )
    with team() as members:
        trained = _learn(run, options, dataset, network, members, progress)
    if members.leads:
        deliver(run, trained, dataset, progress)
    return run


def train_model(
    model: str,
    *,
    preset: str = "fast",
    recipe: recipes.Recipe | None = None,
    network: AnyNetwork | None = None,
    progress: Progress = silent,
    **options: Any,
) -> Run:
    """``clothier.train("cnn", preset="fast")``: :func:`train` in a notebook's words.

    Args:
        model: ``dnn`` or ``cnn``.
        preset: a shipped recipe.
        recipe: a recipe of one's own, in place of the preset.
        network: a network of one's own, in place of the recipe's.
        progress: told of every epoch.
        options: the other fields of :class:`TrainOptions`.
    """
    chosen = recipe or recipes.preset(model, preset)
    return train(TrainOptions(recipe=chosen, **options), network=network, progress=progress)


def split(dataset: Dataset, recipe: recipes.Recipe) -> tuple[Labelled, Labelled]:
    """The training pictures as the recipe splits them: to learn from, and to choose by."""
    held_out = round(recipe.validation * len(dataset.train))
    kept, held = stratified_split(dataset.train.labels, held_out)
    return dataset.train.take(kept), dataset.train.take(held)


def _begin_run(options: TrainOptions, dataset: Dataset, network: AnyNetwork | None) -> Run:
    run = new_run(options.out or RUNS / f"{options.recipe.model}-{options.recipe.preset}")
    own = None if network is None else type(network).__name__
    run.begin({**options.to_json(), "data_digest": dataset.digest, "own_network": own})
    return run


def _learn(
    run: Run, options: TrainOptions, dataset: Dataset, network: AnyNetwork | None, members: Team, progress: Progress
) -> Trained:
    """Trains to the recipe's end, saving every epoch."""
    recipe = options.recipe
    learning, validation = split(dataset, recipe)
    training = _prepared(options, learning, len(dataset.classes), network)
    records = _take_up(run, training, members)
    try:
        for record in fit(
            training.network,
            learning,
            validation,
            recipe,
            seed=options.seed,
            training=training,
            time_limit=options.time_limit,
            team=members,
        ):
            records.append(record)
            if members.leads:
                checkpoint.save(run.checkpoint, training, records)
                run.append_result(record)
                progress(f"train {recipe.model}", record.epoch, recipe.epochs, _note(record))
    except KeyboardInterrupt as stop:
        raise Interrupted(run.path) from stop
    return Trained(training.network, recipe, options.seed, tuple(records), training.seconds, validation)


def _prepared(options: TrainOptions, learning: Labelled, classes: int, network: AnyNetwork | None) -> Training:
    """A network fitted to the pictures as far as it must be before its first step; the time counts as training."""
    started = time.perf_counter()
    network = network or build(options.recipe.network, learning.images, classes, options.seed)
    training = begin(network, options.recipe, choose(options.recipe.precision))
    return replace(training, seconds=time.perf_counter() - started)


def _take_up(run: Run, training: Training, members: Team) -> list[EpochRecord]:
    """The epochs of the run's checkpoint; at the start there is none yet, and the first is written."""
    records = checkpoint.restore(run.checkpoint, training) if run.checkpoint.exists() else []
    if members.leads:
        checkpoint.save(run.checkpoint, training, records)
        run.write_results(records)
    return records


def _note(record: EpochRecord) -> str:
    return "" if record.validation_accuracy is None else f"validation {100 * record.validation_accuracy:.1f} %"


def _require_same(options: TrainOptions, expected: TrainOptions | None, run: Run) -> None:
    if expected is None:
        return
    ours, theirs = options.to_json(), expected.to_json()
    differing = [name for name in ours if ours[name] != theirs[name]]
    if differing:
        name = differing[0]
        raise UsageError(
            f"{run.path} was begun with other options: its {name} is {ours[name]!r}, now it is {theirs[name]!r}. "
            "Resume it without options, or train anew."
        )


def _require_network(run: Run, network: AnyNetwork | None) -> None:
    own = run.config.get("own_network")
    if own and network is None:
        raise UsageError(
            f"{run.path} trains a network of your own, {own}; resume it from Python: "
            "clothier.workflows.train.resume(path, network=...)."
        )
