"""``clothier doctor``: checks of the machine, the installation, the data and the models, with advice.

It changes nothing: it fetches no data and creates no folder.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from clothier import bundle, system
from clothier.data import idx_files, sources
from clothier.data.release import FASHION_MNIST
from clothier.errors import DataError
from clothier.paths import is_folder

if TYPE_CHECKING:
    from pathlib import Path

STUDY_MEMORY = 2_500_000_000  # bytes; the peak of `clothier study --preset fast` is lower
STUDY_DISK = 1_000_000_000  # bytes; enough for the data and many runs


@dataclass(frozen=True, slots=True)
class Check:
    """What was checked, whether it is in order, what was found, and what to do."""

    name: str
    ok: bool
    detail: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """The results of all checks.

    Attributes:
        system: as :func:`clothier.system.system_info` returns it.
        training: ``type``, ``threads``, ``precision`` and ``reason`` of the device for training; None without PyTorch.
        data: folder of a complete copy of Fashion-MNIST, or None.
        models: names of the bundled models.
        checks: the results.
    """

    system: dict[str, Any]
    training: dict[str, Any] | None
    data: str | None
    models: list[str]
    checks: list[Check]

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return asdict(self)


def run_checks() -> DoctorReport:
    """Checks the machine, the installation, the data and the models."""
    training, training_check = _training()
    data, data_check = _data()
    models = bundle.bundled()
    checks = [_processor(), _memory(), training_check, data_check, _models(models), _disk(sources.cache_folder())]
    return DoctorReport(system.system_info(), training, data, models, checks)


def _processor() -> Check:
    cores = system.available_cores()
    sets = " ".join(system.instruction_sets()) or "instruction sets unknown"
    found = f"{system.cpu_model() or 'unknown'}, {cores} available cores, {sets}"
    threads = os.environ.get("OMP_NUM_THREADS", str(cores))
    if threads == str(cores):
        return Check("processor", True, found)
    advice = f"Training will use {threads} threads on {cores} cores. Unset OMP_NUM_THREADS to use all cores."
    return Check("processor", False, f"{found}; OMP_NUM_THREADS={threads}", advice)


def _memory() -> Check:
    size = system.available_memory()
    found = "unknown" if size is None else _format_gb(size)
    if size is None or size >= STUDY_MEMORY:
        return Check("memory", True, found)
    return Check("memory", False, found, f"The study needs {_format_gb(STUDY_MEMORY)}; predicting needs far less.")


def _training() -> tuple[dict[str, Any] | None, Check]:
    """The device for training. PyTorch is optional, and this checks whether it can be loaded."""
    if find_spec("torch") is None:
        found = "PyTorch is not installed. Using models does not need it."
        return None, Check("training", True, found, "To train: pip install 'clothier[train]'")
    try:
        from clothier.training import device
    except (ImportError, OSError) as error:
        advice = "Install it again: pip install --force-reinstall torch"
        return None, Check("training", False, f"PyTorch cannot be loaded: {error}", advice)
    chosen = device.select_device()
    training = {name: getattr(chosen, name) for name in ("type", "threads", "precision", "reason")}
    found = f"{chosen.type}, {chosen.threads} threads, {chosen.precision}: {chosen.reason}"
    return training, Check("training", True, found)


def _data() -> tuple[str | None, Check]:
    """The first complete copy of Fashion-MNIST, and what is wrong with others."""
    damaged = ""
    for folder in (sources.cache_folder(), FASHION_MNIST.system_dir):
        try:
            if idx_files.find_files(folder):
                found = str(sources.fetch(folder, release=FASHION_MNIST).folder)
                return found, Check("data", not damaged, f"Fashion-MNIST in {found}", damaged)
        except DataError as error:
            damaged = str(error)
    advice = damaged or "The first command that needs it downloads it. To download it now: clothier data"
    return None, Check("data", not damaged, "Fashion-MNIST was not downloaded yet", advice)


def _models(names: list[str]) -> Check:
    if names:
        return Check("models", True, ", ".join(names))
    return Check("models", False, "this installation contains no models", "Train one: clothier train cnn")


def _disk(cache: Path) -> Check:
    existing = next(
        folder for folder in (cache, *cache.absolute().parents) if is_folder(folder)
    )  # it may not exist yet
    free = shutil.disk_usage(existing).free
    found = f"{_format_gb(free)} free at {cache}"
    if not os.access(existing, os.W_OK):
        return Check("cache", False, f"{existing} is not writable", "Set CLOTHIER_CACHE to a writable folder.")
    if free < STUDY_DISK:
        return Check("cache", False, found, "Free disk space, or set CLOTHIER_CACHE to a folder on another disk.")
    return Check("cache", True, found)


def _format_gb(size: float) -> str:
    return f"{size / 1e9:.1f} GB"
