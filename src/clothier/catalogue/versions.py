"""Versions of models: which were used, which one tags by default, and the way back to the one before."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, update

from clothier import bundle
from clothier.catalogue.rules import thresholds_digest
from clothier.errors import ClothierError, ModelError, UnknownNameError, UsageError
from clothier.inference import load
from clothier.store.engine import POSTGRESQL
from clothier.store.schema import ITEMS, LIMITED_THRESHOLDS, MODELS, PROMOTIONS, RUNS, VERSIONS
from clothier.store.statements import find_or_insert, now
from clothier.types import DEFAULT_MODEL

if TYPE_CHECKING:
    from sqlalchemy import Connection, RowMapping, Select

    from clothier.inference import Model
    from clothier.store import Store

CURRENT, RETIRED, CANDIDATE = "current", "retired", "candidate"
OTHERWISE = "Promote a model with `clothier models --promote`, or name one with --model."
PROMOTION_LOCK = 0xC107_0003  # of PostgreSQL


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A model with its temperature and thresholds.

    Attributes:
        version: a digest that identifies it.
        name: of the model.
        location: what ``clothier.load`` takes: the name of a bundled model, or a folder.
        thresholds: the version of its thresholds, as each tag has it; None without.
        status: "current": it tags by default. "retired": it did. "candidate": it was used or registered only.
        registered_at: when.
        promoted_at: when it became the current one last; None if it never did.
        promoted_by: by whom.
        n_tags: items that have a tag of it now.
        guarantee: that of its thresholds, as its card has it; None without.
        user_calibrated: whether its thresholds were fitted on the user's own photos.
        classes: of the model.
    """

    version: str
    name: str
    location: str
    thresholds: str | None
    status: str
    registered_at: str
    promoted_at: str | None
    promoted_by: str | None
    n_tags: int
    guarantee: dict[str, Any] | None
    user_calibrated: bool
    classes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return asdict(self)


def version_digest(model: Model) -> str:
    """Identifies a model by what determines its tags, apart from a company's codes."""
    content = json.dumps([model.digest, model.name, thresholds_digest(model), model.temperature])
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def register(store: Store, name: str, model: Model) -> str:
    """Notes that there is this model, if it is new.

    Args:
        store: of the catalogue.
        name: what the model was loaded by.
        model: the model.

    Returns:
        Its version.
    """
    opened, version = bundle.resolve(name), version_digest(model)
    is_bundled = opened.path.parent == bundle.BUNDLED_DIR
    location = opened.path.name if is_bundled else str(opened.path.resolve())

    def work(connection: Connection) -> str:
        model_id = find_or_insert(connection, MODELS, {"digest": model.digest}, {"name": model.name})
        values = {
            "model_id": model_id,
            "name": model.name,
            "location": location,
            "thresholds": thresholds_digest(model),
            "card": opened.metadata.to_json(),
            "registered_at": now(),
        }
        version_id = find_or_insert(connection, VERSIONS, {"digest": version}, values)
        moved = update(VERSIONS).where(VERSIONS.c.version_id == version_id, VERSIONS.c.location != location)
        connection.execute(moved.values(location=location))
        return version

    return store.write(work)


def promote(store: Store, version: str, actor: str) -> ModelVersion:
    """Makes a registered version the one that tags by default.

    Raises:
        UnknownNameError: no such version.
        UsageError: it is the current one.
    """

    def work(connection: Connection) -> None:
        _lock_promotions(connection)
        found = {row["digest"]: row["version_id"] for row in connection.execute(select(VERSIONS)).mappings()}
        if version not in found:
            raise UnknownNameError(version, "version of a model in this store", found)
        last = connection.execute(_promotions()).mappings().first()
        if last is not None and last["version_id"] == found[version]:
            raise UsageError(f"{last['name']} (version {version}) is the current model already.")
        values = {"version_id": found[version], "at": now(), "actor": actor}
        connection.execute(PROMOTIONS.insert().values(values))

    store.write(work)
    return _named(store, version)


def roll_back(store: Store, actor: str) -> ModelVersion | None:
    """Takes the last promotion back: the version before it is the current one again.

    Returns:
        The current version; None if there was only one promotion.

    Raises:
        UsageError: nothing was promoted.
    """

    def work(connection: Connection) -> str | None:
        _lock_promotions(connection)
        rows = connection.execute(_promotions().limit(2)).mappings().all()
        if not rows:
            raise UsageError("no model was promoted in this store, so there is nothing to roll back.")
        last = update(PROMOTIONS).where(PROMOTIONS.c.promotion_id == rows[0]["promotion_id"])
        connection.execute(last.values(rolled_back_at=now(), rolled_back_by=actor))
        return rows[1]["digest"] if len(rows) > 1 else None

    version = store.write(work)
    return _named(store, version) if version else None


def versions(store: Store) -> list[ModelVersion]:
    """All versions, the one that was registered last first."""

    def work(connection: Connection) -> list[ModelVersion]:
        counted = select(ITEMS.c.model, ITEMS.c.thresholds, func.count()).group_by(ITEMS.c.model, ITEMS.c.thresholds)
        bases, counts = base_thresholds(connection), Counter[tuple[str, str | None]]()
        for model, thresholds, n in connection.execute(counted):
            counts[model, bases.get(thresholds, thresholds)] += n
        promotions = select(PROMOTIONS).order_by(PROMOTIONS.c.promotion_id)
        promoted = {row["version_id"]: row for row in connection.execute(promotions).mappings()}
        last = connection.execute(_promotions()).mappings().first()
        current = last["version_id"] if last else None
        rows = connection.execute(select(VERSIONS).order_by(VERSIONS.c.version_id.desc())).mappings()
        return [
            _version(row, current, promoted.get(row["version_id"]), counts[row["name"], row["thresholds"]])
            for row in rows
        ]

    return store.read(work)


