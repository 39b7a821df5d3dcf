"""The memory that threads share for decoding."""

import threading
import time

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
    image = Image.new("RGB", (100, 100))
    assert estimate_bytes(image, 10_000) == 120_000
    image.format = "WEBP"
    assert estimate_bytes(image, 10_000) == 200_000
    image.info["progressive"] = 1
    assert estimate_bytes(image, 10_000) == 260_000
