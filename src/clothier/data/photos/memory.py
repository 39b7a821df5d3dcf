"""Bounds the memory that all threads together take for decoding."""

from __future__ import annotations

import ctypes
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from clothier.system import stop_if_canceled

if TYPE_CHECKING:
    from collections.abc import Iterator

POLL_SECONDS = 0.1
LARGE = 64 << 20  # bytes
BYTES_PER_PIXEL = {"WEBP": 20}  # libwebp holds two frames, Pillow two copies of the first
DEFAULT_BYTES_PER_PIXEL = 12  # the decoder's output, the image and its upright copy
COEFFICIENT_BYTES = 6  # of a progressive JPEG, for each pixel of the file


def estimate_bytes(pixels: int, image_format: str, progressive_pixels: int = 0) -> int:
    """The memory for decoding an image to ``pixels``; ``progressive_pixels`` are those of a progressive JPEG's file."""
    return pixels * BYTES_PER_PIXEL.get(image_format, DEFAULT_BYTES_PER_PIXEL) + COEFFICIENT_BYTES * progressive_pixels


class MemoryBudget:
    """A number of bytes that threads share."""

    def __init__(self, total: int) -> None:
        """``total`` bytes, none in use."""
        self.total, self._used, self._changed = total, 0, threading.Condition()

    @contextmanager
    def reserve(self, amount: int) -> Iterator[None]:
        """Waits until ``amount`` bytes are free; more than the total waits until nothing else is in use."""
        amount = min(amount, self.total)
        with self._changed:
            while not self._changed.wait_for(lambda: self._used + amount <= self.total, POLL_SECONDS):
                stop_if_canceled()
            self._used += amount
        if amount >= LARGE:
            _return_freed_memory()
        try:
            yield
        finally:
            with self._changed:
                self._used -= amount
                self._changed.notify_all()


def _return_freed_memory() -> None:
    """Makes glibc give freed memory back, which each thread's arena would keep: twice the budget with eight threads."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
