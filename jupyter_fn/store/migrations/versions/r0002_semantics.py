"""Batches that split, lanes, effects, destinations, circuit breakers."""

from __future__ import annotations

from functools import partial

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
column = partial(sa.Column, nullable=False)


def upgrade() -> None:
    """Add columns, tables and indices."""
    _grow_runs()
    _grow_events()
    _make_tables()


def _partial_index(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)


def _grow_runs() -> None:
    for name in ("throttled", "tried"):
        op.add_column("runs", column(name, _BIG, server_default="0"))
    for name in ("parts", "failed", "data"):
        op.add_column("runs", sa.Column(name, _TEXT, nullable=True))
    for name in ("concurrency_key", "lane", "rank", "replay", "barrier"):
        op.add_column("runs", column(name, _TEXT, server_default=""))
    op.drop_index("runs_queued", "runs")
    queued = "state = 'queued' AND lane = ''"
    _partial_index("runs_queued", "runs", ["function", "priority", "seq", "due"], queued)
    op.drop_index("runs_redriven", "runs")
    _partial_index("runs_redriven", "runs", ["function", "replay", "parent"], "parent != ''")
    _partial_index("runs_superseded", "runs", ["function", "trigger"], "reason = 'Superseded'")
    op.drop_index("runs_state", "runs")
    op.create_index("runs_state", "runs", ["function", "state", "seq", "trigger", "replay", "batch_size"])
    lanes = "state = 'queued' AND lane != ''"
    ranks = "state IN ('claimed', 'publishing', 'running', 'queued', 'waiting') AND rank != ''"
    _partial_index("runs_lanes", "runs", ["function", "lane", "rank", "priority", "seq"], lanes)
    _partial_index("runs_replays", "runs", ["replay", "seq"], "replay != ''")
    _partial_index("runs_ranks", "runs", ["function", "lane", "rank", "seq"], ranks)


def _grow_events() -> None:
    op.add_column("events", column("size", _BIG, server_default="1"))
    op.add_column("events", column("batch", _TEXT, server_default=""))
    op.execute(
        "UPDATE events SET size = (SELECT max(batch_size) FROM runs WHERE runs.event_id = events.id)"
        " WHERE type = 'stream.batch' AND EXISTS (SELECT 1 FROM runs WHERE runs.event_id = events.id)"
    )
    op.drop_index("events_of", "events")
    op.create_index("events_of", "events", ["function", "trigger", "batch", "size"])
    _partial_index("events_gathering", "events", ["trigger", "seq"], "batch = '?'")


def _make_tables() -> None:
    op.create_table(
        "effects",
        column("run_id", _TEXT),
        column("name", _TEXT),
        column("token", _BIG),
        column("entered", sa.Double()),
        sa.Column("done", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("run_id", "name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "outputs",
        column("path", _TEXT),
        column("run_id", _TEXT),
        column("function", _TEXT),
        column("hops", _BIG),
        column("at", sa.Double()),
        sa.PrimaryKeyConstraint("path"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "deliveries",
        column("seq", _BIG, autoincrement=True),
        column("id", _TEXT),
        column("function", _TEXT),
        column("run_id", _TEXT),
        column("target", _TEXT),
        column("body", _TEXT),
        column("created", sa.Double()),
        column("due", sa.Double()),
        column("tries", _BIG),
        column("state", _TEXT),
        column("error", _TEXT),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id", name="deliveries_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("deliveries_of", "deliveries", ["run_id", "seq"])
    _partial_index("deliveries_due", "deliveries", ["due"], "state = 'due'")
    _partial_index("deliveries_dead", "deliveries", ["function"], "state = 'dead'")
    op.create_table(
        "breakers",
        column("function", _TEXT),
        column("since", sa.Double()),
        column("until", sa.Double()),
        column("trips", _BIG),
        column("error", _TEXT),
        sa.PrimaryKeyConstraint("function"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "parked",
        column("function", _TEXT),
        column("lane", _TEXT),
        column("run_id", _TEXT),
        column("since", sa.Double()),
        sa.PrimaryKeyConstraint("function", "lane"),
        sqlite_with_rowid=False,
    )
