"""Which items a reviewer wants to see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import exists, select, text

from clothier.errors import UnknownNameError, UsageError
from clothier.store.schema import FILES, HAS_TAG, ITEMS, SOURCES

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

UNCALIBRATED = "uncalibrated"  # the decision of a model without thresholds, which is null in the store
DECISIONS = ("accept", "review", "reject", UNCALIBRATED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Items must have all that is given; None for any.

    Attributes:
        class_name: the model's class.
        decision: accept, review, reject or uncalibrated.
        color: the garment's main color.
        product: as the user's table names it.
        source: a folder or table that was tagged, as the store names it.
        min_probability: the lowest probability of the model's class, 0 to 1.
    """

    class_name: str | None = None
    decision: str | None = None
    color: str | None = None
    product: str | None = None
    source: str | None = None
    min_probability: float | None = None

    def check(self, connection: Connection) -> None:
        """Checks that the names exist.

        Raises:
            UnknownNameError: a decision or a source that does not exist.
            UsageError: a probability outside of 0 to 1.
        """
        if self.decision is not None and self.decision not in DECISIONS:
            raise UnknownNameError(self.decision, "decision", DECISIONS)
        if self.min_probability is not None and not 0 <= self.min_probability <= 1:
            raise UsageError(f"the lowest probability is {self.min_probability}; it must be 0 to 1.")
        if self.source is not None:
            names = connection.scalars(select(SOURCES.c.name).order_by(SOURCES.c.name)).all()
            if self.source not in names:
                raise UnknownNameError(self.source, "source of this store", names)

    def conditions(self, *, by_draw: bool = False) -> list[ColumnElement[bool]]:
        """What the rows of the table of items must meet, apart from the decision.

        Args:
            by_draw: whether the rows are wanted in the order of their random numbers. Their index must not give way to
                that of the color, which would sort all rows of the color: so that one is hidden.
        """
        color: Any = ITEMS.c.color.concat("") if by_draw else ITEMS.c.color
        equal = {ITEMS.c["class"]: self.class_name, color: self.color, ITEMS.c.product: self.product}
        found: list[Any] = [column == value for column, value in equal.items() if value is not None]
        if self.product:
            found.append(ITEMS.c.product != text("''"))  # as the index of products says
        if self.min_probability is not None:
            found.append(ITEMS.c.probability >= self.min_probability)
        if self.source is not None:
            found.append(is_in_source(self.source))
        return found


def is_in_source(name: str) -> ColumnElement[bool]:
    """The condition that an item is in a source, as the store names it; also in a query that has files of its own."""
    source = select(SOURCES.c.source_id).where(SOURCES.c.name == name).scalar_subquery()
    return exists().where(HAS_TAG, FILES.c.source_id == source).correlate(ITEMS)


def decision_is(decision: str | None) -> ColumnElement[bool]:
    """The condition for a decision; None and ``uncalibrated`` are the same."""
    if decision in (None, UNCALIBRATED):
        return ITEMS.c.decision.is_(None)
    return ITEMS.c.decision == decision
