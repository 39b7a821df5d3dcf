"""The use case of ``clothier doctor``: what is here, what training will use, and advice where something is amiss.

It looks and changes nothing: no data are fetched, no folder is made.
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

if TYPE_CHECKING:
    from pathlib import Path

STUDY_MEMORY = 2_500_000_000  # bytes; `clothier study --preset fast` stays below at its peak
STUDY_DISK = 1_000_000_000  # bytes; data and many runs fit


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: what was looked at.
        ok: whether all is well with it.
        detail: what there is.
        advice: what to do when it is not ok, or could be done; may be empty.
    """

    name: str
    ok: bool
    detail: str
    advice: str = ""

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """What ``clothier doctor`` found.

    Attributes:
        system: as :func:`clothier.system.describe` gives it.
        training: ``type``, ``threads``, ``precision`` and ``reason`` of the device that training takes, or None.
        data: folder of a whole copy of Fashion-MNIST, or None.
        models: names of the models that ship with this installation.
        checks: one a thing looked at.
    """

    system: dict[str, Any]
    training: dict[str, Any] | None
    data: Path | None
    models: list[str]
    checks: tuple[Check, ...]

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return {
            "system": self.system,
            "training": self.training,
            "data": None if self.data is None else str(self.data),
            "models": self.models,
            "checks": [finding.to_json() for finding in self.checks],
        }


def run_checks() -> DoctorReport:
    """Looks at the machine, the installation, the data and the models."""
    training, about_training = _training()
    data, about_data = _data()
    models = bundle.bundled()
    findings = (_processor(), _memory(), about_training, about_data, _models(models), _disk(sources.cache_folder()))
    return DoctorReport(system.system_info(), training, data, models, findings)


def _processor() -> Check:
    """The processor, and whether as many threads will be used as there are cores to use."""
    cores = system.available_cores()
    sets = " ".join(system.instruction_sets()) or "instruction sets unknown"
    found = f"{system.cpu_model() or 'unknown'}, {cores} usable cores, {sets}"
    threads = os.environ.get("OMP_NUM_THREADS", str(cores))
    if threads == str(cores):
        return Check("processor", True, found)
    return Check(
        "processor",
        False,
        f"{found}; OMP_NUM_THREADS={threads}",
        f"Training will use {threads} threads on {cores} cores; unset OMP_NUM_THREADS unless that is meant.",
    )


def _memory() -> Check:
    size = system.available_memory()
    if size is None:
        return Check("memory", True, "the system does not tell")
    if size >= STUDY_MEMORY:
        return Check("memory", True, _format_gb(size))
    return Check(
        "memory", False, _format_gb(size), f"The study wants {_format_gb(STUDY_MEMORY)}; predicting needs far less."
    )


def _training() -> tuple[dict[str, Any] | None, Check]:
    """The device that training takes. PyTorch is optional, and whether it can be loaded is what is asked here."""
    if find_spec("torch") is None:
        found = "PyTorch is not installed, and using models does not need it"
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


def _data() -> tuple[Path | None, Check]:
    """The first whole copy of Fashion-MNIST, and what is wrong with the others."""
    damaged = ""
    for folder in (sources.cache_folder(), FASHION_MNIST.system_dir):
        try:
            if not idx_files.find_files(folder):
                continue
            found = sources.fetch(folder, release=FASHION_MNIST).folder
        except DataError as error:
            damaged = str(error)
        else:
            return found, Check("data", not damaged, f"Fashion-MNIST in {found}", damaged)
    advice = damaged or "The first command that needs it fetches it; to fetch it now: clothier data"
    return None, Check("data", not damaged, "Fashion-MNIST is not here yet", advice)


def _models(names: list[str]) -> Check:
    if names:
        return Check("models", True, ", ".join(names))
    return Check("models", False, "none ship with this installation", "Train one: clothier train cnn")


def _disk(cache: Path) -> Check:
    """Room where the cache is, or will be."""
    there = next(folder for folder in (cache, *cache.absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(there).free
    found = f"{_format_gb(free)} free at {cache}"
    if not os.access(there, os.W_OK):
        return Check("cache", False, f"{there} cannot be written", "Set CLOTHIER_CACHE to a folder of your own.")
    if free < STUDY_DISK:
        return Check("cache", False, found, "Make room, or set CLOTHIER_CACHE to a folder on another disk.")
    return Check("cache", True, found)


def _format_gb(size: float) -> str:
    return f"{size / 1e9:.1f} GB"
