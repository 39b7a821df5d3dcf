"""Items that were removed because their photo was."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Creates their table; those of items that were removed before are not known."""
    op.create_table(
        "removed_items",
        sa.Column("item_id", sa.String, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("first_seen_at", sa.String(20), nullable=False),
        sa.PrimaryKeyConstraint("item_id", name="pk_removed_items"),
    )
