"""Perceptual hashes and the sizes of files, for duplicates."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Adds their columns; ``clothier tag`` fills them."""
    op.add_column("outputs", sa.Column("perceptual_hash", sa.LargeBinary))
    op.add_column("outputs", sa.Column("pixels", sa.Integer))
    op.add_column("outputs", sa.Column("bytes", sa.Integer))
