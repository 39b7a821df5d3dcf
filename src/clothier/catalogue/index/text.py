"""Texts as two arrays, which a file can hold without pickle and from which one text is read at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from clothier.types import Int64Array


@dataclass(frozen=True, slots=True, eq=False)
class TextArray:
    """N texts.

    Attributes:
        content: (bytes,) uint8, all of them in UTF-8, one after the other.
        ends: (N,) int64, where each ends.
    """

    content: npt.NDArray[np.uint8]
    ends: Int64Array

    @classmethod
    def of(cls, texts: Sequence[str]) -> TextArray:
        """Packs ``texts``."""
        encoded = [one.encode() for one in texts]
        ends = np.cumsum([len(one) for one in encoded], dtype=np.int64)
        return cls(np.frombuffer(b"".join(encoded), np.uint8), ends)

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, row: int) -> str:
        """Text number ``row``; what is not UTF-8 is replaced."""
        start = int(self.ends[row - 1]) if row else 0
        return self.content[start : int(self.ends[row])].tobytes().decode(errors="replace")
