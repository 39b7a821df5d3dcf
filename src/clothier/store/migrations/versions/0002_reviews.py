"""Reviews, versions of models and their promotion; colors, embeddings and shift features of photos."""

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

ITEMS = sa.table("items", *map(sa.column, ("item_id", "thresholds", "tagged_at", "first_seen_at", "draw")))
AUDIT = sa.table("audit", sa.column("item_id"), sa.column("at"))
PAGE = 10_000  # items that are read at a time


def upgrade() -> None:
    """Creates the tables, and gives the items that are there their random numbers."""
    _add_columns()
    _create_versions()
    _create_reviews()
    _fill_items()
    _create_indexes()


def _add_columns() -> None:
    for column in (
        sa.Column("shift_features", sa.LargeBinary),
        sa.Column("embedding", sa.LargeBinary),
        sa.Column("colors", sa.JSON(none_as_null=True)),
    ):
        op.add_column("outputs", column)
    for item_column in (
        sa.Column("trusted", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("color", sa.Text),
        sa.Column("first_seen_at", sa.String(20), nullable=False, server_default=""),
        sa.Column("draw", sa.Float, nullable=False, server_default="1"),
        sa.Column("revision", sa.Integer, nullable=False, server_default="0"),
        sa.Column("review_id", sa.Integer),
        sa.Column("reviewed_class", sa.Text),
        sa.Column("reviewed_by", sa.Text),
        sa.Column("reviewed_at", sa.String(20)),
    ):
        op.add_column("items", item_column)


def _create_versions() -> None:
    op.create_table(
        "versions",
        sa.Column("version_id", sa.Integer, nullable=False),
        sa.Column("model_id", sa.Integer, nullable=False),
        sa.Column("digest", sa.String(16), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("location", sa.Text, nullable=False),
        sa.Column("thresholds", sa.String(8)),
        sa.Column("card", sa.JSON, nullable=False),
        sa.Column("registered_at", sa.String(20), nullable=False),
        sa.PrimaryKeyConstraint("version_id", name="pk_versions"),
        sa.ForeignKeyConstraint(["model_id"], ["models.model_id"], name="fk_versions_model_id"),
        sa.UniqueConstraint("digest", name="uq_versions_digest"),
    )
    op.create_table(
        "promotions",
        sa.Column("promotion_id", sa.Integer, nullable=False),
        sa.Column("version_id", sa.Integer, nullable=False),
        sa.Column("at", sa.String(20), nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("rolled_back_at", sa.String(20)),
        sa.Column("rolled_back_by", sa.Text),
        sa.PrimaryKeyConstraint("promotion_id", name="pk_promotions"),
        sa.ForeignKeyConstraint(["version_id"], ["versions.version_id"], name="fk_promotions_version_id"),
    )


def _create_reviews() -> None:
    op.create_table(
        "actions",
        sa.Column("action_id", sa.Integer, nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("reviewer", sa.Text, nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("at", sa.String(20), nullable=False),
        sa.Column("undoes", sa.Integer),
        sa.PrimaryKeyConstraint("action_id", name="pk_actions"),
        sa.UniqueConstraint("key", name="uq_actions_key"),
        sa.UniqueConstraint("undoes", name="uq_actions_undoes"),
        sa.ForeignKeyConstraint(["undoes"], ["actions.action_id"], name="fk_actions_undoes"),
    )
    op.create_index("ix_actions_reviewer", "actions", ["reviewer", "action_id"])
    op.create_table(
        "reviews",
        sa.Column("review_id", sa.Integer, nullable=False),
        sa.Column("action_id", sa.Integer, nullable=False),
        sa.Column("item_id", sa.String, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("class", sa.Text),
        sa.Column("model_class", sa.Text, nullable=False),
        sa.Column("probability", sa.Float, nullable=False),
        sa.Column("decision", sa.String(8)),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("thresholds", sa.String(8)),
        sa.Column("draw", sa.Float, nullable=False),
        sa.Column("previous_id", sa.Integer),
        sa.PrimaryKeyConstraint("review_id", name="pk_reviews"),
        sa.ForeignKeyConstraint(["action_id"], ["actions.action_id"], name="fk_reviews_action_id"),
        sa.ForeignKeyConstraint(["previous_id"], ["reviews.review_id"], name="fk_reviews_previous_id"),
    )
    op.create_index("ix_reviews_action", "reviews", ["action_id", "item_id"], unique=True)
    op.create_index("ix_reviews_item", "reviews", ["item_id"])


def _fill_items() -> None:
    """Random numbers as the sample of accepted tags draws them, and when each item was first tagged."""
    connection, last = op.get_bind(), ""
    first = sa.select(sa.func.min(AUDIT.c.at)).where(AUDIT.c.item_id == ITEMS.c.item_id).scalar_subquery()
    connection.execute(sa.update(ITEMS).values(first_seen_at=sa.func.coalesce(first, ITEMS.c.tagged_at)))
    change = sa.update(ITEMS).where(ITEMS.c.item_id == sa.bindparam("key")).values(draw=sa.bindparam("value"))
    columns = (ITEMS.c.item_id, ITEMS.c.thresholds)
    while page := connection.execute(
        sa.select(*columns).where(ITEMS.c.item_id > last).order_by(ITEMS.c.item_id).limit(PAGE)
    ).all():
        last = page[-1].item_id
        connection.execute(change, [{"key": key, "value": _draw(key, version)} for key, version in page])


def _draw(item_id: str, thresholds: str | None) -> float:
    digest = hashlib.sha256(f"{thresholds} {item_id}".encode()).hexdigest()
    return int(digest[:13], 16) / 16**13


def _create_indexes() -> None:
    op.drop_index("ix_items_decision", "items")
    unreviewed = "review_id IS NULL"
    for name, columns, where in (
        ("ix_items_queue", ["decision", "probability", "item_id"], unreviewed),
        ("ix_items_class", ["class", "decision", "probability", "item_id"], unreviewed),
        ("ix_items_draw", ["draw", "item_id"], unreviewed),
        ("ix_items_product", ["product", "item_id"], "product != ''"),
        ("ix_items_reviewed", ["reviewed_at", "item_id"], "review_id IS NOT NULL"),
    ):
        op.create_index(name, "items", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
