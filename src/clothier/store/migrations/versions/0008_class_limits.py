"""Limits of a catalogue for single classes."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Creates their tables."""
    op.create_table(
        "class_limits",
        sa.Column("limit_id", sa.Integer, nullable=False),
        sa.Column("class", sa.Text, nullable=False),
        sa.Column("min_probability", sa.Float),
        sa.Column("at", sa.String(20), nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("limit_id", name="pk_class_limits"),
    )
    op.create_table(
        "limited_thresholds",
        sa.Column("thresholds", sa.String(8), nullable=False),
        sa.Column("base", sa.String(8), nullable=False),
        sa.PrimaryKeyConstraint("thresholds", name="pk_limited_thresholds"),
    )
