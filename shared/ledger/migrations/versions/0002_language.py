"""A row knows its rebooking's language, which outlives the event log.

It may be missing: in rows from before, and in those that an older gateway writes while a deployment rolls.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("rebooking_row", sa.Column("language", sa.String(length=8), nullable=True))
