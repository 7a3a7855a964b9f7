"""The ground: everything of the first release."""

from __future__ import annotations

from functools import partial

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
column = partial(sa.Column, nullable=False)


def upgrade() -> None:
    """Create all tables and indices."""
    op.create_table(
        "alias_moves",
        column("seq", _BIG, autoincrement=True),
        column("function", _TEXT),
        column("alias", _TEXT),
        column("weights", _TEXT),
        column("at", sa.Double()),
        column("undone", _BIG),
        sa.PrimaryKeyConstraint("seq"),
        sqlite_autoincrement=True,
    )
    op.create_index("alias_moves_of", "alias_moves", ["function", "alias", "seq"])
    op.create_table(
        "aliases",
        column("function", _TEXT),
        column("alias", _TEXT),
        column("weights", _TEXT),
        sa.PrimaryKeyConstraint("function", "alias"),
    )
    op.create_table(
        "attempts",
        column("run", _BIG),
        column("token", _BIG),
        column("number", _BIG),
        column("worker", _TEXT),
        column("started", sa.Double()),
        column("ended", sa.Double()),
        column("state", _TEXT),
        column("billed_ms", _BIG),
        column("duration_ms", sa.Double()),
        column("init_ms", sa.Double()),
        column("cold", _BIG),
        column("max_memory_mb", _BIG),
        column("cpu_ms", sa.Double()),
        column("bytes_read", _BIG),
        column("bytes_written", _BIG),
        sa.Column("error", _TEXT, nullable=True),
        sa.PrimaryKeyConstraint("run", "token"),
        sqlite_with_rowid=False,
    )
    op.create_index("attempts_ended", "attempts", ["ended"])
    op.create_table(
        "events",
        column("seq", _BIG, autoincrement=True),
        column("id", _TEXT),
        column("function", _TEXT),
        column("trigger", _TEXT),
        column("key", _TEXT),
        column("type", _TEXT),
        column("source", _TEXT),
        column("time", sa.Double()),
        column("admitted", sa.Double()),
        column("data", _TEXT),
        column("cause", _TEXT),
        column("hops", _BIG),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id", name="events_id"),
        sa.UniqueConstraint("trigger", "key", name="events_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("events_of", "events", ["function", "trigger"])
    op.create_table(
        "finishes",
        column("seq", _BIG, autoincrement=True),
        column("run", _BIG),
        column("function", _TEXT),
        column("state", _TEXT),
        sa.PrimaryKeyConstraint("seq"),
        sqlite_autoincrement=True,
    )
    op.create_index("finishes_of", "finishes", ["function", "state", "seq"])
    op.create_table(
        "functions",
        column("name", _TEXT),
        column("state", _TEXT),
        column("created", sa.Double()),
        column("tags", _TEXT),
        column("latest", _BIG),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "logs",
        column("run_id", _TEXT),
        column("attempt", _BIG),
        column("text", _TEXT),
        sa.PrimaryKeyConstraint("run_id", "attempt"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "payloads",
        column("digest", _TEXT),
        column("data", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("digest"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "records",
        column("seq", _BIG, autoincrement=True),
        column("topic", _TEXT),
        column("key", _TEXT),
        column("value", _TEXT),
        column("timestamp", sa.Double()),
        column("cause", _TEXT),
        column("hops", _BIG),
        sa.PrimaryKeyConstraint("seq"),
        sqlite_autoincrement=True,
    )
    op.create_index("records_of", "records", ["topic", "seq"])
    op.create_table(
        "runs",
        column("seq", _BIG, autoincrement=True),
        column("id", _TEXT),
        column("function", _TEXT),
        column("version", _BIG),
        column("alias", _TEXT),
        column("trigger", _TEXT),
        column("event_id", _TEXT),
        column("created", sa.Double()),
        column("memory_mb", _BIG),
        column("state", _TEXT),
        column("reason", _TEXT),
        column("token", _BIG),
        column("attempts", _BIG),
        column("lost", _BIG),
        column("interrupted", _BIG),
        column("batch_size", _BIG),
        column("due", sa.Double()),
        column("priority", _BIG),
        column("parent", _TEXT),
        column("hops", _BIG),
        column("worker", _TEXT),
        sa.Column("started", sa.Double(), nullable=True),
        sa.Column("ended", sa.Double(), nullable=True),
        column("duration_ms", sa.Double()),
        column("billed_ms", _BIG),
        column("init_ms", sa.Double()),
        column("cpu_ms", sa.Double()),
        column("bytes_read", _BIG),
        column("bytes_written", _BIG),
        column("max_memory_mb", _BIG),
        column("cold", _BIG),
        column("price_book", _TEXT),
        column("cost_usd", _TEXT),
        sa.Column("error", _TEXT, nullable=True),
        sa.Column("result", _TEXT, nullable=True),
        sa.Column("staged", _TEXT, nullable=True),
        sa.Column("emitted", _TEXT, nullable=True),
        column("cancel_requested", _BIG),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id", name="runs_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("runs_created", "runs", ["created"])
    op.create_index("runs_event", "runs", ["event_id", "seq"])
    op.create_index(
        "runs_held",
        "runs",
        ["function", "state", "worker"],
        sqlite_where=sa.text("state IN ('claimed', 'publishing', 'running')"),
        postgresql_where=sa.text("state IN ('claimed', 'publishing', 'running')"),
    )
    op.create_index("runs_newest", "runs", ["function", "seq"])
    op.create_index(
        "runs_parent",
        "runs",
        ["parent"],
        sqlite_where=sa.text("parent != ''"),
        postgresql_where=sa.text("parent != ''"),
    )
    op.create_index(
        "runs_queued",
        "runs",
        ["function", "priority", "seq", "due"],
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index(
        "runs_redriven",
        "runs",
        ["function", "parent", "event_id"],
        sqlite_where=sa.text("parent != ''"),
        postgresql_where=sa.text("parent != ''"),
    )
    op.create_index("runs_state", "runs", ["function", "state", "seq", "trigger"])
    op.create_index(
        "runs_waiting",
        "runs",
        ["function", "due"],
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "triggers",
        column("id", _TEXT),
        column("function", _TEXT),
        column("alias", _TEXT),
        column("uri", _TEXT),
        column("scheme", _TEXT),
        column("options", _TEXT),
        column("folder", _TEXT),
        column("state", _TEXT),
        sa.Column("position", _TEXT, nullable=True),
        column("created", sa.Double()),
        column("error", _TEXT),
        column("target", _TEXT),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("triggers_of", "triggers", ["function"])
    op.create_table(
        "versions",
        column("function", _TEXT),
        column("number", _BIG),
        column("digest", _TEXT),
        column("kind", _TEXT),
        column("source", _TEXT),
        column("handler", _TEXT),
        column("filename", _TEXT),
        column("folder", _TEXT),
        column("options", _TEXT),
        column("captured", _TEXT),
        column("packages", _TEXT),
        column("python", _TEXT),
        column("bundle", _TEXT),
        column("created", sa.Double()),
        sa.PrimaryKeyConstraint("function", "number"),
        sa.UniqueConstraint("function", "digest", name="versions_digest"),
    )
    op.create_table(
        "worker_busy",
        column("worker", _TEXT),
        column("minute", _BIG),
        column("busy_s", sa.Double()),
        sa.PrimaryKeyConstraint("worker", "minute"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "workers",
        column("id", _TEXT),
        column("name", _TEXT),
        column("slots", _BIG),
        column("joined", sa.Double()),
        sa.Column("left", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
