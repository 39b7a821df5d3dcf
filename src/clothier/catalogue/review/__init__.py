"""Reviews of tags by people: the queue, accept, correct and undo, and what they tell about the model."""

from clothier.catalogue.review.actions import ActionResult, Judgment, accept, accept_all, correct, review, undo
from clothier.catalogue.review.filters import Filter
from clothier.catalogue.review.queue import Page, ReviewItem, queue

__all__ = [
    "ActionResult",
    "Filter",
    "Judgment",
    "Page",
    "ReviewItem",
    "accept",
    "accept_all",
    "correct",
    "queue",
    "review",
    "undo",
]
