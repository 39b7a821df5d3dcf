"""Indexes for lists of all items by probability and by the time they were seen first."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Creates them."""
    op.create_index("ix_items_probability", "items", ["probability", "item_id"])
    op.create_index("ix_items_seen", "items", ["first_seen_at", "item_id"])
