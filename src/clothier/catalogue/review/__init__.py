"""Reviews of tags by people: the queue, accept, correct and undo, and what they tell about the model."""

from clothier.catalogue.review.actions import (
    ActionResult,
    Conflict,
    Judgment,
    NothingToUndoError,
    accept,
    accept_all,
    correct,
    review,
    undo,
)
from clothier.catalogue.review.filters import Filter
from clothier.catalogue.review.queue import Page, ReviewItem, count_reviewed, count_waiting, find_items, queue
from clothier.catalogue.review.statistics import ReviewStatistics, statistics

__all__ = [
    "ActionResult",
    "Conflict",
    "Filter",
    "Judgment",
    "NothingToUndoError",
    "Page",
    "ReviewItem",
    "ReviewStatistics",
    "accept",
    "accept_all",
    "correct",
    "count_reviewed",
    "count_waiting",
    "find_items",
    "queue",
    "review",
    "statistics",
    "undo",
]
