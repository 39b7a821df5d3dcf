"""Rows of the output in which a person's review takes the place of the model's class and decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clothier.selective.thresholds import format_percent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from clothier.store.store import Row


def with_reviews(rows: Iterable[Row], codes: Mapping[str, str] | None) -> Iterator[Row]:
    """Adds ``model_class`` to each row of the store, and to reviewed ones the person's class and its code.

    Where the person chose another class than the model, the row has no probabilities: they belong to the model's.
    """
    for row in rows:
        model_class = row["class"]
        yield {**row, "model_class": model_class, **(_review(row, codes) if row["reviewed_by"] and model_class else {})}


def _review(row: Row, codes: Mapping[str, str] | None) -> Row:
    label, model_class = row["reviewed_class"], row["class"]
    by = f"Reviewed by {row['reviewed_by']} on {row['reviewed_at'][:10]}"
    code = codes.get(label) if codes and label else None
    if label == model_class:
        return {"code": row["code"] or code, "decision": "accept", "reason": f"{by}: right."}
    found = f"{by}: {label or 'none of the classes'}; the model's class was {model_class}"
    return {
        "class": label,
        "probability": None,
        "top": None,
        "code": code,
        "decision": "accept" if label else "reject",
        "reason": f"{found} ({format_percent(round(row['probability'], 3))}).",
    }
