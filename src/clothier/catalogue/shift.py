"""Tests whether the photos of a source are unlike those of the model's guarantee, from stored outputs."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import select

from clothier.catalogue.class_limits import limits_for
from clothier.catalogue.rules import SHIFT_FEATURES
from clothier.catalogue.tags import update_tags
from clothier.store.checked import read_vectors
from clothier.store.schema import FILES, OUTPUTS

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from clothier.catalogue.rules import TaggingRules
    from clothier.inference import Model
    from clothier.store import Store
    from clothier.store.store import Row, RunId
    from clothier.types import CatalogueShift

SAMPLE = 1_000  # photos of a larger source that are tested: those with the smallest digests, a random sample
PAGE = 1_000  # files whose tags are updated at a time


def source_shift(store: Store, run: RunId, model: Model, *, earlier: bool = False) -> CatalogueShift | None:
    """The result for the photos of a source; None if the model cannot tell, or if it classified none of them.

    Args:
        store: with the outputs.
        run: whose source and model are meant.
        model: of the run.
        earlier: take what earlier runs found in the source, too.
    """
    if model.shift_detector is None:
        return None
    rows = store.read(partial(_features, run=run, earlier=earlier))
    if not rows:
        return None
    return model.test_catalogue(read_vectors(rows, SHIFT_FEATURES))


def rules_before(store: Store, run: RunId, rules: TaggingRules) -> TaggingRules:
    """The rules for a run that begins: with the result for photos that earlier runs found, and with the store's limits.

    Nothing is accepted before photos of the source were tested, unless the user trusts the model.
    """
    shift = source_shift(store, run, rules.model, earlier=True)
    provisional = rules.model.shift_detector is not None and shift is None and not rules.trusted
    return replace(rules, shift=shift, limits=limits_for(store, rules.model), provisional=provisional)


def rules_after(store: Store, run: RunId, rules: TaggingRules, last: TaggingRules) -> TaggingRules:
    """The rules for a run that has seen all of its source, by which its tags are brought up to date.

    Args:
        store: with the outputs and tags.
        run: that ends.
        rules: by which it made its first tags.
        last: by which it made its last ones.
    """
    final = replace(rules, shift=source_shift(store, run, rules.model), provisional=False)
    if {rules.digest, last.digest} != {final.digest}:
        retag(store, run, final)
    return final


def retag(store: Store, run: RunId, rules: TaggingRules) -> None:
    """Updates the tags of the run's files whose rules are outdated, without the model."""
    position = -1
    while files := store.read(partial(_files_after, run=run, position=position)):
        store.write(partial(update_tags, run=run, rules=rules, files=files))
        position = files[-1]["position"]


def _files_after(connection: Connection, run: RunId, position: int) -> list[Row]:
    columns = [FILES.c[name] for name in ("item_id", "digest", "product", "error_code", "position")]
    query = (
        select(*columns)
        .where(FILES.c.source_id == run.source, FILES.c.run_id == run.run, FILES.c.position > position)
        .order_by(FILES.c.position)
        .limit(PAGE)
    )
    return [dict(one) for one in connection.execute(query).mappings()]


def _features(connection: Connection, run: RunId, *, earlier: bool) -> list[bytes]:
    found = select(FILES.c.digest).where(FILES.c.source_id == run.source, FILES.c.error_code.is_(None)).distinct()
    found = found if earlier else found.where(FILES.c.run_id == run.run)
    sample = connection.scalars(found.order_by(FILES.c.digest).limit(SAMPLE)).all()
    query = select(OUTPUTS.c.shift_features).where(OUTPUTS.c.model_id == run.model, OUTPUTS.c.digest.in_(sample))
    return list(connection.scalars(query.where(OUTPUTS.c.shift_features.is_not(None)).order_by(OUTPUTS.c.digest)))
