"""The ledger's tables. Times are seconds since the epoch by the database's own clock; personal data is sealed.

Source: the saga's rules 3.2.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from shared.ledger.transitions import BLOCKING

metadata = MetaData()

_BLOCKING = ", ".join(f"'{state.value}'" for state in sorted(BLOCKING))

rebooking_row = Table(
    "rebooking_row",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("rebooking_id", String(32), nullable=False),
    Column("command_id", String(64), nullable=False),
    Column("content_sha256", String(64), nullable=False),
    Column("subject_hmac", String(64), nullable=False),
    Column("sealed", LargeBinary),
    Column("facility_from", String(64), nullable=False),
    Column("facility_to", String(64), nullable=False),
    Column("booking_key", String(64), nullable=False),
    Column("booking_id", String(256), nullable=False),
    Column("producer", String(64), nullable=False),
    Column("settle", Float, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(64)),
    Column("attempt", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("lease_owner", String(64)),
    Column("lease_until", Float),
    Column("sent_at", Float),
    Column("settle_until", Float),
    Column("next_at", Float),
    Column("deadline_at", Float, nullable=False),
    Column("ended_at", Float),
    Column("result_code", String(8)),
    Column("result_text", LargeBinary),
    Column("new_booking_id", String(256)),
    Column("evidence", JSON, nullable=False),
    Column("events", Integer, nullable=False),
    Column("traceparent", String(64)),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    Column("language", String(8)),
    UniqueConstraint("rebooking_id", "command_id", name="one_row_for_each_command"),
    # One open rebooking for each booking, by the facility that issued its id: two tabs to two targets meet here.
    Index(
        "one_open_rebooking_for_each_booking",
        "facility_from",
        "booking_key",
        unique=True,
        sqlite_where=text(f"state IN ({_BLOCKING})"),
        postgresql_where=text(f"state IN ({_BLOCKING})"),
    ),
    Index("rows_due", "next_at"),
    Index("rows_of_a_subject", "subject_hmac"),
)

attempt = Table(
    "attempt",
    metadata,
    Column("row_id", String(32), ForeignKey("rebooking_row.id", ondelete="CASCADE"), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("started_at", Float, nullable=False),
    Column("ended_at", Float),
    Column("proves", String(32)),
    Column("kind", String(32)),
    Column("http_status", Integer),
    Column("vp_code", String(8)),
    Column("body_sha256", String(64)),
)

ledger_event = Table(
    "ledger_event",
    metadata,
    Column("row_id", String(32), ForeignKey("rebooking_row.id", ondelete="CASCADE"), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("rebooking_id", String(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("at", Float, nullable=False),
    Column("published_at", Float),
    Index(
        "events_to_publish",
        "row_id",
        "n",
        sqlite_where=text("published_at IS NULL"),
        postgresql_where=text("published_at IS NULL"),
    ),
)

operator_note = Table(
    "operator_note",
    metadata,
    Column("n", Integer, primary_key=True, autoincrement=True),
    Column("row_id", String(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("by", String(64), nullable=False),
    Column("at", Float, nullable=False),
)
