"""What ``clothier explore`` takes, and what its audit finds in Fashion-MNIST.

    python -m benchmarks.explore            writes benchmarks/results/explore.json

One process: class counts, principal components, duplicates and one map of all 70,000 images, with every figure and
page written. Data are in place. Run it on an idle machine.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from benchmarks.results import make_parser, summarize, write_results
from benchmarks.timing import run_process
from clothier.data import sources

AUDIT_KEYS = ("n", "duplicates", "reference_model")  # of explore.json's audit; its findings are many


def main() -> None:
    """Explores once."""
    options = make_parser("explore", __doc__).parse_args()
    sources.fetch()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "explore"
        seconds, peak = run_process([sys.executable, "-m", "clothier", "explore", "--out", str(out)])
        audit = json.loads((out / "explore.json").read_text())["audit"]
        page = (out / "map.html").stat().st_size
    rows = [
        {"name": "explore", **summarize([seconds], "s"), "audit": {name: audit[name] for name in AUDIT_KEYS}},
        {"name": "explore, peak memory", **summarize([peak / 1e9], "GB")},
        {"name": "explore, map.html", **summarize([page / 1e6], "MB")},
    ]
    write_results(options.out, "explore", rows)


if __name__ == "__main__":
    main()
