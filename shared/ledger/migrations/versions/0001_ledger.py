"""The ledger as it began."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "operator_note",
        sa.Column("n", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("row_id", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("n"),
    )
    op.create_table(
        "rebooking_row",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("rebooking_id", sa.String(length=32), nullable=False),
        sa.Column("command_id", sa.String(length=64), nullable=False),
        sa.Column("content_sha256", sa.String(length=64), nullable=False),
        sa.Column("subject_hmac", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("facility_from", sa.String(length=64), nullable=False),
        sa.Column("facility_to", sa.String(length=64), nullable=False),
        sa.Column("booking_key", sa.String(length=64), nullable=False),
        sa.Column("booking_id", sa.String(length=256), nullable=False),
        sa.Column("producer", sa.String(length=64), nullable=False),
        sa.Column("settle", sa.Float(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("lease_owner", sa.String(length=64), nullable=True),
        sa.Column("lease_until", sa.Float(), nullable=True),
        sa.Column("sent_at", sa.Float(), nullable=True),
        sa.Column("settle_until", sa.Float(), nullable=True),
        sa.Column("next_at", sa.Float(), nullable=True),
        sa.Column("deadline_at", sa.Float(), nullable=False),
        sa.Column("ended_at", sa.Float(), nullable=True),
        sa.Column("result_code", sa.String(length=8), nullable=True),
        sa.Column("result_text", sa.LargeBinary(), nullable=True),
        sa.Column("new_booking_id", sa.String(length=256), nullable=True),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("traceparent", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("updated_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("rebooking_id", "command_id", name="one_row_for_each_command"),
    )
    op.create_index(
        "one_open_rebooking_for_each_booking",
        "rebooking_row",
        ["facility_from", "booking_key"],
        unique=True,
        sqlite_where=sa.text("state IN ('accepted', 'manual', 'prechecked', 'sending', 'unknown')"),
        postgresql_where=sa.text("state IN ('accepted', 'manual', 'prechecked', 'sending', 'unknown')"),
    )
    op.create_index("rows_due", "rebooking_row", ["next_at"], unique=False)
    op.create_index("rows_of_a_subject", "rebooking_row", ["subject_hmac"], unique=False)
    op.create_table(
        "attempt",
        sa.Column("row_id", sa.String(length=32), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.Float(), nullable=False),
        sa.Column("ended_at", sa.Float(), nullable=True),
        sa.Column("proves", sa.String(length=32), nullable=True),
        sa.Column("kind", sa.String(length=32), nullable=True),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column("vp_code", sa.String(length=8), nullable=True),
        sa.Column("body_sha256", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["row_id"], ["rebooking_row.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("row_id", "n"),
    )
    op.create_table(
        "ledger_event",
        sa.Column("row_id", sa.String(length=32), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("rebooking_id", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("published_at", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["row_id"], ["rebooking_row.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("row_id", "n"),
    )
    op.create_index(
        "events_to_publish",
        "ledger_event",
        ["row_id", "n"],
        unique=False,
        sqlite_where=sa.text("published_at IS NULL"),
        postgresql_where=sa.text("published_at IS NULL"),
    )
