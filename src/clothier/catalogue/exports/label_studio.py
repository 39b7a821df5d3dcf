"""Tasks for Label Studio, each with the model's class as a prediction."""

from __future__ import annotations

import json
from typing import IO, TYPE_CHECKING, Any
from xml.sax.saxutils import quoteattr

from clothier.catalogue.exports.products import image_url
from clothier.taxonomy import label_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from clothier.store.store import Row

CHOICES, IMAGE = "class", "image"  # names in the labeling configuration
NONE = "none of the classes"  # "none" alone may be a class, also one that no exported photo has
LOCAL_FILES = "/data/local-files/?d="  # how Label Studio reads files below its document root


def write_tasks(file: IO[bytes], rows: Iterable[Row], image_prefix: str | None) -> set[str]:
    """Writes one task for each tag.

    Returns:
        The classes that occur.
    """
    classes: set[str] = set()
    separator = b"[\n"
    for row in rows:
        classes |= {name for rank in ("class", "class_2", "class_3") if (name := row.get(rank))}
        file.write(separator + json.dumps(_task(row, image_prefix), ensure_ascii=False, allow_nan=False).encode())
        separator = b",\n"
    file.write(b"[]\n" if separator == b"[\n" else b"\n]\n")
    return classes


def _task(row: Row, prefix: str | None) -> dict[str, Any]:
    url = image_url(row["file"], prefix) or f"{LOCAL_FILES}{row['file']}"
    data = {IMAGE: url, "item_id": row["item_id"], "file": row["file"], "decision": row["decision"]}
    choice = {"from_name": CHOICES, "to_name": IMAGE, "type": "choices", "value": {"choices": [row["class"]]}}
    prediction = {"model_version": row.get("model") or "", "score": row.get("probability"), "result": [choice]}
    return {"data": data, "predictions": [prediction]}


def none_choice(classes: Iterable[str]) -> str:
    """The choice for none of the ``classes``, which is no name of a class."""
    return f"{NONE} (no class)" if label_key(NONE) in map(label_key, classes) else NONE


def labeling_config(classes: Sequence[str]) -> str:
    """The labeling configuration of a project that takes the tasks."""
    choices = "\n".join(f"    <Choice value={quoteattr(name)}/>" for name in (*classes, none_choice(classes)))
    return f"""<View>
  <Image name="{IMAGE}" value="${IMAGE}"/>
  <Choices name="{CHOICES}" toName="{IMAGE}" choice="single">
{choices}
  </Choices>
</View>
"""
