"""An example of each answer and request body, for OpenAPI."""

from __future__ import annotations

from typing import Any

Example = dict[str, Any]

DIGEST = "84d0c37e1f4b2a5590c6e7d8f9a0b1c2d3e4f5061728394a5b6c7d8e9f0a1b2c"
ITEM_ID = "8f6822c31a20b4f5"
JOB_ID = "0f4c2b7a9d1e4835a6b7c8d9e0f1a2b3"
TIME = "2026-11-30T12:00:00Z"
MODEL: Example = {"name": "photo", "digest": DIGEST, "thresholds": "bed7375b"}
TOP = [{"class": "dress", "probability": 0.766}, {"class": "skirt", "probability": 0.121}]
REASON = "Review: 76.6 % < threshold 77 %"
FAILED: Example = {
    "file": "notes.txt",
    "error": {"code": "not-an-image", "message": "notes.txt is not an image. Send JPEG, PNG, WebP, AVIF or TIFF."},
}

CLASSIFY: Example = {
    "model": MODEL,
    "results": [
        {
            "file": "dress.jpg",
            "class": "dress",
            "probability": 0.766,
            "top": TOP,
            "decision": "review",
            "reason": REASON,
            "model": "photo",
            "colors": [{"name": "green", "hex": "#237052", "share": 0.893}],
        },
        FAILED,
    ],
}
SEARCHED_ITEM: Example = {"item_id": ITEM_ID}
SIMILAR: Example = {
    "model": MODEL,
    "photos": 1200,
    "results": [
        {
            "file": "shoe.jpg",
            "neighbours": [
                {
                    "item_id": ITEM_ID,
                    "file": "boots/12.jpg",
                    "score": 0.913,
                    "class": "boot",
                    "product": "S-1",
                    "color": "brown",
                }
            ],
        }
    ],
}

ITEM: Example = {
    "item_id": ITEM_ID,
    "class": "dress",
    "probability": 0.766,
    "top": TOP,
    "code": None,
    "decision": "review",
    "reason": REASON,
    "notes": None,
    "product": "S-1",
    "color": "green",
    "model": "photo",
    "thresholds": "bed7375b",
    "tagged_at": TIME,
    "reviewed_class": None,
    "reviewed_by": None,
    "reviewed_at": None,
    "first_seen_at": TIME,
    "revision": 0,
}
ITEMS: Example = {"items": [ITEM], "next": "WyI4ZjY4MjJjMzFhMjBiNGY1IiwgIjhmNjgyMmMzMWEyMGI0ZjUiXQ"}
CHANGE: Example = {
    "at": TIME,
    "actor": "model photo",
    "before": None,
    "after": {"class": "dress", "decision": "review"},
}
ITEM_DETAIL: Example = {**ITEM, "files": [{"source": "/photos", "file": "dress.jpg"}], "history": [CHANGE]}

QUEUE: Example = {
    "items": [
        {
            "item_id": ITEM_ID,
            "revision": 0,
            "file": "dress.jpg",
            "source": "/photos",
            "product": "S-1",
            "class": "dress",
            "probability": 0.766,
            "top": TOP,
            "decision": "review",
            "reason": REASON,
            "color": "green",
            "is_sample": False,
            "reviewed_by": None,
            "reviewed_at": None,
            "reviewed_class": None,
        }
    ],
    "next": None,
}
REVIEW_REQUESTS: dict[str, Any] = {
    "accept": {"value": {"action": "accept", "items": [{"item_id": ITEM_ID, "revision": 0}]}},
    "correct": {
        "value": {
            "action": "correct",
            "reviewer": "Anna",
            "items": [{"item_id": ITEM_ID, "revision": 0, "class": "skirt"}],
        }
    },
    "accept-all": {"value": {"action": "accept-all", "filter": {"decision": "review", "class": "dress"}}},
    "undo": {"value": {"action": "undo", "reviewer": "Anna"}},
}
REVIEW: Example = {
    "action_id": 7,
    "kind": "correct",
    "reviewer": "Anna",
    "n": 1,
    "item_ids": [ITEM_ID],
    "conflicts": [],
    "n_left": 0,
}

JOB: Example = {
    "job_id": JOB_ID,
    "status": "done",
    "created_at": TIME,
    "started_at": TIME,
    "finished_at": TIME,
    "done": 3,
    "total": 3,
    "result": {
        "n": 3,
        "tagged": 2,
        "failed": 1,
        "decisions": {"accept": 1, "review": 1},
        "errors": {"not-an-image": 1},
        "catalogue": None,
        "warnings": [],
        "model": "photo",
        "thresholds": "bed7375b",
    },
    "error": None,
}
NEW_JOB: Example = {
    **JOB,
    "status": "waiting",
    "started_at": None,
    "finished_at": None,
    "done": 0,
    "total": None,
    "result": None,
}
RESULTS: dict[str, Example] = {
    "text/csv": {"example": "item_id,file,class,probability,decision\n8f6822c31a20b4f5,dress.jpg,dress,0.766,review\n"},
    "application/x-ndjson": {"example": '{"item_id": "8f6822c31a20b4f5", "file": "dress.jpg", "class": "dress"}\n'},
    "application/vnd.apache.parquet": {"schema": {"type": "string", "format": "binary"}, "example": "PAR1..."},
    "text/tab-separated-values": {"example": "id\ttitle\tcolor\nS-1\tDress\tgreen\n"},
    "application/zip": {"schema": {"type": "string", "format": "binary"}, "example": "PK..."},
}
JOBS: Example = {"jobs": [JOB], "next": None}

MODELS: Example = {
    "serving": MODEL,
    "versions": [
        {
            "version": "bed7375b1c2d3e4f",
            "name": "photo",
            "thresholds": "bed7375b",
            "status": "current",
            "registered_at": TIME,
            "promoted_at": TIME,
            "promoted_by": "anna",
            "n_tags": 1200,
            "guarantee": None,
            "user_calibrated": False,
            "classes": ["dress", "skirt", "shoes"],
        }
    ],
}
HEALTH: Example = {"status": "ok", "version": "0.1.0"}
METRICS: Example = {"schema": {"type": "string"}, "example": "clothier_photos_waiting 0.0\n"}
PROBLEM: Example = {
    "type": "urn:clothier:problem:busy",
    "title": "Service Unavailable",
    "status": 503,
    "detail": "256 photos are waiting; at most 256 may. Try again later.",
    "request_id": "0f4c2b7a9d1e4835a6b7c8d9e0f1a2b3",
}
