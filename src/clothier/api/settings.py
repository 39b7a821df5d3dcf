"""What a server is told, and its limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clothier.data.photos.decode import MAX_BYTES
from clothier.runs import RUNS_DIR
from clothier.system import available_cores

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MIB = 1 << 20
LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request, one client and all of them together may take.

    Attributes:
        upload_bytes: of one request with photos.
        job_bytes: of the ZIP file of a job.
        body_bytes: of any other request.
        held_bytes: of all uploads that are in memory at the same time.
        files: photos of one request.
        requests: that are answered at the same time.
        waiting_photos: accepted and not yet classified, of all requests.
        requests_per_minute: of one key or address; None for no limit.
        failed_keys_per_minute: wrong keys of one address.
        connections: open at the same time.
        header_seconds: from opening a connection, or the answer before, to a complete header.
        body_seconds: for a body, and one more for each ``body_rate`` bytes that arrived.
        body_rate: bytes per second; slower clients are cut off.
        write_seconds: that a client may let an answer wait.
        answer_seconds: for the photos of one request.
        stop_seconds: for the requests in progress when the server is stopped.
    """

    upload_bytes: int = MAX_BYTES + MIB
    job_bytes: int = 1024 * MIB
    body_bytes: int = MIB
    held_bytes: int = 256 * MIB
    files: int = 64
    requests: int = 128
    waiting_photos: int = 256
    requests_per_minute: int | None = None
    failed_keys_per_minute: int = 30
    connections: int = 512
    header_seconds: float = 10.0
    body_seconds: float = 20.0
    body_rate: int = 10_000
    write_seconds: float = 30.0
    answer_seconds: float = 60.0
    stop_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Settings:
    """A server.

    Attributes:
        store: a SQLite file or the URL of a PostgreSQL database.
        model: a run folder, a bundle folder or the name of a bundled model; None for the one that is promoted in the
            store, also when that changes, or else the bundled photo model.
        taxonomy: a TOML file or a CSV with a company's code for each class.
        host: the address that it listens on.
        port: 0 for a free one.
        allowed_hosts: names in the header ``Host`` by which it may be addressed, beside those of this machine.
        is_open: answers everyone without a key, although it listens beyond this machine.
        threads: that decode and classify photos; one more than cores, as one often waits for Python's lock.
        index: a folder that ``clothier index`` made, for similar photos; None to make one of the store while serving.
        runs: the folder whose reports the page shows.
        photos: folders and ZIP files whose photos pages may show, if they are in the catalogue.
        previews: whether small JPEGs of the photos of jobs are kept in the store, for the pages.
    """

    store: str | Path
    model: str | Path | None = None
    taxonomy: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    allowed_hosts: Sequence[str] = ()
    is_open: bool = False
    threads: int = available_cores() + 1
    index: Path | None = None
    runs: Path = RUNS_DIR
    photos: Sequence[Path] = ()
    previews: bool = True
    limits: Limits = Limits()

    @property
    def is_local(self) -> bool:
        """Whether only programs of this machine can reach it, under no other name."""
        return self.host in LOOPBACK and not self.allowed_hosts

    @property
    def needs_keys(self) -> bool:
        """Whether requests need an API key."""
        return not (self.is_local or self.is_open)
