"""Previews of uploaded photos."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Creates their table; photos that were uploaded before get one when they are uploaded again."""
    op.create_table(
        "previews",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_previews"),
    )
