"""Reads what Label Studio exports of the tasks that ``clothier export --format label-studio`` wrote.

Both of its JSON formats: "JSON" has tasks with a list of annotations, "JSON-MIN" one flat object for each annotation.
An annotation says the class of its photo by a choice, or by labeled regions such as rectangles that all have one label.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from clothier.catalogue.exports.label_studio import CHOICES
from clothier.errors import DataError
from clothier.untrusted import is_text, read_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_BYTES = 1 << 30  # of an export
MAX_NAME = 200  # characters of an annotator's name
ID = "item_id"
HOW_TO_EXPORT = "In Label Studio, export the project as JSON or JSON-MIN."
NOT_OURS, NO_LABEL, SEVERAL = "no item", "no label", "several labels"


@dataclass(frozen=True, slots=True)
class Annotation:
    """What an annotator says about a photo.

    Attributes:
        item_id: of the store.
        label: the class, as the annotator chose it.
        reviewer: the annotator's address, name or number.
        order: annotations of one photo in the order in which they count: those that are ground truth last, then by
            time.
    """

    item_id: str
    label: str
    reviewer: str
    order: tuple[bool, str, int]


@dataclass(slots=True)
class AnnotationFile:
    """The annotations of an export, and what in it is none.

    Attributes:
        annotations: in the order of the file.
        skipped: annotations that an annotator skipped.
        unusable: for each reason (:data:`NOT_OURS`, :data:`NO_LABEL`, :data:`SEVERAL`) the tasks with one that cannot
            be used.
    """

    annotations: list[Annotation] = field(default_factory=list)
    skipped: int = 0
    unusable: dict[str, list[str]] = field(default_factory=dict)

    def add(self, task: str, item_id: object, annotation: dict[str, Any], labels: list[str]) -> None:
        """An annotation of a task; ``labels`` are all that it has."""
        reason = NOT_OURS if not _is_id(item_id) else NO_LABEL if not labels else SEVERAL if len(labels) > 1 else None
        if reason:
            self.unusable.setdefault(reason, []).append(task)
        else:
            self.annotations.append(Annotation(str(item_id), labels[0], _reviewer(annotation), _order(annotation)))


def read_annotations(path: Path) -> AnnotationFile:
    """Reads an export.

    Raises:
        DataError: it cannot be read, or is not an export with annotations.
    """
    tasks = _read_tasks(path)
    found, n = AnnotationFile(), 0
    for number, task in enumerate(tasks, 1):
        name = f"task {task.get('id', number)}"
        for item_id, annotation, labels in _annotations(path, task):
            n += 1
            if annotation.get("was_cancelled"):
                found.skipped += 1
            else:
                found.add(name, item_id, annotation, labels)
    if not n:
        raise DataError(f"{path} has no annotations. Annotate the tasks first. {HOW_TO_EXPORT}")
    return found


def _read_tasks(path: Path) -> list[dict[str, Any]]:
    try:
        tasks = json.loads(read_bytes(path, MAX_BYTES))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}. Check the path.") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not JSON: {error}. {HOW_TO_EXPORT}") from error
    if not isinstance(tasks, list) or not all(isinstance(one, dict) for one in tasks):
        raise DataError(f"{path} is not a list of tasks. {HOW_TO_EXPORT}")
    return tasks


def _annotations(path: Path, task: dict[str, Any]) -> Iterator[tuple[object, dict[str, Any], list[str]]]:
    """The item's id, the annotation and its labels, for each annotation of a task."""
    if "annotations" not in task and "annotation_id" in task:  # JSON-MIN
        yield task.get(ID), task, _flat_labels(task)
        return
    data, annotations = task.get("data"), task.get("annotations", [])
    if not isinstance(data, dict) or not isinstance(annotations, list):
        raise DataError(f"{path} has a task that is not one of Label Studio. {HOW_TO_EXPORT}")
    for one in annotations:
        if not isinstance(one, dict):
            raise DataError(f"{path} has an annotation that is not one of Label Studio. {HOW_TO_EXPORT}")
        yield data.get(ID), one, _labels(one.get("result"))


def _labels(result: object) -> list[str]:
    """The distinct labels of an annotation: of the control ``class`` if it has a value, else of all controls."""
    regions = [one for one in result if isinstance(one, dict)] if isinstance(result, list) else []
    ours = [one for one in regions if one.get("from_name") == CHOICES]
    return _distinct(label for one in ours or regions for label in _values(one.get("value")))


def _flat_labels(task: dict[str, Any]) -> list[str]:
    """The distinct labels of an annotation in JSON-MIN. A single choice is text, under our control's name."""
    chosen = task.get(CHOICES)
    if isinstance(chosen, str):
        return [chosen]
    fields = [chosen] if chosen else [value for value in task.values() if isinstance(value, list | dict)]
    regions = [region for one in fields for region in (one if isinstance(one, list) else [one])]
    return _distinct(label for region in regions for label in _values(region))


def _values(value: object) -> Iterator[str]:
    """The labels in a value such as ``{"choices": ["dress"]}`` or ``{"x": 1, "rectanglelabels": ["dress"]}``."""
    for name, labels in value.items() if isinstance(value, dict) else ():
        if name == "choices" or name.endswith("labels"):
            yield from (one for one in labels if isinstance(one, str)) if isinstance(labels, list) else ()


def _distinct(labels: Iterator[str]) -> list[str]:
    return list(Counter(labels))


def _is_id(item_id: object) -> bool:
    return isinstance(item_id, str | int) and is_text(str(item_id)) and str(item_id) != ""


def _reviewer(annotation: dict[str, Any]) -> str:
    """The annotator's address, name or number, as far as the export has it."""
    person = annotation.get("completed_by", annotation.get("annotator"))
    if isinstance(person, dict):
        names = [str(person.get(one) or "") for one in ("first_name", "last_name")]
        person = person.get("email") or " ".join(filter(None, names)) or person.get("id")
    name = f"annotator {person}" if isinstance(person, int) else str(person or "unknown annotator")
    return "".join(one for one in name if one.isprintable()).strip()[:MAX_NAME] or "unknown annotator"


def _order(annotation: dict[str, Any]) -> tuple[bool, str, int]:
    at, number = annotation.get("updated_at") or annotation.get("created_at"), annotation.get("id")
    number = annotation.get("annotation_id") if "annotation_id" in annotation else number
    return annotation.get("ground_truth") is True, _time(at), number if isinstance(number, int) else 0


def _time(text: object) -> str:
    """In UTC and with all digits, so that later times are larger texts; "" if it is none."""
    try:
        time = datetime.fromisoformat(str(text))
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC).isoformat(timespec="microseconds")
    except (ValueError, OverflowError):
        return ""
