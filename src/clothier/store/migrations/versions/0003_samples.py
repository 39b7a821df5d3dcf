"""Indexes for the random sample of accepted tags, and for the queues of a color and of a product."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

UNREVIEWED, WITH_PRODUCT = "review_id IS NULL", "product != ''"
INDEXES = {
    "ix_items_sample": (("decision", "draw", "item_id"), UNREVIEWED),
    "ix_items_class_sample": (("class", "decision", "draw", "item_id"), UNREVIEWED),
    "ix_items_color": (("color", "decision", "probability", "item_id"), UNREVIEWED),
    "ix_items_product": (("product", "decision", "probability", "item_id"), WITH_PRODUCT),
}


def upgrade() -> None:
    """Creates them; that of products had fewer columns."""
    op.drop_index("ix_items_product", "items")
    for name, (columns, where) in INDEXES.items():
        condition = sa.text(where)
        op.create_index(name, "items", list(columns), sqlite_where=condition, postgresql_where=condition)
