"""``clothier tag`` on many photos: a Ray cluster that runs already against the local engine, and memory by size.

``make benchmark-scale`` takes some 20 minutes and 3 GB of disk. ARGS="--photos 1000 --sizes 1000,3000" is a quick look.
"""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.results import BenchmarkResult, make_parser, print_result, summarize
from benchmarks.timing import run_process, time_interleaved
from clothier import atomic, system
from clothier.cli.progress import progress_display
from tools.draw_examples import GARMENTS, draw_photo

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from clothier.types import Progress

PHOTOS = 10_000  # for the comparison of the engines
SIZES = (10_000, 100_000)  # photos, for memory
ROUNDS = 3
DRAWINGS, QUALITIES = 30, (80, 85, 90)  # the other files are these with another comment, so another content
START_SECONDS = 60
LOCAL, RAY = "local engine", "Ray on the same machine, started before"


def benchmark_scale(photos: int, sizes: Sequence[int], rounds: int, *, progress: Progress) -> BenchmarkResult:
    """Times whole processes of ``clothier tag`` with both engines, interleaved, and their memory on folders by size.

    ``tagging/ray`` is Ray's photos per second over those of the local engine, start of the processes included;
    ``memory/size`` is the peak memory on the largest folder over that on the smallest.

    Args:
        photos: of the folder for the engines.
        sizes: photos of each folder for memory, ascending.
        rounds: for the engines.
        progress: called for every variant of every round.
    """
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        draw_many(root / "engines", photos)
        with started_cluster() as options:
            variants = {LOCAL: partial(_tag, root, ()), RAY: partial(_tag, root, ("--engine", "ray", *options))}
            timings = time_interleaved(variants, rounds, task="engines", progress=progress)
        rows = [
            {"name": one, "photos": photos, **summarize([photos / s for s in timings.seconds[one]], "photos/s")}
            for one in variants
        ]
        peaks = []
        for number, size in enumerate(sizes):
            progress("memory", number, len(sizes), f"{size:,} photos")
            draw_many(root / f"memory-{size}", size)
            command = _command(root / f"memory-{size}", root / f"{size}.parquet")
            peaks.append(run_process(command)[1] / 2**20)
            rows.append({"name": f"memory, {size:,} photos", "photos": size, **summarize([peaks[-1]], "MiB")})
        progress("memory", len(sizes), len(sizes))
    ratios = {"tagging/ray": timings.ratio(LOCAL, RAY), "memory/size": peaks[-1] / peaks[0]}
    return BenchmarkResult("scale", [{**one, "accuracy": None} for one in rows], ratios)


def draw_many(folder: Path, n: int) -> None:
    """Saves N JPEG files of 480x600 pixels, of different content each, in folders of a thousand."""
    originals = []
    for number in range(DRAWINGS):
        garment, color, floor, _ = list(GARMENTS.values())[number % len(GARMENTS)]
        photo = draw_photo(garment, color, floor, number)
        for quality in QUALITIES:
            content = BytesIO()
            photo.save(content, "JPEG", quality=quality)
            originals.append(content.getvalue())
    for number in range(n):
        comment = f"photo {number}".encode()
        segment = b"\xff\xfe" + (len(comment) + 2).to_bytes(2) + comment
        file = folder / f"{number // 1000:04}" / f"{number:06}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        original = originals[number % len(originals)]
        file.write_bytes(original[:2] + segment + original[2:])


@contextmanager
def started_cluster() -> Iterator[tuple[str, ...]]:
    """A Ray cluster on the loopback interface of this machine; yields the options that name it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    os.environ.update(token, RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER="0")  # the last keeps it on the loopback
    words = f"start --head --node-ip-address 127.0.0.1 --port {port} --num-cpus {system.available_cores()} --block"
    command = [str(Path(sys.executable).with_name("ray")), *words.split(), "--include-dashboard", "false"]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen([*command, "--disable-usage-stats"], stdout=log, stderr=log)
        try:
            _wait_for(port, process)
            yield ("--address", f"127.0.0.1:{port}")
        finally:
            process.terminate()
            process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                time.sleep(5)  # its other processes start after the first
                return
        time.sleep(0.2)
    raise SystemExit("Ray did not start")


def _tag(root: Path, options: Sequence[str], _: int) -> None:
    """A process with a new output and a new store."""
    output = root / "engines.parquet"
    for old in root.glob(f"{output.name}*"):
        old.unlink()
    run_process(_command(root / "engines", output, *options))


def _command(folder: Path, output: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "clothier", "tag", str(folder), "-o", str(output), *options]


def main() -> None:
    """The command line: ``--photos N``, ``--sizes N,N``, ``--rounds N``, ``--out FILE``."""
    parser = make_parser("scale", __doc__)
    parser.add_argument("--photos", type=int, default=PHOTOS, help="for the engines; default: %(default)s")
    sizes = ",".join(map(str, SIZES))
    parser.add_argument("--sizes", default=sizes, help="photos, for memory; default: %(default)s")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="default: %(default)s")
    options = parser.parse_args()
    with progress_display() as progress:
        found = [int(one) for one in options.sizes.split(",")]
        result = benchmark_scale(options.photos, found, options.rounds, progress=progress)
    atomic.write_json(options.out, result.to_json())
    print_result(result)


if __name__ == "__main__":
    main()
