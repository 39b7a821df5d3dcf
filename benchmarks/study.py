"""What a user waits for: the whole study, its memory, and ``clothier --help``.

    python -m benchmarks.study              writes benchmarks/results/study.json

Each is a process of its own. The study also runs with ``ONEDNN_MAX_CPU_ISA=AVX2``, which simulates a machine without
AVX-512 and AMX. Data are in place; nothing is installed. Run it on an idle machine.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.results import make_parser, summarize, write_results
from benchmarks.timing import AVX2_ENV, AVX2_NAME, run_process
from clothier.data import sources

if TYPE_CHECKING:
    from collections.abc import Mapping

HELP_RUNS = 11
STUDY = "study --preset fast"


def main() -> None:
    """Runs the study with all instructions and with AVX2 only, and the help several times."""
    options = make_parser("study", __doc__).parse_args()
    sources.fetch()
    rows = [*_study_rows(STUDY, {}), *_study_rows(AVX2_NAME.format(STUDY), AVX2_ENV)]
    seconds = [run_process([sys.executable, "-m", "clothier", "--help"])[0] for _ in range(HELP_RUNS)]
    rows.append({"name": "clothier --help", **summarize(seconds[1:], "s")})
    write_results(options.out, "study", rows)


def _study_rows(name: str, environment: Mapping[str, str]) -> list[dict[str, Any]]:
    """Wall time, peak memory and page size of one study, and the accuracies of its models."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "study"
        command = [sys.executable, "-m", "clothier", *STUDY.split(), "--out", str(out)]
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


if __name__ == "__main__":
    main()
