"""The memory that threads share for decoding."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from PIL import Image

from clothier.data.photos.memory import MemoryBudget, estimate_bytes


def test_the_sum_over_threads_stays_within_the_budget() -> None:
    budget, in_use, peaks = MemoryBudget(100), [0], []
    lock = threading.Lock()

    def work(amount: int) -> None:
        with budget.reserve(amount):
            with lock:
                in_use[0] += amount
                peaks.append(in_use[0])
            time.sleep(0.01)
            with lock:
                in_use[0] -= amount

    threads = [threading.Thread(target=work, args=(amount,)) for amount in (30, 60, 90, 20, 50, 40) * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(peaks) == len(threads)
    assert 60 < max(peaks) <= 100


def test_more_than_the_budget_is_decoded_alone_and_errors_free_it() -> None:
    budget = MemoryBudget(100)
    with pytest.raises(ZeroDivisionError), budget.reserve(1000):
        raise ZeroDivisionError
    with budget.reserve(100):
        pass


def test_large_formats_need_more() -> None:
    assert estimate_bytes(10_000, "PNG") == 120_000
    assert estimate_bytes(10_000, "WEBP") == 200_000
    assert estimate_bytes(10_000, "JPEG", 640_000) == 3_960_000, "at an eighth of its size"


EIGHT_THREADS = """
import resource, sys
from pathlib import Path
from clothier import system
from clothier.data.photos import decode, decode_image
from clothier.data.photos.memory import MemoryBudget

system.available_cores = lambda: 8
decode.MEMORY = MemoryBudget(120_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
sizes = system.parallel_map(lambda _: decode_image(Path(sys.argv[1]), min_sides=(50, 100)).size, range(8))
assert set(sizes) == {(3000, 3000)}, sizes
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_eight_threads_stay_within_the_budget(tmp_path: Path) -> None:
    """Each image takes 108 MB while it is decoded, and 36 MB after that. Unbounded, the eight took 900 MB."""
    Image.new("RGB", (3000, 3000), (90, 120, 150)).save(tmp_path / "large.png")
    command = [sys.executable, "-c", EIGHT_THREADS, str(tmp_path / "large.png")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert int(ended.stdout) < 300_000  # kB
