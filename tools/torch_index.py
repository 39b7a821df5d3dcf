"""Prints the address of PyTorch's package index for CPU builds if it answers within two seconds, else nothing.

PyTorch's standard build for Linux brings several gigabytes of CUDA libraries. The CPU build is on an index of its own,
which not every network reaches.
"""

from __future__ import annotations

import sys
import urllib.error
import urllib.request

INDEX = "https://download.pytorch.org/whl/cpu"
TIMEOUT = 2  # seconds

if __name__ == "__main__":
    try:
        with urllib.request.urlopen(f"{INDEX}/torch/", timeout=TIMEOUT) as response:  # noqa: S310 - a constant address
            found = response.status == 200
    except (OSError, urllib.error.URLError, ValueError):
        found = False
    sys.stdout.write(INDEX if found else "")
