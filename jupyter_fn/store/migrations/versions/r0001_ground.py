"""The ground: everything of the first release."""

from __future__ import annotations

from functools import partial

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
column = partial(sa.Column, nullable=False)


def upgrade() -> None:
    """Create all tables and indices."""
    op.create_table(
        "alias_moves",
        column("seq", _BIG, autoincrement=True),
        column("function", sa.Text()),
        column("alias", sa.Text()),
        column("weights", sa.Text()),
        column("at", sa.Double()),
        column("undone", _BIG),
        sa.PrimaryKeyConstraint("seq"),
        sqlite_autoincrement=True,
    )
    op.create_index("alias_moves_of", "alias_moves", ["function", "alias", "seq"])
    op.create_table(
        "aliases",
        column("function", sa.Text()),
        column("alias", sa.Text()),
        column("weights", sa.Text()),
        sa.PrimaryKeyConstraint("function", "alias"),
    )
    op.create_table(
        "attempts",
        column("run", _BIG),
        column("token", _BIG),
        column("number", _BIG),
        column("worker", sa.Text()),
        column("started", sa.Double()),
        column("ended", sa.Double()),
        column("state", sa.Text()),
        column("billed_ms", _BIG),
        column("duration_ms", sa.Double()),
        column("init_ms", sa.Double()),
        column("cold", _BIG),
        column("max_memory_mb", _BIG),
        column("cpu_ms", sa.Double()),
        column("bytes_read", _BIG),
        column("bytes_written", _BIG),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("run", "token"),
        sqlite_with_rowid=False,
    )
    op.create_index("attempts_ended", "attempts", ["ended"])
    op.create_table(
        "events",
        column("seq", _BIG, autoincrement=True),
        column("id", sa.Text()),
        column("function", sa.Text()),
        column("trigger", sa.Text()),
        column("key", sa.Text()),
        column("type", sa.Text()),
        column("source", sa.Text()),
        column("time", sa.Double()),
        column("admitted", sa.Double()),
        column("data", sa.Text()),
        column("cause", sa.Text()),
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
        column("function", sa.Text()),
        column("state", sa.Text()),
        sa.PrimaryKeyConstraint("seq"),
        sqlite_autoincrement=True,
    )
    op.create_index("finishes_of", "finishes", ["function", "state", "seq"])
    op.create_table(
        "functions",
        column("name", sa.Text()),
        column("state", sa.Text()),
        column("created", sa.Double()),
        column("tags", sa.Text()),
        column("latest", _BIG),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "logs",
        column("run_id", sa.Text()),
        column("attempt", _BIG),
        column("text", sa.Text()),
        sa.PrimaryKeyConstraint("run_id", "attempt"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "payloads",
        column("digest", sa.Text()),
        column("data", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("digest"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "records",
        column("seq", _BIG, autoincrement=True),
        column("topic", sa.Text()),
        column("key", sa.Text()),
        column("value", sa.Text()),
        column("timestamp", sa.Double()),
        column("cause", sa.Text()),
        column("hops", _BIG),
        sa.PrimaryKeyConstraint("seq"),
        sqlite_autoincrement=True,
    )
    op.create_index("records_of", "records", ["topic", "seq"])
    op.create_table(
        "runs",
        column("seq", _BIG, autoincrement=True),
        column("id", sa.Text()),
        column("function", sa.Text()),
        column("version", _BIG),
        column("alias", sa.Text()),
        column("trigger", sa.Text()),
        column("event_id", sa.Text()),
        column("created", sa.Double()),
        column("memory_mb", _BIG),
        column("state", sa.Text()),
        column("reason", sa.Text()),
        column("token", _BIG),
        column("attempts", _BIG),
        column("lost", _BIG),
        column("interrupted", _BIG),
        column("batch_size", _BIG),
        column("due", sa.Double()),
        column("priority", _BIG),
        column("parent", sa.Text()),
        column("hops", _BIG),
        column("worker", sa.Text()),
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
        column("price_book", sa.Text()),
        column("cost_usd", sa.Text()),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("staged", sa.Text(), nullable=True),
        sa.Column("emitted", sa.Text(), nullable=True),
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
        column("id", sa.Text()),
        column("function", sa.Text()),
        column("alias", sa.Text()),
        column("uri", sa.Text()),
        column("scheme", sa.Text()),
        column("options", sa.Text()),
        column("folder", sa.Text()),
        column("state", sa.Text()),
        sa.Column("position", sa.Text(), nullable=True),
        column("created", sa.Double()),
        column("error", sa.Text()),
        column("target", sa.Text()),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("triggers_of", "triggers", ["function"])
    op.create_table(
        "versions",
        column("function", sa.Text()),
        column("number", _BIG),
        column("digest", sa.Text()),
        column("kind", sa.Text()),
        column("source", sa.Text()),
        column("handler", sa.Text()),
        column("filename", sa.Text()),
        column("folder", sa.Text()),
        column("options", sa.Text()),
        column("captured", sa.Text()),
        column("packages", sa.Text()),
        column("python", sa.Text()),
        column("bundle", sa.Text()),
        column("created", sa.Double()),
        sa.PrimaryKeyConstraint("function", "number"),
        sa.UniqueConstraint("function", "digest", name="versions_digest"),
    )
    op.create_table(
        "worker_busy",
        column("worker", sa.Text()),
        column("minute", _BIG),
        column("busy_s", sa.Double()),
        sa.PrimaryKeyConstraint("worker", "minute"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "workers",
        column("id", sa.Text()),
        column("name", sa.Text()),
        column("slots", _BIG),
        column("joined", sa.Double()),
        sa.Column("left", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
