"""Limits of a catalogue for single classes: accept a class from a higher probability only, or never.

They belong to the store, so every run of the tagger on it applies them, also those of a server. They can only turn
accept into review. So the number of wrong accepted tags cannot grow, but their fraction can: who takes the pants away,
which are nearly always right, keeps what is wrong more often. A risk guarantee is on the fraction among all tags that
the model's thresholds accept, and is not one on the rest. Reviews of the random sample measure the rest.

The version of the thresholds changes with the limits, so a new sample is drawn and counted.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from clothier.catalogue.rules import thresholds_digest
from clothier.catalogue.versions import known_classes
from clothier.errors import UnknownNameError
from clothier.store.schema import CLASS_LIMITS, LIMITED_THRESHOLDS
from clothier.store.statements import now, upsert
from clothier.taxonomy import label_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from clothier.inference import Model
    from clothier.store import Store

NO_LIMIT = 0.0  # the class is accepted as the model's thresholds say


@dataclass(frozen=True, slots=True)
class ClassLimit:
    """A class and from where on it is accepted.

    Attributes:
        class_name: of the model.
        min_probability: 0 to 1; None if it is never accepted.
        at: when it was set.
        actor: by whom.
    """

    class_name: str
    min_probability: float | None
    at: str
    actor: str

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        values = asdict(self)
        return {"class": values.pop("class_name"), **values}


def class_limits(store: Store) -> list[ClassLimit]:
    """Those that apply now, by class."""
    columns = (CLASS_LIMITS.c["class"], CLASS_LIMITS.c.min_probability, CLASS_LIMITS.c.at, CLASS_LIMITS.c.actor)
    query = select(*columns).order_by(CLASS_LIMITS.c.limit_id)
    rows = store.read(lambda connection: connection.execute(query).all())
    last = {label_key(row[0]): ClassLimit(*row) for row in rows}
    return [last[key] for key in sorted(last) if last[key].min_probability != NO_LIMIT]


def set_class_limits(store: Store, limits: Mapping[str, float | None], actor: str) -> None:
    """Sets limits; the next run of ``clothier tag`` applies them to all tags, without the model.

    Args:
        store: of the catalogue.
        limits: class to the lowest probability that is accepted, None for never, :data:`NO_LIMIT` to remove a limit.
        actor: who does it.

    Raises:
        UnknownNameError: no such class.
        StorageError: the store cannot be written.
    """

    def work(connection: Connection) -> None:
        known = {label_key(one): one for one in known_classes(connection)}
        for name in limits:
            if label_key(name) not in known:
                raise UnknownNameError(name, "class", known.values())
        at = now()
        rows = [
            {"class": known[label_key(name)], "min_probability": limit, "at": at, "actor": actor}
            for name, limit in limits.items()
        ]
        connection.execute(CLASS_LIMITS.insert(), rows)

    store.write(work)


def limits_for(store: Store, model: Model) -> dict[str, float | None]:
    """The limits of the store's classes that the model has, as ``TaggingRules`` takes them; notes their version."""
    own = {label_key(name): name for name in model.classes}
    set_limits = [(label_key(one.class_name), one.min_probability) for one in class_limits(store)]
    limits = {own[key]: limit for key, limit in set_limits if key in own}
    version, base = thresholds_digest(model, limits), thresholds_digest(model)
    if limits and version and base:
        row = {"thresholds": version, "base": base}
        store.write(lambda connection: upsert(connection, LIMITED_THRESHOLDS, [row]))
    return limits
