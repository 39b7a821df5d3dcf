"""Downloads and unpacks a Debian package without root and without changing the system.

apt-get uses a temporary folder for its lists and its cache, and the system's package sources and keys, so that
signatures are checked as usual. Nothing is installed, and the temporary folder is removed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from clothier.errors import DataError
from clothier.types import no_progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clothier.types import Progress

APT_TIMEOUT = 600.0  # seconds for one call of apt-get; a slow connection needs minutes for 31 MB
REQUIRED_TOOLS = ("apt-get", "dpkg-deb")

# Read after the system's settings. It drops the hooks for the system's lists, and the downloads that are not needed:
# translations, desktop metadata, contents, sources. APT::Sandbox::User: root would otherwise download as the user
# _apt, who has no access to a private folder.
APT_CONFIG = """
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Dir::State "{root}/state";
Dir::State::lists "lists/";
Dir::Cache "{root}/cache";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
APT::Sandbox::User "";
APT::Status-Fd "1";
Acquire::Languages "none";
Acquire::GzipIndexes "true";
Acquire::Retries "1";
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb::CNF::DefaultEnabled "false";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
Acquire::IndexTargets::deb-src::Sources::DefaultEnabled "false";
"""


def missing_tools() -> list[str]:
    """The required programs that are not installed."""
    return [tool for tool in REQUIRED_TOOLS if shutil.which(tool) is None]


@contextmanager
def unpack_package(package: str, *, progress: Progress = no_progress) -> Iterator[Path]:
    """Yields a temporary folder with the files of ``package`` at their paths relative to ``/``.

    Raises:
        DataError: apt-get does not find the package, has no connection, or takes too long.
    """
    with tempfile.TemporaryDirectory(prefix="clothier-apt-", ignore_cleanup_errors=True) as name:
        root = Path(name)
        archive = _download(package, root, progress)
        yield _extract(archive, root / "files")


def _extract(archive: Path, folder: Path) -> Path:
    outcome = subprocess.run(  # noqa: S603 - fixed program, our own paths
        ["dpkg-deb", "--extract", str(archive), str(folder)],  # noqa: S607
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
    )
    if outcome.returncode:
        raise DataError(f"{archive.name} cannot be unpacked: {outcome.stderr.strip()}")
    return folder


def _download(package: str, root: Path, progress: Progress) -> Path:
    for folder in ("state/lists/partial", "cache/archives/partial"):
        (root / folder).mkdir(parents=True)
    (root / "apt.conf").write_text(APT_CONFIG.format(root=root))
    # Unrelated package sources may fail; only the download decides.
    errors = _run_apt(["update"], root, "reading Debian's package lists", progress)
    errors += _run_apt(["download", package], root, f"downloading Debian's {package}", progress)
    archives = sorted(root.glob("*.deb"))
    if not archives:
        reasons = " ".join(dict.fromkeys(errors)) or "it gave no reason."
        raise DataError(f"apt-get could not download {package}: {reasons}")
    return archives[0]


def _run_apt(arguments: list[str], root: Path, task: str, progress: Progress) -> list[str]:
    """Runs apt-get in ``root`` and returns its errors and warnings, one line each."""
    errors = []
    with subprocess.Popen(  # noqa: S603 - fixed program, arguments are ours
        ["apt-get", "--config-file", str(root / "apt.conf"), "--quiet=2", *arguments],  # noqa: S607
        cwd=root,
        env={**os.environ, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        timer = threading.Timer(APT_TIMEOUT, process.kill)
        timer.start()
        try:
            for line in process.stdout or ():
                if line.startswith("dlstatus:"):
                    progress(task, float(line.split(":")[2]), 100.0)
                elif line.startswith(("E:", "W:")):
                    errors.append(line.strip())
        except BaseException:  # Ctrl-C, or an error of the progress callback: do not wait for apt-get
            process.kill()
            raise
        finally:
            timer.cancel()
    if process.returncode == -signal.SIGKILL:
        errors.append(f"'apt-get {' '.join(arguments)}' was stopped after {APT_TIMEOUT:g} seconds.")
    return errors
