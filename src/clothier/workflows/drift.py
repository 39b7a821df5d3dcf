"""``clothier drift``: whether the catalogue changed, by week."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clothier.catalogue.drift import drift as measure_drift
from clothier.store import open_existing_store
from clothier.types import SHARE_ACCEPTED

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.catalogue.drift import Drift


def drift(store: str | Path, *, share_accepted: float = SHARE_ACCEPTED) -> Drift:
    """What changed in a store from week to week, and whether the thresholds should be calibrated again.

    Args:
        store: a SQLite file or the URL of a PostgreSQL database.
        share_accepted: as ``clothier review`` was given it.

    Raises:
        DataError: the store is missing, damaged or without tags.
    """
    with open_existing_store(store) as opened:
        opened.require_tags()
        return measure_drift(opened, share_accepted=share_accepted)
