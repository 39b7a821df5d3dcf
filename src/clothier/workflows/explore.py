"""The use case of ``clothier explore``: the data before any model, as figures, numbers and a page."""

from __future__ import annotations

import shlex
import shutil
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from clothier import atomic, bundle, system
from clothier.data.sources import open_dataset
from clothier.errors import DataError, UnknownNameError
from clothier.inference.session import OnnxClassifier
from clothier.report.audit_section import look_at_audit
from clothier.report.captioned_figure import png, svg_file
from clothier.report.explore_sections import SHARES, look_at_classes, look_at_components, look_at_pixels
from clothier.report.formatting import percent
from clothier.report.map_section import look_at_map
from clothier.report.page import render_exploration
from clothier.report.sections import DataSection, Origin
from clothier.runs import RUNS, read_json
from clothier.types import silent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from clothier.data.dataset import Dataset
    from clothier.report.explore_sections import Stage
    from clothier.types import Classifier, Labels, Progress

TASK, DRAWING = "explore", "figures"
FORMAT = 1  # of explore.json
MAPS = ("pixels", "cnn", "none")
AUDITS = ("duplicates", "labels")
SHIPPED_CNN = "fashion-cnn"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExploreOptions:
    """What is asked for.

    Attributes:
        data: a folder, as ``--data`` means it; None for Fashion-MNIST.
        any_idx: take a foreign IDX data set as it is.
        seed: of whatever is drawn at random.
        map: what the map lays out: ``pixels``, the embeddings of a ``cnn``, or ``none``.
        perplexity: of the map; None for the usual one, or less where there are few pictures.
        audit: what is checked: ``duplicates`` and outliers, or ``labels``, too.

    Raises:
        UnknownNameError: no such map or audit.
    """

    data: Path | None = None
    any_idx: bool = False
    seed: int = 0
    map: str = "pixels"
    perplexity: float | None = None
    audit: str = "duplicates"

    def __post_init__(self) -> None:
        for given, kind, known in ((self.map, "kind of map", MAPS), (self.audit, "kind of audit", AUDITS)):
            if given not in known:
                raise UnknownNameError(given, kind, known)

    @property
    def command(self) -> str:
        """What to type to have it made again."""
        data = [] if self.data is None else ["--data", shlex.quote(str(self.data))]
        words = [*data, *(["--any-idx"] if self.any_idx else [])]
        words += [] if self.perplexity is None else ["--perplexity", f"{self.perplexity:g}"]
        words += [word for name in ("seed", "map", "audit") for word in (f"--{name}", str(getattr(self, name)))]
        return " ".join(["clothier explore", *words])

    def to_json(self) -> dict[str, Any]:
        """As ``explore.json`` holds it."""
        return {**asdict(self), "data": None if self.data is None else str(self.data.absolute())}


@dataclass(frozen=True, slots=True)
class Exploration:
    """What was found.

    Attributes:
        section: figures and digests, as the report shows them.
        numbers: name of a stage to what it found, ready for JSON.
        files: name to contents of what lies beside the report.
    """

    section: DataSection
    numbers: Mapping[str, Any]
    files: Mapping[str, bytes]

    @property
    def headline(self) -> str:
        """The answer in one sentence."""
        pca = self.numbers["pca"]
        share, needed = max((share, pca[name]) for name, share in SHARES.items())
        differences = f"{percent(share, 0)} of the differences among {pca['n']:,} pictures"
        return f"{needed} dimensions of {pca['dimensions']:,} carry {differences}"

    def to_json(self) -> dict[str, Any]:
        """As ``study.json`` and ``explore.json`` hold it."""
        return dict(self.numbers)

    def write_files(self, folder: Path) -> None:
        """Writes what lies beside the report.

        Raises:
            StorageError: the disk refused.
        """
        for name, contents in self.files.items():
            atomic.write_bytes(folder / name, contents)


@dataclass(frozen=True, slots=True)
class Explored:
    """The folder of a finished exploration.

    ``explore.json``, ``report.html``, ``map.html``, ``map.npz``, ``audit.csv``, and ``figures/`` with each as PNG and
    as SVG.
    """

    path: Path

    @property
    def report(self) -> Path:
        """The page."""
        return self.path / "report.html"

    def to_json(self) -> dict[str, Any]:
        """``explore.json``."""
        return read_json(self.path / "explore.json")


