"""``POST /v1/classify`` under load from another process, against its own parts: ``make benchmark-serving``."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.http_load import Load, classify_request, send_all, send_at_rate
from benchmarks.results import BenchmarkResult, run_benchmark, summarize
from benchmarks.server_process import RunningServer, running_server
from benchmarks.tagging import draw_photos
from benchmarks.timing import run_in_subprocess
from clothier import system
from clothier.inference import load as load_model
from clothier.types import no_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clothier.inference import Model
    from clothier.types import Progress

ROUNDS = 5
CONNECTIONS = 8
TOGETHER = 16  # photos of a request
BATCH = 128  # images of the network alone, as clothier tag makes them
LOAD_OF_LATENCY = 0.7  # of the photos per second that were served
LATENCY_SECONDS = 60.0
SERVED, SERVED_TOGETHER = "served, 1 photo a request", f"served, {TOGETHER} photos a request"
DECODE, INFERENCE = "decoding alone", "network alone"


def benchmark_serving(*, rounds: int = ROUNDS, progress: Progress = no_progress) -> BenchmarkResult:
    """Times a real server, and decoding and network alone with every core, interleaved, on the same photos.

    ``serving/bound`` is photos per second of requests with one photo over 1 / (1/decode + 1/network);
    ``serving/p99`` is the 99th percentile of the latency over its median at 70 % of that load.

    Args:
        rounds: number of rounds; one more comes first and does not count.
        progress: called for every part of every round.
    """
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        photos = [path.read_bytes() for path in draw_photos(root / "photos")]
        startup = [_start_once(root, index) for index in range(rounds)]
        with running_server(root / "log", "--store", root / "a.db") as server:
            loads, parts = _rounds(server, photos, load_model(), rounds, progress)
            rate = LOAD_OF_LATENCY * statistics.median(len(photos) / one.seconds for one in loads[SERVED])
            requests = [classify_request([one]) for one in photos]
            paced = run_in_subprocess(send_at_rate, server.port, requests, rate, LATENCY_SECONDS)
            memory = server.memory
    _check(paced, *loads[SERVED], *loads[SERVED_TOGETHER])
    rates = {name: [len(photos) / one.seconds for one in found] for name, found in loads.items()}
    rates |= {name: [len(photos) / one for one in seconds] for name, seconds in parts.items()}
    rows = [_row(name, values, "photos/s") for name, values in rates.items()]
    rows.append(_row("client, CPU time a photo", [1000 * _client(one, photos) for one in loads[SERVED]], "ms"))
    rows.append(_row(f"latency at {rate:.0f} photos/s", [1000 * one for one in paced.latencies], "ms"))
    rows.append(_row("latency, 99th percentile", [1000 * _percentile(paced, 99)], "ms"))
    rows.append(_row("from the start of the process until it listens", startup, "s"))
    rows.append(_row("memory of the server", [memory / 1e6], "MB"))
    return BenchmarkResult("serving", rows, {"serving/bound": _bound(rates), "serving/p99": _tail(paced)})


def _rounds(
    server: RunningServer, photos: Sequence[bytes], model: Model, rounds: int, progress: Progress
) -> tuple[dict[str, list[Load]], dict[str, list[float]]]:
    """The loads of the server, and the seconds of its parts."""
    single = [classify_request([one]) for one in photos]
    together = [classify_request(photos[at : at + TOGETHER]) for at in range(0, len(photos), TOGETHER)]
    loads: dict[str, list[Load]] = {SERVED: [], SERVED_TOGETHER: []}
    parts: dict[str, list[float]] = {DECODE: [], INFERENCE: []}
    for index in range(rounds + 1):
        progress("serving", index, rounds + 1)
        sent = {
            name: run_in_subprocess(send_all, server.port, requests, CONNECTIONS)
            for name, requests in ((SERVED, single), (SERVED_TOGETHER, together))
        }
        seconds = {DECODE: _seconds(_decode, model, photos), INFERENCE: _seconds(_infer, model, photos)}
        for name, load in sent.items() if index else ():
            loads[name].append(load)
        for name, taken in seconds.items() if index else ():
            parts[name].append(taken)
    progress("serving", rounds + 1, rounds + 1)
    return loads, parts


def _decode(model: Model, photos: Sequence[bytes]) -> None:
    """All photos, on all cores."""
    system.parallel_map(lambda content: model.decode("a.jpg", content), photos)


def _infer(model: Model, photos: Sequence[bytes]) -> None:
    images = np.zeros((BATCH, *model.input_spec.shape), np.uint8)
    for start in range(0, len(photos), BATCH):
        model.predict_images(images[: len(photos) - start])


def _seconds(function: Callable[..., None], *arguments: object) -> float:
    started = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - started


def _start_once(root: Path, index: int) -> float:
    with running_server(root / f"start-{index}.log", "--store", root / f"start-{index}.db") as server:
        return server.seconds


def _client(load: Load, photos: Sequence[bytes]) -> float:
    return load.cpu_seconds / len(photos)


def _bound(rates: dict[str, list[float]]) -> float:
    triples = zip(rates[SERVED], rates[DECODE], rates[INFERENCE], strict=True)
    return statistics.median(served * (1 / decode + 1 / infer) for served, decode, infer in triples)


def _tail(load: Load) -> float:
    return _percentile(load, 99) / statistics.median(load.latencies)


def _percentile(load: Load, percent: float) -> float:
    return float(np.percentile(load.latencies, percent))


def _row(name: str, values: Sequence[float], unit: str) -> dict[str, Any]:
    return {"name": name, **summarize(values, unit), "accuracy": None}


def _check(*loads: Load) -> None:
    for load in loads:
        if failed := [one for one in load.statuses if one != 200]:
            raise SystemExit(f"{len(failed)} of {len(load.statuses)} requests failed, the first with {failed[0]}.")


if __name__ == "__main__":
    run_benchmark("serving", benchmark_serving, __doc__)
