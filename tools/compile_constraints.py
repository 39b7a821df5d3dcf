"""Writes constraints.txt: one version of every package that any extra brings. Run by ``make constraints``.

It asks the package index alone, and none of the machine's own wheels, so that the pins are those of PyTorch's standard
build, CUDA's packages included. Its CPU build satisfies the same pins and leaves CUDA's aside.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
TORCH = "torch==2.13.0"
HEADER = """\
# One version of every package that Clothier's extras bring, and of PyTorch's CUDA packages where its standard build
# is installed; made by `make constraints`.
"""
PIP_COMPILE = (
    "-m piptools compile --quiet --all-extras --strip-extras --allow-unsafe --no-header --annotation-style line "
    "--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options"
)
LOCAL_INDEX_VARS = ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL")
NO_PIN = re.compile(r"clothier @|#|$")


def compile_pins() -> str:
    """The answer of pip-compile."""
    environment = {name: value for name, value in os.environ.items() if name not in LOCAL_INDEX_VARS}
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "constraints.txt"
        command = [sys.executable, *PIP_COMPILE.split(), "--upgrade-package", TORCH, "--output-file", str(answer)]
        subprocess.run(
            [*command, "pyproject.toml"], cwd=ROOT, check=True, env={**environment, "PIP_CONFIG_FILE": os.devnull}
        )
        return answer.read_text(encoding="utf-8")


def clean_pins(text: str) -> str:
    """The pins alone, in order, each with the packages that asked for it."""
    pins = sorted(line for line in text.splitlines() if not NO_PIN.match(line))
    tidy = (re.sub(r"  +", "  ", pin).replace("clothier, ", "").replace(" (pyproject.toml)", "") for pin in pins)
    return HEADER + "".join(f"{pin}\n" for pin in tidy)


if __name__ == "__main__":
    (ROOT / "constraints.txt").write_text(clean_pins(compile_pins()), encoding="utf-8")
