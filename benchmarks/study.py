"""What a user waits for: the whole study from cold, its memory, and the answer to ``--help``.

    python -m benchmarks.study              writes benchmarks/results/study.json

Each is a process of its own. The study also runs with ``ONEDNN_MAX_CPU_ISA=AVX2``, which stands for a machine without
AVX-512 and AMX. Data are in place; nothing is installed. Time it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.results import RESULTS_DIR, summarize, write_results
from clothier.data import sources

HELP_RUNS = 11


def main() -> None:
    """Runs the study with and without wide instructions, and the help several times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=RESULTS_DIR / "study.json", help="where the figures go")
    options = parser.parse_args()
    sources.fetch()
    rows = [row for name, switches in VARIANTS.items() for row in _study(name, switches)]
    seconds = [run_process([sys.executable, "-m", "clothier", "--help"], {})[0] for _ in range(HELP_RUNS)]
    rows.append({"name": "clothier --help", **summarize(seconds[1:], "s")})
    write_results(options.out, "study", "python -m benchmarks.study", rows)


VARIANTS = {"study --preset fast": {}, "study --preset fast, AVX2 only": {"ONEDNN_MAX_CPU_ISA": "AVX2"}}


def _study(name: str, environment: dict[str, str]) -> list[dict[str, Any]]:
    """Wall time and peak memory of one study, and what its models reached."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "study"
        command = [sys.executable, "-m", "clothier", "study", "--preset", "fast", "--out", str(out)]
        seconds, peak = run_process(command, environment)
        metrics = json.loads((out / "study.json").read_text())["metrics"]
        report = (out / "report.html").stat().st_size
    accuracies = {model: found["test"]["accuracy"] for model, found in metrics.items()}
    print(name, round(seconds, 1), "s", round(peak / 1e9, 2), "GB", accuracies, flush=True)
    return [
        {"name": name, **summarize([seconds], "s"), "accuracies": accuracies},
        {"name": f"{name}, peak memory", **summarize([peak / 1e9], "GB")},
        {"name": f"{name}, report.html", **summarize([report / 1e6], "MB")},
    ]


def run_process(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Wall seconds, and peak resident bytes, of a process that must succeed."""
    started = time.perf_counter()
    process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return time.perf_counter() - started, usage.ru_maxrss * 1024.0


if __name__ == "__main__":
    main()
