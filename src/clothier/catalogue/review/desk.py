"""One reviewer's work on the queue: one item after the other."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from clothier.catalogue.review.actions import ActionResult, accept, correct, undo
from clothier.catalogue.review.queue import EVERYTHING, ReviewItem, find_items, queue
from clothier.catalogue.versions import known_classes
from clothier.errors import UnknownNameError, UsageError
from clothier.taxonomy import label_key
from clothier.types import SHARE_ACCEPTED

if TYPE_CHECKING:
    from clothier.catalogue.review.filters import Filter
    from clothier.store import Store

PAGE = 50  # items that are read at a time: others may review the same ones meanwhile
NOTHING_LEFT = "there is no item left to review."


@dataclass(slots=True)
class ReviewDesk:
    """Shows the items of the queue one after the other, and records what the reviewer says about each.

    Attributes:
        store: of the catalogue.
        reviewer: the person's name.
        filters: which items.
        share_accepted: fraction of the accepted tags that is shown, 0 to 1.
        order: of the queue.
        counts: what was done: "accepted", "corrected", "none of the classes", "skipped", "taken back", "conflicts".
    """

    store: Store
    reviewer: str
    filters: Filter = EVERYTHING
    share_accepted: float = SHARE_ACCEPTED
    order: str = "doubtful"
    counts: Counter[str] = field(default_factory=Counter)
    _waiting: deque[ReviewItem] = field(default_factory=deque)
    _after: str | None = None
    _is_last_page: bool = False

    @property
    def current(self) -> ReviewItem | None:
        """The item to look at; None when the queue is empty."""
        if not self._waiting and not self._is_last_page:
            page = queue(
                self.store,
                self.filters,
                limit=PAGE,
                after=self._after,
                share_accepted=self.share_accepted,
                order=self.order,
            )
            self._waiting.extend(page.items)
            self._after, self._is_last_page = page.after, page.after is None
        return self._waiting[0] if self._waiting else None

    def classes(self) -> list[str]:
        """The classes that can be given, those that the model finds most probable first."""
        names = self.store.read(known_classes)
        top = [name for name, _ in self.current.top] if self.current else []
        return [*(name for name in top if name in names), *(name for name in names if name not in top)]

    def accept(self) -> str:
        """Says that the model's class is right; returns what to tell the reviewer, such as that another was faster."""
        item = self._take()
        return self._done(accept(self.store, {item.item_id: item.revision}, self.reviewer), "accepted")

    def correct(self, class_name: str | None) -> str:
        """Says which class is right, whatever its letter case; None for none of the classes. As :meth:`accept`.

        Raises:
            UnknownNameError: no such class.
        """
        names = {label_key(name): name for name in self.classes()}
        if class_name is not None and label_key(class_name) not in names:
            raise UnknownNameError(class_name, "class", names.values())
        label = None if class_name is None else names[label_key(class_name)]
        item = self._take()
        if label == item.class_name:
            return self._done(accept(self.store, {item.item_id: item.revision}, self.reviewer), "accepted")
        result = correct(self.store, {item.item_id: item.revision}, label, self.reviewer)
        return self._done(result, "corrected" if label else "none of the classes")

    def skip(self) -> None:
        """Leaves the item for later."""
        self._take()
        self.counts["skipped"] += 1

    def undo(self) -> str:
        """Takes the reviewer's last action back, and shows its item again; returns what to tell.

        Raises:
            UsageError: there is nothing to take back.
        """
        result = undo(self.store, self.reviewer)
        self.counts["taken back"] += result.n
        self._waiting.extendleft(reversed(find_items(self.store, result.item_ids[:PAGE])))
        return f"{result.n:,} review{'s' * (result.n != 1)} taken back."

    def _take(self) -> ReviewItem:
        if self.current is None:
            raise UsageError(NOTHING_LEFT)
        return self._waiting.popleft()

    def _done(self, result: ActionResult, kind: str) -> str:
        self.counts[kind] += result.n
        self.counts["conflicts"] += len(result.conflicts)
        return " ".join(one.message for one in result.conflicts)
