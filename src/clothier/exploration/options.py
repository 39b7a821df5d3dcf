"""The options of an exploration."""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from clothier.data.columns import Columns
from clothier.errors import UnknownNameError, UsageError
from clothier.recipes.bounds import MANY, check_seed

if TYPE_CHECKING:
    from pathlib import Path

MAPS = ("pixels", "cnn", "none")
AUDITS = ("duplicates", "labels")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExploreOptions:
    """The options of ``clothier explore``.

    Attributes:
        data: a folder, as ``--data`` means it, or a CSV of labeled images; None for Fashion-MNIST.
        columns: of the CSV.
        any_idx: accept an IDX dataset that is not Fashion-MNIST.
        seed: of all random choices.
        map: what is mapped: ``pixels``, the embeddings of a ``cnn``, or ``none``.
        perplexity: of the map; None for 30, or less where there are few images.
        audit: ``duplicates`` finds duplicates and outliers, ``labels`` also suspected label errors (minutes).

    Raises:
        UsageError: no such map or audit, or a seed or a perplexity that no map can have.
    """

    data: Path | None = None
    columns: Columns = field(default_factory=Columns)
    any_idx: bool = False
    seed: int = 0
    map: str = "pixels"
    perplexity: float | None = None
    audit: str = "duplicates"

    def __post_init__(self) -> None:
        for given, kind, known in ((self.map, "kind of map", MAPS), (self.audit, "kind of audit", AUDITS)):
            if given not in known:
                raise UnknownNameError(given, kind, known)
        object.__setattr__(self, "seed", check_seed(self.seed))
        perplexity: Any = self.perplexity
        if perplexity is not None and not (isinstance(perplexity, (int, float)) and 1 <= perplexity <= MANY):
            raise UsageError(f"the perplexity is {perplexity!r}; it must be a number from 1 to {MANY:,}.")

    @property
    def command(self) -> str:
        """The command line that reproduces the exploration."""
        data = [] if self.data is None else ["--data", str(self.data), *self.columns.options]
        words = [*map(shlex.quote, data), *(["--any-idx"] if self.any_idx else [])]
        words += [] if self.perplexity is None else ["--perplexity", f"{self.perplexity:g}"]
        words += [word for name in ("seed", "map", "audit") for word in (f"--{name}", str(getattr(self, name)))]
        return " ".join(["clothier explore", *words])

    def to_json(self) -> dict[str, Any]:
        """As ``explore.json`` holds it."""
        return {**asdict(self), "data": None if self.data is None else str(self.data.absolute())}
