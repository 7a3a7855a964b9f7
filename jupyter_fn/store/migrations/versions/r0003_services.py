"""Several services on one store: who they are, what each leads, and what tells them of each other's work."""

from __future__ import annotations

from functools import partial

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
column = partial(sa.Column, nullable=False)


def upgrade() -> None:
    """Add tables, and to workers the service that they work for."""
    op.create_table(
        "services",
        column("id", _TEXT),
        column("url", _TEXT),
        column("host", _TEXT),
        column("pid", _BIG),
        column("started", sa.Double()),
        column("beat", sa.Double()),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "leases",
        column("partition", _BIG, autoincrement=False),
        column("owner", _TEXT),
        column("until", sa.Double()),
        sa.PrimaryKeyConstraint("partition"),
    )
    op.create_table(
        "books",
        column("name", _TEXT),
        column("prices", _TEXT),
        sa.PrimaryKeyConstraint("name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "marks",
        column("name", _TEXT),
        column("seq", _BIG),
        sa.PrimaryKeyConstraint("name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "writers",
        column("id", _TEXT),
        column("seq", _BIG),
        column("at", sa.Double()),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.add_column("workers", column("service", _TEXT, server_default=""))
