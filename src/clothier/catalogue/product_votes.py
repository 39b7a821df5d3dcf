"""The class of a product: what all of its photos together show."""

from __future__ import annotations

import itertools
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import or_, select

from clothier.catalogue.rules import top_classes
from clothier.metrics import softmax
from clothier.store.schema import FILES, HAS_TAG, ITEMS, OUTPUTS, TAG_INPUTS
from clothier.votes import log_probabilities

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from sqlalchemy import Connection

    from clothier.catalogue.rules import TaggingRules
    from clothier.store import Store
    from clothier.store.store import Row, RunId
    from clothier.types import Float64Array

PAGE = 1_000  # rows or outputs at a time

Vote = tuple[str, float]


def with_votes(rows: Iterable[Row], store: Store, run: RunId, rules: TaggingRules) -> Iterator[Row]:
    """Adds ``product_class`` and ``product_probability`` to each row; None without a product or a usable photo."""
    votes: dict[str, Vote | None] = {}
    remaining = iter(rows)
    while page := list(itertools.islice(remaining, PAGE)):
        products = {row["product"] for row in page} - {""}
        votes = {name: vote for name, vote in votes.items() if name in products}  # a product may span two pages
        new = products - votes.keys()
        votes |= store.read(partial(product_votes, run=run, rules=rules, products=new))
        for row in page:
            name, probability = votes.get(row["product"]) or (None, None)
            yield {**row, "product_class": name, "product_probability": probability}


def product_votes(
    connection: Connection, run: RunId, rules: TaggingRules, products: Collection[str]
) -> dict[str, Vote | None]:
    """The most probable class of each product by the vote of its photos, and its probability.

    Photos that are rejected, or that the model for small images classified, do not count. A photo that a person
    reviewed counts for the person's class, with probability 1.
    """
    classes = list(rules.model.classes)
    counts = or_(
        ITEMS.c.review_id.is_(None) & ITEMS.c.decision.is_distinct_from("reject"),
        ITEMS.c.reviewed_class.in_(classes),
    )
    query = (
        select(FILES.c.product, ITEMS.c.reviewed_class, *TAG_INPUTS)
        .join(OUTPUTS, (OUTPUTS.c.digest == FILES.c.digest) & (OUTPUTS.c.model_id == run.model))
        .join(ITEMS, HAS_TAG)
        .where(FILES.c.source_id == run.source, FILES.c.run_id == run.run, FILES.c.product.in_(products))
        .where(FILES.c.error_code.is_(None), counts)
        .where(OUTPUTS.c.computed_by.is_distinct_from(rules.model.fallback_name))
        .order_by(FILES.c.position)
    )
    sums: dict[str, tuple[Float64Array, int]] = {}
    for part in connection.execute(query).mappings().partitions(PAGE):
        for row, probabilities in zip(part, rules.probabilities(part), strict=True):
            total, n = sums.get(row["product"], (0.0 * probabilities, 0))
            vote = log_probabilities(_vote(row["reviewed_class"], probabilities, classes))
            sums[row["product"]] = total + vote, n + 1
    found = {product: softmax(total / n) for product, (total, n) in sums.items()}
    return {name: top_classes(found[name], rules.model.classes)[0] if name in found else None for name in products}


def _vote(reviewed_class: str | None, probabilities: Float64Array, classes: Sequence[str]) -> Float64Array:
    if reviewed_class is None:
        return probabilities
    vote = np.zeros_like(probabilities)
    vote[classes.index(reviewed_class)] = 1
    return vote
