"""Reviewed photos that may count as evidence: each once, and none that the model was trained on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clothier.data.photo_loading import load_with_fingerprints
from clothier.data.photo_table import UNKNOWN_LABEL
from clothier.errors import UsageError
from clothier.exploration.audit.duplicates import find_photo_duplicates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clothier.data.fingerprints import Fingerprints
    from clothier.data.photo_table import PhotoTable
    from clothier.inference import Model
    from clothier.types import BoolArray, Images, Progress

MIN_PHOTOS = 300  # labeled photos; with fewer, hardly any model can meet a risk of 5 %
MAX_NAMED = 3  # pairs of copies with different labels
COPIES = "Not counted, because they repeat others: {n:,}{conflicting}; groups that share a photo count as one."
TRAINING_PHOTOS = "Excluded, because they are in {model}'s training set: {n:,}."


def load_independent_photos(
    model: Model, table: PhotoTable, progress: Progress
) -> tuple[Images, PhotoTable, tuple[str, ...]]:
    """Reads the photos of ``table`` as ``model`` takes them.

    Returns:
        The photos that count, (M, *model.input_spec.shape) uint8; their table, with groups that share a photo merged;
        and what was excluded, in sentences.

    Raises:
        UsageError: fewer than :data:`MIN_PHOTOS` labeled photos, before or after.
    """
    _check_photo_count(table)
    (images,), fingerprints, table = load_with_fingerprints(table, model.input_spec, progress=progress)
    is_known = model.was_trained_on(images)  # a model is more confident on its training photos, and on their copies
    table, is_copy, copies = _find_copies(table, fingerprints, is_known)
    is_known &= ~is_copy
    known = TRAINING_PHOTOS.format(n=int(is_known.sum()), model=model.name) if is_known.any() else ""
    images, table = images[~is_copy & ~is_known], table.subset(~is_copy & ~is_known)
    excluded = tuple(sentence for sentence in (copies, known) if sentence)
    _check_photo_count(table, excluded)
    return images, table, excluded


def _find_copies(
    table: PhotoTable, fingerprints: Fingerprints, is_known: BoolArray
) -> tuple[PhotoTable, BoolArray, str]:
    """The table with groups that share a photo merged; which photos repeat an earlier one; and that in a sentence.

    ``is_known`` becomes True for all copies of a photo that is known.
    """
    duplicates = find_photo_duplicates(fingerprints)
    groups = duplicates.groups_at(duplicates.min_correlation)
    for rows in groups:
        is_known[list(rows)] = is_known[list(rows)].any()
    first = {copy: rows[0] for rows in groups for copy in rows[1:]}
    is_copy, labels = np.isin(np.arange(len(table)), list(first)), table.labels
    pairs = [(original, copy) for copy, original in first.items() if labels[copy] != labels[original]]
    named = "; ".join(" and ".join(_named(table, row) for row in pair) for pair in pairs[:MAX_NAMED])
    more = "; ..." if len(pairs) > MAX_NAMED else ""
    conflicting = f" ({len(pairs):,} with another label: {named}{more})" if pairs else ""
    sentence = COPIES.format(n=len(first), conflicting=conflicting) if first else ""
    return replace(table, groups=table.merge_groups(groups)), is_copy, sentence


def _named(table: PhotoTable, row: int) -> str:
    """A photo's file name and its label."""
    return f"{Path(table.files[row]).name}, {[*table.classes, 'no label'][table.labels[row]]}"


def _check_photo_count(table: PhotoTable, excluded: Sequence[str] = ()) -> None:
    n = int((table.labels != UNKNOWN_LABEL).sum())
    if n < MIN_PHOTOS:
        raise UsageError(
            f"{table.name} has {n} readable photos with a label that count, but a risk guarantee needs {MIN_PHOTOS} or "
            f"more. Review {MIN_PHOTOS - n} more. {' '.join(excluded)}".rstrip()
            + table.failure_note
        )
