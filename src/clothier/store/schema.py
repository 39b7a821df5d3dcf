"""The tables of a store. A change here needs a migration in ``migrations/versions``.

An item is what is tagged: the user's id, or the content of a photo. A file is where a photo was found; two files with
the same content are one item, with one tag and one history. The tag of an item is in its row, because the queue of
tags to review reads nothing else.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
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
    false,
    text,
)

from clothier.store.checked import check_columns, is_color_list, is_descriptor, is_jpeg, is_ranking

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
    }
)
DIGEST_LENGTH = 64  # SHA-256 in hexadecimal
EMBEDDING = "<f2"  # numpy's type of an embedding
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

VERSIONS = Table(
    "versions",
    METADATA,
    Column("version_id", Integer, primary_key=True),
    Column("model_id", ForeignKey("models.model_id"), nullable=False),
    Column("digest", String(16), nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("location", Text, nullable=False),
    Column("thresholds", String(8)),
    Column("card", JSON, nullable=False),
    Column("registered_at", String(TIME_LENGTH), nullable=False),
)
"""Models with their temperature and thresholds, as the card has them, and the name or folder to load them from."""

PROMOTIONS = Table(
    "promotions",
    METADATA,
    Column("promotion_id", Integer, primary_key=True),
    Column("version_id", ForeignKey("versions.version_id"), nullable=False),
    Column("at", String(TIME_LENGTH), nullable=False),
    Column("actor", Text, nullable=False),
    Column("rolled_back_at", String(TIME_LENGTH)),
    Column("rolled_back_by", Text),
)
"""Which version tags by default: that of the last promotion that was not rolled back."""

CLASS_LIMITS = Table(
    "class_limits",
    METADATA,
    Column("limit_id", Integer, primary_key=True),
    Column("class", Text, nullable=False),
    Column("min_probability", Float),
    Column("at", String(TIME_LENGTH), nullable=False),
    Column("actor", Text, nullable=False),
)
"""From where on a class is accepted, null for never, 0 for no limit; the last row of each class counts."""

LIMITED_THRESHOLDS = Table(
    "limited_thresholds",
    METADATA,
    Column("thresholds", String(8), primary_key=True),
    Column("base", String(8), nullable=False),
)
"""Versions of thresholds with limits for classes, and the version of the model's own thresholds."""

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
    Column("shift_features", LargeBinary),
    Column("embedding", LargeBinary),
    Column("colors", JSON(none_as_null=True)),
    Column("perceptual_hash", LargeBinary),
    Column("pixels", Integer),
    Column("bytes", Integer),
    sqlite_with_rowid=False,
)
"""A model's output for a photo's content: K logits, little-endian float32, divided by ``temperature``.

``shift_features``: what the test for an unlike catalogue needs of the photo, and ``embedding``, what is compared to
find similar photos (``catalogue/descriptors``): both little-endian float16. ``colors``: the garment's main colors.
``perceptual_hash`` (64 bytes), ``pixels`` and ``bytes`` of the file are for duplicates. Each is null where it was not
computed.
"""
TAG_INPUTS = tuple(one for one in OUTPUTS.c if one.name != "embedding")  # what tags are made of; embeddings are large
IS_COMPLETE = OUTPUTS.c.embedding.is_not(None) & OUTPUTS.c.perceptual_hash.is_not(None)
"""Whether nothing of an output is missing; a photo with another output is read again."""

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
    Column("trusted", Boolean, nullable=False, server_default=false()),
    Column("color", Text),
    Column("first_seen_at", String(TIME_LENGTH), nullable=False, server_default=""),
    Column("draw", Float, nullable=False, server_default="1"),
    Column("revision", Integer, nullable=False, server_default="0"),
    Column("review_id", Integer),
    Column("reviewed_class", Text),
    Column("reviewed_by", Text),
    Column("reviewed_at", String(TIME_LENGTH)),
    sqlite_with_rowid=False,
)
"""Items with their present tag, and what a person said about it.

``class`` to ``rules`` are the model's opinion. ``rules`` is a digest of model, calibration and codes; with another, it
is outdated. ``draw`` is a random number in [0, 1), fixed for an item and a version of the thresholds: a sample of a
share s of the tags are those below s. ``revision`` counts the changes, and no item has one twice. ``review_id`` is null
until a person has reviewed the photo; then ``reviewed_class`` is the right class, null for none of the classes.
"""

_UNREVIEWED = ITEMS.c.review_id.is_(None)
for _name, _columns, _where in (
    ("ix_items_queue", ("decision", "probability", "item_id"), _UNREVIEWED),
    ("ix_items_class", ("class", "decision", "probability", "item_id"), _UNREVIEWED),
    ("ix_items_color", ("color", "decision", "probability", "item_id"), _UNREVIEWED),
    ("ix_items_draw", ("draw", "item_id"), _UNREVIEWED),
    ("ix_items_sample", ("decision", "draw", "item_id"), _UNREVIEWED),
    ("ix_items_class_sample", ("class", "decision", "draw", "item_id"), _UNREVIEWED),
    ("ix_items_product", ("product", "decision", "probability", "item_id"), ITEMS.c.product != text("''")),
    ("ix_items_reviewed", ("reviewed_at", "item_id"), ITEMS.c.review_id.is_not(None)),
):
    Index(_name, *(ITEMS.c[one] for one in _columns), sqlite_where=_where, postgresql_where=_where)
