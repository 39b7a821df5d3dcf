"""The first tables: sources, models, runs, files, items, outputs, audit."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Creates them."""
    _create_sources_models_and_runs()
    _create_outputs_and_items()
    _create_files_and_audit()


def _create_sources_models_and_runs() -> None:
    op.create_table(
        "sources",
        sa.Column("source_id", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("source_id", name="pk_sources"),
        sa.UniqueConstraint("name", name="uq_sources_name"),
    )
    op.create_table(
        "models",
        sa.Column("model_id", sa.Integer, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("model_id", name="pk_models"),
        sa.UniqueConstraint("digest", name="uq_models_digest"),
    )
    op.create_table(
        "runs",
        sa.Column("run_id", sa.Integer, nullable=False),
        sa.Column("source_id", sa.Integer, nullable=False),
        sa.Column("model_id", sa.Integer, nullable=False),
        sa.Column("started_at", sa.String(20), nullable=False),
        sa.Column("finished_at", sa.String(20)),
        sa.PrimaryKeyConstraint("run_id", name="pk_runs"),
        sa.ForeignKeyConstraint(["source_id"], ["sources.source_id"], name="fk_runs_source_id"),
        sa.ForeignKeyConstraint(["model_id"], ["models.model_id"], name="fk_runs_model_id"),
    )


def _create_outputs_and_items() -> None:
    op.create_table(
        "outputs",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("model_id", sa.Integer, nullable=False),
        sa.Column("computed_by", sa.Text, nullable=False),
        sa.Column("temperature", sa.Float, nullable=False),
        sa.Column("logits", sa.LargeBinary, nullable=False),
        sa.Column("ood_score", sa.Float),
        sa.Column("notes", sa.Text),
        sa.PrimaryKeyConstraint("digest", "model_id", name="pk_outputs"),
        sa.ForeignKeyConstraint(["model_id"], ["models.model_id"], name="fk_outputs_model_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "items",
        sa.Column("item_id", sa.String, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("product", sa.Text, nullable=False),
        sa.Column("class", sa.Text, nullable=False),
        sa.Column("probability", sa.Float, nullable=False),
        sa.Column("top", sa.JSON, nullable=False),
        sa.Column("code", sa.Text),
        sa.Column("decision", sa.String(8)),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("notes", sa.Text),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("thresholds", sa.String(8)),
        sa.Column("rules", sa.String(16), nullable=False),
        sa.Column("tagged_at", sa.String(20), nullable=False),
        sa.PrimaryKeyConstraint("item_id", name="pk_items"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_items_decision", "items", ["decision", "probability"])


def _create_files_and_audit() -> None:
    op.create_table(
        "files",
        sa.Column("source_id", sa.Integer, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("file", sa.Text, nullable=False),
        sa.Column("signature", sa.Text, nullable=False),
        sa.Column("digest", sa.String(64)),
        sa.Column("item_id", sa.String),
        sa.Column("product", sa.Text, nullable=False),
        sa.Column("columns", sa.JSON, nullable=False),
        sa.Column("error_code", sa.Text),
        sa.Column("error_message", sa.Text),
        sa.Column("run_id", sa.Integer, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("source_id", "key", name="pk_files"),
        sa.ForeignKeyConstraint(["source_id"], ["sources.source_id"], name="fk_files_source_id"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name="fk_files_run_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_files_position", "files", ["source_id", "position"])
    op.create_index("ix_files_item", "files", ["item_id"])
    op.create_index("ix_files_product", "files", ["source_id", "product"])
    op.create_table(
        "audit",
        sa.Column("audit_id", sa.Integer, nullable=False),
        sa.Column("item_id", sa.String, nullable=False),
        sa.Column("at", sa.String(20), nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("before", sa.JSON(none_as_null=True)),
        sa.Column("after", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("audit_id", name="pk_audit"),
    )
    op.create_index("ix_audit_item", "audit", ["item_id"])
