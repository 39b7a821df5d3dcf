"""Which items a page shows, as its form and its address say."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import Depends, Query

from clothier.api.schemas import Text
from clothier.catalogue.items import ItemFilter
from clothier.catalogue.review import Filter
from clothier.catalogue.versions import known_classes, other_classes
from clothier.colors.color_names import MULTICOLOR, NAMES
from clothier.store import Store

DECISIONS = {
    "review": "A person should look",
    "accept": "Accepted",
    "reject": "Not one of the classes",
    "uncalibrated": "No thresholds",
}
COLORS = (*NAMES, MULTICOLOR)
REVIEWED = {"yes": True, "no": False}


@dataclass(frozen=True, slots=True)
class PageFilters:
    """Fields of the form; "" for any.

    Attributes:
        name: the class.
        decision: of the model.
        color: the garment's main color.
        product: as the user's table names it.
        source: a folder, table or upload, as the store names it.
        text: a part of the id, or of the name of a file.
        reviewed: "yes" or "no".
        order: of the list or of the queue.
    """

    name: str = ""
    decision: str = ""
    color: str = ""
    product: str = ""
    source: str = ""
    text: str = ""
    reviewed: str = ""
    order: str = ""

    def given(self, **more: str | None) -> dict[str, str]:
        """What is given, by the API's names."""
        values = {("class" if name == "name" else name): value for name, value in asdict(self).items()}
        return {name: value for name, value in (values | more).items() if value}

    def query(self, **more: str | None) -> str:
        """For an address: what is given; begins with "?" unless it is empty."""
        pairs = self.given(**more)
        return f"?{urlencode(pairs)}" if pairs else ""

    @property
    def is_empty(self) -> bool:
        """Whether every item is wanted."""
        return not any((self.name, self.decision, self.color, self.product, self.source, self.text, self.reviewed))

    def of_items(self) -> ItemFilter:
        """For a list of all items."""
        return ItemFilter(
            name=self.name or None,
            decision=self.decision or None,
            product=self.product or None,
            source=self.source or None,
            is_reviewed=REVIEWED.get(self.reviewed),
            color=self.color or None,
            text=self.text or None,
        )

    def of_queue(self) -> Filter:
        """For the queue of items to review."""
        return Filter(
            class_name=self.name or None,
            decision=self.decision or None,
            color=self.color or None,
            product=self.product or None,
            source=self.source or None,
        )


Decision = Literal["", "review", "accept", "reject", "uncalibrated"]


async def read_filters(
    name: Annotated[Text, Query(alias="class")] = "",
    decision: Decision = "",
    color: Text = "",
    product: Text = "",
    source: Text = "",
    text: Text = "",
    reviewed: Literal["", "yes", "no"] = "",
    order: Text = "",
) -> PageFilters:
    """A dependency: the filters of a list."""
    product, source, text = (one.strip() for one in (product, source, text))  # people type them
    return PageFilters(name, decision, color, product, source, text, reviewed, order)


async def read_queue_filters(
    name: Annotated[Text, Query(alias="class")] = "",
    decision: Decision = "",
    color: Text = "",
    product: Text = "",
    source: Text = "",
    order: Text = "",
) -> PageFilters:
    """A dependency: the filters of a queue, which has no other ones."""
    return await read_filters(name, decision, color, product, source, order=order)


def choices(store: Store) -> dict[str, Any]:
    """What the form offers."""
    return {
        "classes": store.read(known_classes),
        "other_classes": store.read(other_classes),
        "decisions": DECISIONS,
        "colors": COLORS,
    }


FiltersOf = Annotated[PageFilters, Depends(read_filters)]
QueueFiltersOf = Annotated[PageFilters, Depends(read_queue_filters)]