Index("ix_items_probability", ITEMS.c.probability, ITEMS.c.item_id)  # the lists of all items, reviewed or not
Index("ix_items_seen", ITEMS.c.first_seen_at, ITEMS.c.item_id)

REMOVED_ITEMS = Table(
    "removed_items",
    METADATA,
    Column("item_id", String, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("first_seen_at", String(TIME_LENGTH), nullable=False),
)
"""Items that were removed because their photo was. One that comes back is not new, and its revision continues: a review
of what was seen before the removal must not be taken for one of what is there now."""

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
HAS_TAG = (ITEMS.c.item_id == FILES.c.item_id) & (ITEMS.c.digest == FILES.c.digest)
"""Whether the tag of an item is one of this file: two sources may give one id to different photos, and the photo that
was tagged last has it."""

ACTIONS = Table(
    "actions",
    METADATA,
    Column("action_id", Integer, primary_key=True),
    Column("key", String(64), nullable=False, unique=True),
    Column("reviewer", Text, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("at", String(TIME_LENGTH), nullable=False),
    Column("undoes", ForeignKey("actions.action_id"), unique=True),
    Index("ix_actions_reviewer", "reviewer", "action_id"),
)
"""What a reviewer did at once: accept, correct or undo, one item or thousands. An action with the same ``key`` is not
done again (:mod:`clothier.catalogue.review.actions`). ``undoes`` is the action that an undo took back."""

REVIEWS = Table(
    "reviews",
    METADATA,
    Column("review_id", Integer, primary_key=True),
    Column("action_id", ForeignKey("actions.action_id"), nullable=False),
    Column("item_id", String, nullable=False),
    Column("digest", String(DIGEST_LENGTH), nullable=False),
    Column("class", Text),
    Column("model_class", Text, nullable=False),
    Column("probability", Float, nullable=False),
    Column("decision", String(8)),
    Column("model", Text, nullable=False),
    Column("thresholds", String(8)),
    Column("draw", Float, nullable=False),
    Column("previous_id", ForeignKey("reviews.review_id")),
    Index("ix_reviews_action", "action_id", "item_id", unique=True),
    Index("ix_reviews_item", "item_id"),
)
"""A person's judgment of an item: its ``class``, null for none of the classes, beside the tag as it was then.

``draw`` is :data:`UNSEEN_DRAW` if the tag was accepted together with all others that match, without a look."""
UNSEEN_DRAW = 1.0

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

API_KEYS = Table(
    "api_keys",
    METADATA,
    Column("name", String(100), primary_key=True),
    Column("digest", String(DIGEST_LENGTH), nullable=False, unique=True),
    Column("scope", String(8), nullable=False),
    Column("created_at", String(TIME_LENGTH), nullable=False),
    Column("revoked_at", String(TIME_LENGTH)),
)
"""Who may use the HTTP API. ``digest`` is the SHA-256 of the key, which is stored nowhere."""

SESSIONS = Table(
    "sessions",
    METADATA,
    Column("digest", String(DIGEST_LENGTH), primary_key=True),
    Column("key_name", ForeignKey("api_keys.name"), nullable=False),
    Column("expires_at", String(TIME_LENGTH), nullable=False),
)
"""Who is signed in to the page. ``digest`` is the SHA-256 of the secret in the browser's cookie."""

JOBS = Table(
    "jobs",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("job_id", String(32), nullable=False, unique=True),
    Column("owner", Text, nullable=False),
    Column("key", String(DIGEST_LENGTH), unique=True),
    Column("fingerprint", String(DIGEST_LENGTH)),
    Column("status", String(10), nullable=False),
    Column("created_at", String(TIME_LENGTH), nullable=False),
    Column("started_at", String(TIME_LENGTH)),
    Column("finished_at", String(TIME_LENGTH)),
    Column("attempts", Integer, nullable=False),
    Column("done", Integer, nullable=False),
    Column("total", Integer),
    Column("result", JSON(none_as_null=True)),
    Column("error", Text),
    Column("run_id", ForeignKey("runs.run_id")),
    Index("ix_jobs_status", "status", "number"),
)
"""Uploads of photos that are tagged in the background. ``key`` is the digest of the client's idempotency key,
``fingerprint`` that of the upload."""

JOB_PARTS = Table(
    "job_parts",
    METADATA,
    Column("number", ForeignKey("jobs.number"), primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("content", LargeBinary, nullable=False),
)
"""The upload of a job until it is done, so that any process with this store can do it."""

PREVIEWS = Table(
    "previews",
    METADATA,
    Column("digest", String(DIGEST_LENGTH), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)
"""Small JPEGs of uploaded photos, by the SHA-256 of the photo's content. An item whose files can be read needs none."""

check_columns(
    METADATA,
    {
        "items.top": is_ranking,
        "outputs.colors": is_color_list,
        "outputs.embedding": is_descriptor,
        "previews.content": is_jpeg,
    },
)
