"""The card of the review desk: which photo is shown, how it got there, and what is said about it.

The browser holds the state, so any server can answer, and the button "previous" works for each tab by itself.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clothier.api.page.filters import PageFilters
from clothier.api.problems import Problem
from clothier.api.schemas import Place, Text
from clothier.catalogue import review
from clothier.catalogue.items import colors_of
from clothier.catalogue.review import NothingToUndoError
from clothier.catalogue.versions import known_classes

if TYPE_CHECKING:
    from collections.abc import Callable

    from clothier.catalogue.review import ActionResult, ReviewItem
    from clothier.store import Store

MAX_TRAIL = 20  # items that "previous" can go back
KEYS = 9  # classes that have a key
TIMEOUT = 30_000  # milliseconds that a browser waits for an answer; the same form can be sent again
AHEAD = 2  # photos that the browser loads in advance
NONE = "none of the classes"
NOTHING_TO_UNDO = "You have no review to take back."
NOT_SAVED = "Your answer was not saved."
SAVED_BEFORE = "You reviewed this photo before. Say again what it is, or skip it."


class DeskState(BaseModel):
    """What a card knows beside its item.

    Attributes:
        filters: which items.
        after: place in the queue behind the item.
        trail: items that were shown before, the latest last.
        ahead: items to which "next" returns after "previous", the nearest last.
    """

    model_config = ConfigDict(extra="forbid")

    filters: Annotated[dict[Text, Text], Field(max_length=10)] = {}
    after: Place | None = None
    trail: Annotated[list[Text], Field(max_length=MAX_TRAIL)] = []
    ahead: Annotated[list[Text], Field(max_length=MAX_TRAIL)] = []

    @classmethod
    def read(cls, text: str) -> DeskState:
        """From a form.

        Raises:
            Problem: no page of ours has sent it.
        """
        try:
            state = cls.model_validate_json(text or "{}")
            state.page_filters()
        except (ValidationError, TypeError) as error:
            raise Problem(422, "invalid-request", "The state of the review is damaged. Load the page again.") from error
        return state

    def page_filters(self) -> PageFilters:
        """The filters of the form."""
        return PageFilters(**self.filters)


@dataclass(slots=True)
class Card:
    """What is shown.

    Attributes:
        item: None at the end of the queue.
        classes: the model's most probable ones first.
        upcoming: items whose photos are loaded in advance.
        said: what happened last, in a sentence.
        is_warning: whether that is something else than what was asked for.
    """

    state: DeskState
    item: ReviewItem | None
    classes: list[str]
    upcoming: tuple[ReviewItem, ...]
    said: str = ""
    is_warning: bool = False

    def context(self, store: Store) -> dict[str, Any]:
        """For the template."""
        item = self.item
        colors = colors_of(store, [item.item_id]).get(item.item_id, []) if item else []
        fixed = {"keys": KEYS, "no_class": NONE, "timeout": TIMEOUT}
        return {"card": self, "item": item, "colors": colors, "key": uuid.uuid4().hex, **fixed}


class Desk:
    """The queue of a store, as one reviewer sees it."""

    def __init__(self, store: Store, state: DeskState, reviewer: str) -> None:
        self._store, self._state, self._reviewer = store, state, reviewer

    def show_next(self, said: str = "", *, is_warning: bool = False) -> Card:
        """The next item: one that "previous" had left, or else of the queue."""
        while self._state.ahead:
            if found := review.find_items(self._store, [self._state.ahead.pop()]):
                return self._card(found[0], said, is_warning)
        page = self._queue(1)
        self._state.after = page.after or self._state.after
        return self._card(page.items[0] if page.items else None, said, is_warning)

    def show(self, item_id: str, said: str = "", *, is_warning: bool = False) -> Card:
        """This item, or the next one if it is not there any more."""
        found = review.find_items(self._store, [item_id])
        return self._card(found[0], said, is_warning) if found else self.show_next(said, is_warning=is_warning)

    def leave(self, item_id: str) -> None:
        """Goes on from an item: "previous" comes back to it."""
        self._state.trail = [*(one for one in self._state.trail if one != item_id), item_id][-MAX_TRAIL:]

    def previous(self, item_id: str) -> Card:
        """The item that was shown before."""
        if not self._state.trail:
            return self.show(item_id, "There is no previous photo.", is_warning=True)
        self._come_back(item_id)
        return self.show(self._state.trail.pop(), "The previous photo.")

    def undo(self, item_id: str, key: str) -> Card:
        """Takes the reviewer's last action back, and shows its item."""
        try:
            result = review.undo(self._store, self._reviewer, key=key)
        except NothingToUndoError:
            return self.show(item_id, NOTHING_TO_UNDO, is_warning=True)
        said = f"{result.n:,} review{'s' * (result.n != 1)} taken back."
        said = " ".join([said, *(one.message for one in result.conflicts[:3])])
        if result.n != 1:
            return self.show(item_id, said, is_warning=bool(result.conflicts))
        (undone,) = result.item_ids
        if item_id != undone:
            self._come_back(item_id)
        self._state.trail = [one for one in self._state.trail if one != undone]
        return self.show(undone, said)

    def judge(self, item_id: str, act: Callable[[], ActionResult], done: str) -> Card:
        """Records what the reviewer says about an item and goes on; if it changed meanwhile, it is shown again."""
        result = act()
        if result.n:
            self.leave(item_id)
            return self.show_next(done)
        message = " ".join([*(one.message for one in result.conflicts), NOT_SAVED])
        again = review.find_items(self._store, [item_id])
        if again and again[0].reviewed_at is None:
            return self._card(again[0], message, is_warning=True)
        if again and again[0].reviewed_by == self._reviewer:  # the answer to an earlier form was lost
            return self._card(again[0], SAVED_BEFORE, is_warning=True)
        self.leave(item_id)
        return self.show_next(message, is_warning=True)

    def _come_back(self, item_id: str) -> None:
        """The next item will be this one."""
        if item_id:
            self._state.ahead = [*self._state.ahead, item_id][-MAX_TRAIL:]

    def _queue(self, limit: int) -> review.Page:
        filters = self._state.page_filters()
        order = filters.order or "doubtful"
        return review.queue(self._store, filters.of_queue(), limit=limit, after=self._state.after, order=order)

    def _card(self, item: ReviewItem | None, said: str, is_warning: bool) -> Card:
        names = self._store.read(known_classes)
        top = [name for name, _ in item.top if name in names] if item else []
        classes = [*top, *(name for name in names if name not in top)]
        return Card(self._state, item, classes, self._queue(AHEAD).items if item else (), said, is_warning)