def base_thresholds(connection: Connection) -> dict[str, str]:
    """Versions of thresholds with limits of classes, each with that of the model's own thresholds."""
    query = select(LIMITED_THRESHOLDS.c.thresholds, LIMITED_THRESHOLDS.c.base)
    return dict(connection.execute(query).all())


def cards(store: Store) -> dict[str, dict[str, Any]]:
    """The ``card.json`` of each version, as it was when the version was registered."""
    query = select(VERSIONS.c.digest, VERSIONS.c.card)
    return store.read(lambda connection: {row.digest: row.card for row in connection.execute(query)})


def current_version(store: Store) -> ModelVersion | None:
    """The version that tags by default; None if none was promoted."""
    return next((one for one in versions(store) if one.status == CURRENT), None)


def promoted_digest(store: Store) -> str | None:
    """The version that tags by default, without anything about it; None if none was promoted."""
    query = _promotions().with_only_columns(VERSIONS.c.digest).limit(1)
    return store.read(lambda connection: connection.scalar(query))


def load_current(store: Store, *, threads: int | None = None) -> tuple[str, Model]:
    """The name and the model that tags by default: the promoted one, or else that which comes with Clothier.

    ``threads`` as :func:`clothier.inference.load` takes it.

    Raises:
        ModelError: the promoted model is missing, damaged, or was replaced by another.
    """
    promoted = current_version(store)
    if promoted is None:
        return DEFAULT_MODEL, load(threads=threads)
    return promoted.location, load_version(promoted, threads=threads)


def load_version(version: ModelVersion, *, threads: int | None = None) -> Model:
    """The model of a version; ``threads`` as :func:`clothier.inference.load` takes it.

    Raises:
        ModelError: it is missing, damaged, or was replaced by another.
    """
    try:
        model = load(version.location, threads=threads)
    except ClothierError as error:
        raise ModelError(f"the promoted model cannot be loaded: {error} {OTHERWISE}") from error
    if version_digest(model) != version.version:
        raise ModelError(
            f"the model in {version.location} is not the one that was promoted (version {version.version}): it was "
            f"replaced. {OTHERWISE}"
        )
    return model


def version_before(store: Store) -> str | None:
    """The version that tags by default after :func:`roll_back`; None for the model that comes with Clothier."""
    query = _promotions().with_only_columns(VERSIONS.c.digest).limit(2)
    found = store.read(lambda connection: connection.scalars(query).all())
    return found[1] if len(found) > 1 else None


def known_classes(connection: Connection) -> list[str]:
    """The classes that a reviewer may give: those of the current model.

    Without one, those of the model that tagged last, or else was registered last; one that was rolled back comes after
    all others.
    """
    card = connection.execute(_promotions().with_only_columns(VERSIONS.c.card).limit(1)).scalar()
    if card is None:
        is_rolled_back = VERSIONS.c.version_id.in_(select(PROMOTIONS.c.version_id))  # as all promotions are
        last_run = select(func.max(RUNS.c.run_id)).where(RUNS.c.model_id == VERSIONS.c.model_id).scalar_subquery()
        order = (is_rolled_back, func.coalesce(last_run, 0).desc(), VERSIONS.c.version_id.desc())
        card = connection.execute(select(VERSIONS.c.card).order_by(*order).limit(1)).scalar()
    if card is not None:
        return list(card["classes"])
    return list(connection.scalars(select(ITEMS.c["class"]).distinct().order_by(ITEMS.c["class"])))


def other_classes(connection: Connection) -> list[str]:
    """The classes of models that are not in use: photos may have tags of them."""
    found = {name for card in connection.scalars(select(VERSIONS.c.card)) for name in card["classes"]}
    return sorted(found.difference(known_classes(connection)))


def _promotions() -> Select[Any]:
    """Promotions that were not rolled back, the last one first, with their versions."""
    return (
        select(PROMOTIONS, VERSIONS.c.digest, VERSIONS.c.name)
        .join(VERSIONS, VERSIONS.c.version_id == PROMOTIONS.c.version_id)
        .where(PROMOTIONS.c.rolled_back_at.is_(None))
        .order_by(PROMOTIONS.c.promotion_id.desc())
    )


def _lock_promotions(connection: Connection) -> None:
    """Otherwise two at once would both take back the same promotion."""
    if connection.dialect.name == POSTGRESQL:
        connection.execute(select(func.pg_advisory_xact_lock(PROMOTION_LOCK)))


def _named(store: Store, version: str) -> ModelVersion:
    return next(one for one in versions(store) if one.version == version)


def _version(row: RowMapping, current: int | None, promoted: RowMapping | None, n_tags: int) -> ModelVersion:
    thresholds = row["card"].get("thresholds") or {}
    status = CURRENT if row["version_id"] == current else RETIRED if promoted else CANDIDATE
    return ModelVersion(
        version=row["digest"],
        name=row["name"],
        location=row["location"],
        thresholds=row["thresholds"],
        status=status,
        registered_at=row["registered_at"],
        promoted_at=promoted["at"] if promoted else None,
        promoted_by=promoted["actor"] if promoted else None,
        n_tags=n_tags,
        guarantee=thresholds.get("guarantee"),
        user_calibrated=bool(thresholds.get("user_calibrated")),
        classes=tuple(row["card"]["classes"]),
    )
