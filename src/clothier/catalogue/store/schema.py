"""The tables of a store. A change here needs a migration in ``migrations/versions``.

An item is what is tagged: the user's id, or the content of a photo. A file is where a photo was found; two files with
the same content are one item, with one tag and one history. The tag of an item is in its row, because the queue of
tags to review reads nothing else.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
    }
)
DIGEST_LENGTH = 64  # SHA-256 in hexadecimal
TIME_LENGTH = 20  # UTC, such as 2026-11-30T12:00:00Z: sorts by time on every engine

SOURCES = Table(
    "sources",
    METADATA,
    Column("source_id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
)
"""Folders, tables and archives that were tagged."""

MODELS = Table(
    "models",
    METADATA,
    Column("model_id", Integer, primary_key=True),
    Column("digest", String(DIGEST_LENGTH), nullable=False, unique=True),
    Column("name", Text, nullable=False),
)
"""Models by what determines their output; thresholds and temperature do not."""

RUNS = Table(
    "runs",
    METADATA,
    Column("run_id", Integer, primary_key=True),
    Column("source_id", ForeignKey("sources.source_id"), nullable=False),
    Column("model_id", ForeignKey("models.model_id"), nullable=False),
    Column("started_at", String(TIME_LENGTH), nullable=False),
    Column("finished_at", String(TIME_LENGTH)),
)

OUTPUTS = Table(
    "outputs",
    METADATA,
    Column("digest", String(DIGEST_LENGTH), primary_key=True),
    Column("model_id", ForeignKey("models.model_id"), primary_key=True),
    Column("computed_by", Text, nullable=False),
    Column("temperature", Float, nullable=False),
    Column("logits", LargeBinary, nullable=False),
    Column("ood_score", Float),
    Column("notes", Text),
    sqlite_with_rowid=False,
)
"""A model's output for a photo's content: K logits, little-endian float32, divided by ``temperature``."""

ITEMS = Table(
    "items",
    METADATA,
    Column("item_id", String, primary_key=True),
    Column("digest", String(DIGEST_LENGTH), nullable=False),
    Column("product", Text, nullable=False),
    Column("class", Text, nullable=False),
    Column("probability", Float, nullable=False),
    Column("top", JSON, nullable=False),
    Column("code", Text),
    Column("decision", String(8)),
    Column("reason", Text, nullable=False),
    Column("notes", Text),
    Column("model", Text, nullable=False),
    Column("thresholds", String(8)),
    Column("rules", String(16), nullable=False),
    Column("tagged_at", String(TIME_LENGTH), nullable=False),
    Index("ix_items_decision", "decision", "probability"),
    sqlite_with_rowid=False,
)
"""Items with their present tag. ``rules`` is a digest of model, calibration and codes; with another, it is outdated."""

FILES = Table(
    "files",
    METADATA,
    Column("source_id", ForeignKey("sources.source_id"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("file", Text, nullable=False),
    Column("signature", Text, nullable=False),
    Column("digest", String(DIGEST_LENGTH)),
    Column("item_id", String),
    Column("product", Text, nullable=False),
    Column("columns", JSON, nullable=False),
    Column("error_code", Text),
    Column("error_message", Text),
    Column("run_id", ForeignKey("runs.run_id"), nullable=False),
    Column("position", Integer, nullable=False),
    Index("ix_files_position", "source_id", "position"),
    Index("ix_files_item", "item_id"),
    Index("ix_files_product", "source_id", "product"),
    sqlite_with_rowid=False,
)
"""Where photos were found: in which source, under which name, by which run last."""

AUDIT = Table(
    "audit",
    METADATA,
    Column("audit_id", Integer, primary_key=True),
    Column("item_id", String, nullable=False),
    Column("at", String(TIME_LENGTH), nullable=False),
    Column("actor", Text, nullable=False),
    Column("before", JSON(none_as_null=True)),
    Column("after", JSON, nullable=False),
    Index("ix_audit_item", "item_id"),
)
"""Every change of a tag."""