def explore(
    *,
    out: Path | None = None,
    data: Path | None = None,
    any_idx: bool = False,
    seed: int = 0,
    map: str = "pixels",  # noqa: A002 - the word that a user types
    perplexity: float | None = None,
    audit: str = "duplicates",
    progress: Progress = silent,
) -> Explored:
    """Looks at the data, and writes what was found into a folder; of an exploration that fails nothing is left.

    Args:
        out: the folder; None for ``runs/explore``. Numbered when taken.
        data: see :class:`ExploreOptions`, for the others, too.
        any_idx: likewise.
        seed: likewise.
        map: likewise.
        perplexity: likewise.
        audit: likewise.
        progress: told of every stage and every figure.

    Raises:
        ClothierError: the request, the data or the disk; see each.
    """
    options = ExploreOptions(data=data, any_idx=any_idx, seed=seed, map=map, perplexity=perplexity, audit=audit)
    dataset = open_dataset(data, any_idx=any_idx, any_size=True, progress=progress)
    splits = {"train": dataset.train.labels, "test": dataset.test.labels}
    with _new_folder(out or RUNS / "explore") as folder:
        found = look(dataset, splits, options, shipped_judge(dataset), progress=progress)
        _draw(found.section, folder / "figures", progress)
        origin = Origin(options.command, system.describe())
        found.write_files(folder)
        report = Explored(folder).report
        atomic.write_text(report, render_exploration(found.section, found.headline, origin))
        about = {"format": FORMAT, "options": options.to_json(), "data": dataset.name, "data_digest": dataset.digest}
        content = {**about, **found.to_json(), "environment": system.describe(), "report": str(report)}
        atomic.write_json(folder / "explore.json", content)
    return Explored(folder)


def look(
    dataset: Dataset,
    splits: Mapping[str, Labels],
    options: ExploreOptions,
    judge: Classifier | None,
    *,
    progress: Progress = silent,
) -> Exploration:
    """Every stage in turn; nothing is written.

    Args:
        dataset: what to look at.
        splits: part to its labels (N,), as they will be used.
        options: what is asked for.
        judge: whose answers colour the map, and whose accuracy the audit states; None for nobody's.
        progress: told of every stage.

    Raises:
        DataError: pictures of one class only, or all the same.
        UsageError: a perplexity that does not suit so many pictures.
    """
    require_two_classes(dataset)
    planned: dict[str, Callable[[], Stage]] = {
        "classes": lambda: look_at_classes(dataset, splits, options.seed),
        "pixels": lambda: look_at_pixels(dataset),
        "PCA": lambda: look_at_components(dataset, options.seed),
        "audit": lambda: look_at_audit(
            dataset, judge, labels=options.audit == "labels", seed=options.seed, progress=progress
        ),
    }
    if options.map != "none":
        mapped = _mapped(options.map)
        planned["map"] = lambda: look_at_map(
            dataset, mapped, judge, perplexity=options.perplexity, seed=options.seed, progress=progress
        )
    stages: list[Stage] = []
    for name, stage in planned.items():
        progress(TASK, len(stages), len(planned), name)
        stages.append(stage())
    progress(TASK, len(stages), len(planned))
    return _together(dataset, splits, stages)


def shipped_judge(dataset: Dataset) -> Classifier | None:
    """The CNN that ships, where the data set has its classes and its pictures' size."""
    shipped = OnnxClassifier(bundle.find(SHIPPED_CNN))
    suits = shipped.classes == dataset.classes and shipped.view.shape == dataset.train.images.shape[1:]
    return shipped if suits else None


def require_two_classes(dataset: Dataset) -> None:
    """Refuses data in which there is nothing to compare.

    Raises:
        DataError: all training pictures are of one class.
    """
    counts = dataset.train.counts(len(dataset.classes))
    if (counts > 0).sum() < 2:
        raise DataError(
            f"all {len(dataset.train)} training pictures of {dataset.name} are of one class, "
            f"{dataset.classes[int(counts.argmax())]}; two or more are needed to compare. Add pictures of another."
        )


def _mapped(kind: str) -> Classifier | None:
    """Whose embeddings ``--map`` lays out; None for the pixels."""
    return OnnxClassifier(bundle.find(SHIPPED_CNN)) if kind == "cnn" else None


def _together(dataset: Dataset, splits: Mapping[str, Labels], stages: Sequence[Stage]) -> Exploration:
    numbers: dict[str, Any] = {stage.name: stage.numbers for stage in stages}
    section = DataSection(
        name=dataset.name,
        chapters=[stage.chapter for stage in stages],
        digests=dataset.digests,
        splits={name: len(labels) for name, labels in splits.items()},
        components_for_90=numbers["pca"]["components_for_90"],
        remarks=_remarks(dataset),
    )
    failures = [failure.to_json() for failure in dataset.failures]
    files = {name: contents for stage in stages for name, contents in stage.files.items()}
    return Exploration(section, {"map": None, **numbers, "failures": failures}, files)


@contextmanager
def _new_folder(path: Path) -> Iterator[Path]:
    """A new folder at ``path``, or beside it when that is taken; gone again if the block fails."""
    folder = atomic.new_folder(path)
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _draw(section: DataSection, folder: Path, progress: Progress) -> None:
    """Every figure, as PNG and as SVG."""
    for done, (name, drawing) in enumerate(section.figures.items()):
        progress(DRAWING, done, len(section.figures), name)
        atomic.write_bytes(folder / f"{name}.png", png(drawing))
        atomic.write_text(folder / f"{name}.svg", svg_file(drawing, name))
    progress(DRAWING, len(section.figures), len(section.figures))


def _remarks(dataset: Dataset) -> tuple[str, ...]:
    if not dataset.failures:
        return dataset.notes
    return (*dataset.notes, f"Files that could not be read, and are not among them: {len(dataset.failures):,}.")
