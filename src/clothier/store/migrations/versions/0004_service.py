"""API keys and jobs of ``clothier serve``."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Creates their tables."""
    op.create_table(
        "api_keys",
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("scope", sa.String(8), nullable=False),
        sa.Column("created_at", sa.String(20), nullable=False),
        sa.Column("revoked_at", sa.String(20)),
        sa.PrimaryKeyConstraint("name", name="pk_api_keys"),
        sa.UniqueConstraint("digest", name="uq_api_keys_digest"),
    )
    op.create_table(
        "jobs",
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("job_id", sa.String(32), nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("key", sa.String(64)),
        sa.Column("fingerprint", sa.String(64)),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("created_at", sa.String(20), nullable=False),
        sa.Column("started_at", sa.String(20)),
        sa.Column("finished_at", sa.String(20)),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("done", sa.Integer, nullable=False),
        sa.Column("total", sa.Integer),
        sa.Column("result", sa.JSON(none_as_null=True)),
        sa.Column("error", sa.Text),
        sa.Column("run_id", sa.Integer),
        sa.PrimaryKeyConstraint("number", name="pk_jobs"),
        sa.UniqueConstraint("job_id", name="uq_jobs_job_id"),
        sa.UniqueConstraint("key", name="uq_jobs_key"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name="fk_jobs_run_id"),
    )
    op.create_index("ix_jobs_status", "jobs", ["status", "number"])
    op.create_table(
        "job_parts",
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("part", sa.Integer, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("number", "part", name="pk_job_parts"),
        sa.ForeignKeyConstraint(["number"], ["jobs.number"], name="fk_job_parts_number"),
    )
